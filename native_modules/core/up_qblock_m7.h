// SPDX-License-Identifier: MIT
// Written by tools/m7_order.py: change that. See up_qblock_dsp.h.
#ifndef UP_QBLOCK_M7_H
#define UP_QBLOCK_M7_H

// See block_out(); estimated 45 cycles, 68 instructions.
#define QBLOCK_OUT \
    "smmulr r2, r2, r8\n" "ldr r9, [r0, #4]\n" "smmulr r5, r5, r8\n" "ldr r8, [r0, #12]\n" \
    "ldr r10, [r0, #8]\n" "smmulr r3, r3, r9\n" "smmulr r6, r6, r9\n" "ldr r9, [r0, #16]\n" \
    "usat r11, #15, r5\n" "smmulr r4, r4, r10\n" "usat r12, #15, r3\n" "smmulr r7, r7, r10\n" \
    "ssat r3, #16, r3\n" "ldr r10, [r0, #20]\n" "ssat r5, #16, r5\n" "sub r3, r3, r12\n" \
    "usat lr, #15, r7\n" "smmlar r3, r3, r9, r12\n" "ssat r7, #16, r7\n" "sub r5, r5, r11\n" \
    "usat r12, #15, r6\n" "smmlar r5, r5, r8, r11\n" "usat r11, #15, r2\n" "sub r7, r7, lr\n" \
    "ssat r2, #16, r2\n" "smmlar r7, r7, r10, lr\n" "ssat r6, #16, r6\n" "sub r2, r2, r11\n" \
    "sub r6, r6, r12\n" "smmlar r2, r2, r8, r11\n" "ldr r11, [r0, #24]\n" "smmlar r6, r6, r9, r12\n" \
    "usat r12, #15, r4\n" "ldr r8, %[head]\n" "ssat r4, #16, r4\n" "add r8, r8, r1\n" \
    "ldr lr, [r8]\n" "sub r4, r4, r12\n" "smmlar r4, r4, r10, r12\n" "mov r10, #8192\n" \
    "smlabb r12, lr, r11, r10\n" "ldr r9, [r8, #4]\n" "smlabt r12, r2, r11, r12\n" "smlatb lr, lr, r11, r10\n" \
    "smlabt lr, r3, r11, lr\n" "ssat r12, #16, r12, asr #14\n" "ssat lr, #16, lr, asr #14\n" "pkhbt lr, r12, lr, lsl #16\n" \
    "smlabb r12, r9, r11, r10\n" "smlatb r9, r9, r11, r10\n" "smlabt r12, r5, r11, r12\n" "smlabt r9, r6, r11, r9\n" \
    "str lr, [r8]\n" "ssat r12, #16, r12, asr #14\n" "ldr lr, [r8, #128]\n" "ssat r9, #16, r9, asr #14\n" \
    "smlabb lr, lr, r11, r10\n" "pkhbt r9, r12, r9, lsl #16\n" "ldr r12, [r8, #132]\n" "smlabt lr, r4, r11, lr\n" \
    "smlabb r12, r12, r11, r10\n" "smlabt r12, r7, r11, r12\n" "ssat lr, #16, lr, asr #14\n" "str r9, [r8, #4]\n" \
    "uxth lr, lr\n" "ssat r12, #16, r12, asr #14\n" "uxth r12, r12\n" "strd lr, r12, [r8, #128]\n"

// See block_dense(); estimated 25 cycles, 48 instructions.
#define QBLOCK_DENSE \
    "ldr r8, [r0, #28]\n" "ldr r12, [r0, #40]\n" "pkhbt r2, r2, r3, lsl #16\n" "mov r3, r8\n" \
    "smlad r8, r12, r2, r8\n" "ldr lr, [r0, #44]\n" "pkhbt r5, r5, r6, lsl #16\n" "ldr r10, [r0, #36]\n" \
    "smlad r3, r12, r5, r3\n" "ldr r9, [r0, #32]\n" "mov r11, r10\n" "ldr r12, [r0, #48]\n" \
    "mov r6, r9\n" "smlad r9, lr, r2, r9\n" "smlad r10, r12, r2, r10\n" "ldr r2, [r0, #64]\n" \
    "smlad r11, r12, r5, r11\n" "ldr r12, [r0, #52]\n" "smlad r6, lr, r5, r6\n" "ldr lr, [r0, #56]\n" \
    "smlad r8, r12, r4, r8\n" "ldr r5, [r0, #72]\n" "smlad r6, lr, r7, r6\n" "smlad r3, r12, r7, r3\n" \
    "ldr r12, [r0, #60]\n" "smlad r9, lr, r4, r9\n" "ldr lr, [r0, #76]\n" "smmulr r3, r3, r2\n" \
    "smlad r10, r12, r4, r10\n" "ldr r4, [r0, #68]\n" "smlad r11, r12, r7, r11\n" "ldr r7, %[plus]\n" \
    "smmulr r9, r9, r4\n" "add r7, r7, r1\n" "ssat r3, #16, r3\n" "smmulr r10, r10, r5\n" \
    "smmulr r6, r6, r4\n" "ldr r4, [r7]\n" "ssat r9, #16, r9\n" "smmulr r11, r11, r5\n" \
    "ssat r10, #16, r10\n" "smmulr r8, r8, r2\n" "ssat r6, #16, r6\n" "ldr r2, [r7, #128]\n" \
    "ssat r11, #16, r11\n" "ldr r5, [r7, #4]\n" "ssat r8, #16, r8\n" "ldr r7, [r7, #132]\n"

// See block_add(); estimated 10 cycles, 12 instructions.
#define QBLOCK_ADD \
    "qadd16 r10, r10, r2\n" "ldr r12, %[out]\n" "uxth r10, r10\n" "add r12, r12, r1\n" \
    "qadd16 r11, r11, r7\n" "uxth r11, r11\n" "strd r10, r11, [r12, #128]\n" "pkhbt r8, r8, r9, lsl #16\n" \
    "qadd16 r8, r8, r4\n" "pkhbt r9, r3, r6, lsl #16\n" "qadd16 r9, r9, r5\n" "strd r8, r9, [r12]\n"

// See block_scale(); estimated 20 cycles, 27 instructions.
#define QBLOCK_SCALE \
    "mov r12, #8192\n" "smlabb r2, r2, lr, r12\n" "smlabb r0, r4, lr, r12\n" "smlabb r7, r7, lr, r12\n" \
    "add r10, r10, r2, asr #14\n" "smlatb r4, r4, lr, r12\n" "add r8, r8, r0, asr #14\n" "smlabb r0, r5, lr, r12\n" \
    "ssat r10, #16, r10\n" "smlatb r5, r5, lr, r12\n" "uxth r10, r10\n" "add r11, r11, r7, asr #14\n" \
    "add r9, r9, r4, asr #14\n" "ldr r12, %[out]\n" "ssat r11, #16, r11\n" "add r12, r12, r1\n" \
    "add r6, r6, r5, asr #14\n" "uxth r11, r11\n" "add r3, r3, r0, asr #14\n" "strd r10, r11, [r12, #128]\n" \
    "ssat r6, #16, r6\n" "ssat r9, #16, r9\n" "ssat r8, #16, r8\n" "ssat r3, #16, r3\n" \
    "pkhbt r8, r8, r9, lsl #16\n" "pkhbt r9, r3, r6, lsl #16\n" "strd r8, r9, [r12]\n"

#endif
