// SPDX-License-Identifier: MIT
// Written by tools/m7_order.py: change that. See up_qtile_dsp.h.
#ifndef UP_QTILE_M7_H
#define UP_QTILE_M7_H

// 4 rows; estimated 25 cycles, 47 instructions.
#define QTILE_S16_4 \
    "ldr r1, %[y]\n" "smmulr r2, r2, r10\n" "ldr r11, [r0, #4]\n" "smmulr r6, r6, r10\n" \
    "ldr r10, %[bias]\n" "ldr lr, [r0, #12]\n" "smmulr r7, r7, r11\n" "ldr r12, [r0, #8]\n" \
    "smmulr r3, r3, r11\n" "ldr r11, %[end]\n" "ssat r2, #16, r2\n" "smmulr r8, r8, r12\n" \
    "ssat r7, #16, r7\n" "ldr r0, %[v]\n" "ssat r3, #16, r3\n" "smmulr r4, r4, r12\n" \
    "ssat r6, #16, r6\n" "smmulr r5, r5, lr\n" "pkhbt r2, r2, r3, lsl #16\n" "smmulr r9, r9, lr\n" \
    "pkhbt r3, r6, r7, lsl #16\n" "ldr r6, [r10, #0]\n" "ssat r4, #16, r4\n" "ldr r7, [r10, #4]\n" \
    "ssat r9, #16, r9\n" "add r1, r1, r0\n" "ssat r8, #16, r8\n" "add r0, r0, #8\n" \
    "str r0, %[v]\n" "ldr lr, [r0, #4]\n" "ssat r5, #16, r5\n" "ldr r12, [r0]\n" \
    "strd r2, r3, [r1]\n" "pkhbt r4, r4, r5, lsl #16\n" "mov r3, r7\n" "mov r2, r6\n" \
    "cmp r0, r11\n" "pkhbt r5, r8, r9, lsl #16\n" "ldr r9, [r10, #12]\n" "strd r4, r5, [r1, #128]\n" \
    "mov r5, r9\n" "ldr r1, %[v_skip]\n" "ldr r8, [r10, #8]\n" "add r1, r1, r0\n" \
    "ldr r0, %[w]\n" "mov r4, r8\n" "ldr r10, [r10, #16]\n"

// 4 rows; estimated 25 cycles, 47 instructions.
#define QTILE_U15_4 \
    "ldr r1, %[y]\n" "smmulr r2, r2, r10\n" "ldr r11, [r0, #4]\n" "smmulr r6, r6, r10\n" \
    "ldr r10, %[bias]\n" "ldr lr, [r0, #12]\n" "smmulr r7, r7, r11\n" "ldr r12, [r0, #8]\n" \
    "smmulr r3, r3, r11\n" "ldr r11, %[end]\n" "usat r2, #15, r2\n" "smmulr r8, r8, r12\n" \
    "usat r7, #15, r7\n" "ldr r0, %[v]\n" "usat r3, #15, r3\n" "smmulr r4, r4, r12\n" \
    "usat r6, #15, r6\n" "smmulr r5, r5, lr\n" "pkhbt r2, r2, r3, lsl #16\n" "smmulr r9, r9, lr\n" \
    "pkhbt r3, r6, r7, lsl #16\n" "ldr r6, [r10, #0]\n" "usat r4, #15, r4\n" "ldr r7, [r10, #4]\n" \
    "usat r9, #15, r9\n" "add r1, r1, r0\n" "usat r8, #15, r8\n" "add r0, r0, #8\n" \
    "str r0, %[v]\n" "ldr lr, [r0, #4]\n" "usat r5, #15, r5\n" "ldr r12, [r0]\n" \
    "strd r2, r3, [r1]\n" "pkhbt r4, r4, r5, lsl #16\n" "mov r3, r7\n" "mov r2, r6\n" \
    "cmp r0, r11\n" "pkhbt r5, r8, r9, lsl #16\n" "ldr r9, [r10, #12]\n" "strd r4, r5, [r1, #128]\n" \
    "mov r5, r9\n" "ldr r1, %[v_skip]\n" "ldr r8, [r10, #8]\n" "add r1, r1, r0\n" \
    "ldr r0, %[w]\n" "mov r4, r8\n" "ldr r10, [r10, #16]\n"

// 4 rows; estimated 25 cycles, 47 instructions.
#define QTILE_S8_4 \
    "ldr r1, %[y]\n" "smmulr r2, r2, r10\n" "ldr r11, [r0, #4]\n" "smmulr r6, r6, r10\n" \
    "ldr r10, %[bias]\n" "ldr lr, [r0, #12]\n" "smmulr r7, r7, r11\n" "ldr r12, [r0, #8]\n" \
    "smmulr r3, r3, r11\n" "ldr r11, %[end]\n" "ssat r2, #8, r2\n" "smmulr r8, r8, r12\n" \
    "ssat r7, #8, r7\n" "ldr r0, %[v]\n" "ssat r3, #8, r3\n" "smmulr r4, r4, r12\n" \
    "ssat r6, #8, r6\n" "smmulr r5, r5, lr\n" "pkhbt r2, r2, r3, lsl #16\n" "smmulr r9, r9, lr\n" \
    "pkhbt r3, r6, r7, lsl #16\n" "ldr r6, [r10, #0]\n" "ssat r4, #8, r4\n" "ldr r7, [r10, #4]\n" \
    "ssat r9, #8, r9\n" "add r1, r1, r0\n" "ssat r8, #8, r8\n" "add r0, r0, #8\n" \
    "str r0, %[v]\n" "ldr lr, [r0, #4]\n" "ssat r5, #8, r5\n" "ldr r12, [r0]\n" \
    "strd r2, r3, [r1]\n" "pkhbt r4, r4, r5, lsl #16\n" "mov r3, r7\n" "mov r2, r6\n" \
    "cmp r0, r11\n" "pkhbt r5, r8, r9, lsl #16\n" "ldr r9, [r10, #12]\n" "strd r4, r5, [r1, #128]\n" \
    "mov r5, r9\n" "ldr r1, %[v_skip]\n" "ldr r8, [r10, #8]\n" "add r1, r1, r0\n" \
    "ldr r0, %[w]\n" "mov r4, r8\n" "ldr r10, [r10, #16]\n"

// 4 rows; estimated 25 cycles, 47 instructions.
#define QTILE_U7_4 \
    "ldr r1, %[y]\n" "smmulr r2, r2, r10\n" "ldr r11, [r0, #4]\n" "smmulr r6, r6, r10\n" \
    "ldr r10, %[bias]\n" "ldr lr, [r0, #12]\n" "smmulr r7, r7, r11\n" "ldr r12, [r0, #8]\n" \
    "smmulr r3, r3, r11\n" "ldr r11, %[end]\n" "usat r2, #7, r2\n" "smmulr r8, r8, r12\n" \
    "usat r7, #7, r7\n" "ldr r0, %[v]\n" "usat r3, #7, r3\n" "smmulr r4, r4, r12\n" \
    "usat r6, #7, r6\n" "smmulr r5, r5, lr\n" "pkhbt r2, r2, r3, lsl #16\n" "smmulr r9, r9, lr\n" \
    "pkhbt r3, r6, r7, lsl #16\n" "ldr r6, [r10, #0]\n" "usat r4, #7, r4\n" "ldr r7, [r10, #4]\n" \
    "usat r9, #7, r9\n" "add r1, r1, r0\n" "usat r8, #7, r8\n" "add r0, r0, #8\n" \
    "str r0, %[v]\n" "ldr lr, [r0, #4]\n" "usat r5, #7, r5\n" "ldr r12, [r0]\n" \
    "strd r2, r3, [r1]\n" "pkhbt r4, r4, r5, lsl #16\n" "mov r3, r7\n" "mov r2, r6\n" \
    "cmp r0, r11\n" "pkhbt r5, r8, r9, lsl #16\n" "ldr r9, [r10, #12]\n" "strd r4, r5, [r1, #128]\n" \
    "mov r5, r9\n" "ldr r1, %[v_skip]\n" "ldr r8, [r10, #8]\n" "add r1, r1, r0\n" \
    "ldr r0, %[w]\n" "mov r4, r8\n" "ldr r10, [r10, #16]\n"

// 4 rows; estimated 30 cycles, 57 instructions.
#define QTILE_PLUS_4 \
    "smmulr r2, r2, r10\n" "ldr r12, [r0, #8]\n" "ldr lr, [r0, #12]\n" "smmulr r6, r6, r10\n" \
    "ldr r10, %[plus]\n" "smmulr r4, r4, r12\n" "ssat r2, #16, r2\n" "smmulr r5, r5, lr\n" \
    "smmulr r9, r9, lr\n" "ldr r1, %[y]\n" "ssat r4, #16, r4\n" "smmulr r8, r8, r12\n" \
    "ssat r6, #16, r6\n" "ldr r11, [r0, #4]\n" "ssat r9, #16, r9\n" "ldr r0, %[v]\n" \
    "add r1, r1, r0\n" "smmulr r3, r3, r11\n" "add r10, r10, r1\n" "add r0, r0, #8\n" \
    "ssat r8, #16, r8\n" "str r0, %[v]\n" "ssat r3, #16, r3\n" "ldr r12, [r10]\n" \
    "ssat r5, #16, r5\n" "smmulr r7, r7, r11\n" "pkhbt r2, r2, r3, lsl #16\n" "ldr r11, [r10, #128]\n" \
    "qadd16 r2, r2, r12\n" "ldr r12, [r0]\n" "ssat r7, #16, r7\n" "ldr lr, [r10, #4]\n" \
    "pkhbt r4, r4, r5, lsl #16\n" "ldr r10, [r10, #132]\n" "qadd16 r4, r4, r11\n" "ldr r11, %[end]\n" \
    "pkhbt r3, r6, r7, lsl #16\n" "cmp r0, r11\n" "qadd16 r3, r3, lr\n" "ldr lr, [r0, #4]\n" \
    "pkhbt r5, r8, r9, lsl #16\n" "qadd16 r5, r5, r10\n" "ldr r10, %[bias]\n" "strd r4, r5, [r1, #128]\n" \
    "strd r2, r3, [r1]\n" "ldr r6, [r10, #0]\n" "ldr r1, %[v_skip]\n" "mov r2, r6\n" \
    "ldr r7, [r10, #4]\n" "mov r3, r7\n" "ldr r9, [r10, #12]\n" "mov r5, r9\n" \
    "add r1, r1, r0\n" "ldr r0, %[w]\n" "ldr r8, [r10, #8]\n" "ldr r10, [r10, #16]\n" \
    "mov r4, r8\n"

// 4 rows; estimated 39 cycles, 75 instructions.
#define QTILE_MIX_4 \
    "ldr r1, %[y]\n" "ldr r11, [r0, #4]\n" "smmulr r2, r2, r10\n" "ldr r12, [r0, #8]\n" \
    "smmulr r7, r7, r11\n" "ldr lr, [r0, #12]\n" "smmulr r4, r4, r12\n" "ldr r0, %[v]\n" \
    "add r1, r1, r0\n" "smmulr r9, r9, lr\n" "ssat r2, #16, r2\n" "smmulr r5, r5, lr\n" \
    "ssat r7, #16, r7\n" "smmulr r8, r8, r12\n" "ssat r4, #16, r4\n" "smmulr r6, r6, r10\n" \
    "ssat r5, #16, r5\n" "ldr r10, %[plus]\n" "ssat r8, #16, r8\n" "add r10, r10, r1\n" \
    "ssat r6, #16, r6\n" "smmulr r3, r3, r11\n" "pkhbt r4, r4, r5, lsl #16\n" "ldr r11, [r10, #128]\n" \
    "ssat r9, #16, r9\n" "ldr lr, [r10, #4]\n" "ssat r3, #16, r3\n" "ldr r12, [r10]\n" \
    "pkhbt r5, r8, r9, lsl #16\n" "ldr r8, %[factor]\n" "pkhbt r2, r2, r3, lsl #16\n" "mov r9, #8192\n" \
    "pkhbt r3, r6, r7, lsl #16\n" "smlatb r7, lr, r8, r9\n" "smlatb r6, r12, r8, r9\n" "ldr r10, [r10, #132]\n" \
    "smlabb r12, r12, r8, r9\n" "lsls r7, r7, #2\n" "smlabb lr, lr, r8, r9\n" "lsls r6, r6, #2\n" \
    "add r0, r0, #8\n" "str r0, %[v]\n" "pkhtb r12, r6, r12, asr #14\n" "smlatb r6, r11, r8, r9\n" \
    "pkhtb lr, r7, lr, asr #14\n" "smlabb r11, r11, r8, r9\n" "lsls r6, r6, #2\n" "smlatb r7, r10, r8, r9\n" \
    "qadd16 r2, r2, r12\n" "ldr r12, [r0]\n" "pkhtb r11, r6, r11, asr #14\n" "smlabb r10, r10, r8, r9\n" \
    "qadd16 r4, r4, r11\n" "lsls r7, r7, #2\n" "qadd16 r3, r3, lr\n" "ldr lr, [r0, #4]\n" \
    "pkhtb r10, r7, r10, asr #14\n" "ldr r11, %[end]\n" "qadd16 r5, r5, r10\n" "ldr r10, %[bias]\n" \
    "strd r4, r5, [r1, #128]\n" "strd r2, r3, [r1]\n" "ldr r7, [r10, #4]\n" "ldr r8, [r10, #8]\n" \
    "ldr r9, [r10, #12]\n" "mov r4, r8\n" "mov r5, r9\n" "mov r3, r7\n" \
    "ldr r6, [r10, #0]\n" "ldr r1, %[v_skip]\n" "mov r2, r6\n" "cmp r0, r11\n" \
    "ldr r10, [r10, #16]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n"

// 4 rows; estimated 48 cycles, 93 instructions.
#define QTILE_TABLE_4 \
    "smmulr r2, r2, r10\n" "ldr r11, [r0, #4]\n" "smmulr r6, r6, r10\n" "ldr r12, [r0, #8]\n" \
    "ldr lr, [r0, #12]\n" "smmulr r3, r3, r11\n" "ssat r2, #16, r2\n" "smmulr r8, r8, r12\n" \
    "asrs r0, r2, #6\n" "smmulr r9, r9, lr\n" "ssat r6, #16, r6\n" "and r2, r2, #63\n" \
    "ssat r8, #16, r8\n" "smmulr r5, r5, lr\n" "ldr lr, %[middle]\n" "smmulr r4, r4, r12\n" \
    "mov.w r10, r8, asr #6\n" "mov r12, #32\n" "ssat r5, #16, r5\n" "and r8, r8, #63\n" \
    "ssat r3, #16, r3\n" "ldr r10, [lr, r10, lsl #2]\n" "ssat r4, #16, r4\n" "asrs r1, r3, #6\n" \
    "smlabb r8, r10, r8, r12\n" "and r3, r3, #63\n" "ldr r0, [lr, r0, lsl #2]\n" "ldr r1, [lr, r1, lsl #2]\n" \
    "ssat r9, #16, r9\n" "smmulr r7, r7, r11\n" "smlabb r2, r0, r2, r12\n" "add r8, r8, r10, asr #10\n" \
    "mov.w r11, r9, asr #6\n" "smlabb r3, r1, r3, r12\n" "add r2, r2, r0, asr #10\n" "ldr r10, %[bias]\n" \
    "ssat r7, #16, r7\n" "asrs r0, r6, #6\n" "and r6, r6, #63\n" "add r3, r3, r1, asr #10\n" \
    "asrs r1, r7, #6\n" "and r7, r7, #63\n" "ldr r1, [lr, r1, lsl #2]\n" "ldr r0, [lr, r0, lsl #2]\n" \
    "ldr r11, [lr, r11, lsl #2]\n" "lsls r3, r3, #10\n" "smlabb r7, r1, r7, r12\n" "and r9, r9, #63\n" \
    "pkhtb r2, r3, r2, asr #6\n" "smlabb r9, r11, r9, r12\n" "add r7, r7, r1, asr #10\n" "asrs r1, r5, #6\n" \
    "lsls r7, r7, #10\n" "ldr r1, [lr, r1, lsl #2]\n" "smlabb r6, r0, r6, r12\n" "add r9, r9, r11, asr #10\n" \
    "ldr r11, %[end]\n" "and r5, r5, #63\n" "add r6, r6, r0, asr #10\n" "smlabb r5, r1, r5, r12\n" \
    "asrs r0, r4, #6\n" "mov.w r9, r9, lsl #10\n" "ldr r0, [lr, r0, lsl #2]\n" "and r4, r4, #63\n" \
    "pkhtb r3, r7, r6, asr #6\n" "ldr r7, [r10, #4]\n" "smlabb r4, r0, r4, r12\n" "ldr r6, [r10, #0]\n" \
    "add r5, r5, r1, asr #10\n" "ldr r1, %[y]\n" "add r4, r4, r0, asr #10\n" "ldr r0, %[v]\n" \
    "add r1, r1, r0\n" "add r0, r0, #8\n" "ldr r12, [r0]\n" "str r0, %[v]\n" \
    "ldr lr, [r0, #4]\n" "lsls r5, r5, #10\n" "pkhtb r4, r5, r4, asr #6\n" "cmp r0, r11\n" \
    "pkhtb r5, r9, r8, asr #6\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" "mov r4, r8\n" \
    "ldr r9, [r10, #12]\n" "ldr r10, [r10, #16]\n" "mov r5, r9\n" "strd r2, r3, [r1]\n" \
    "mov r2, r6\n" "ldr r1, %[v_skip]\n" "add r1, r1, r0\n" "mov r3, r7\n" \
    "ldr r0, %[w]\n"

// 4 rows; estimated 39 cycles, 75 instructions.
#define QTILE_SLOPES_4 \
    "smmulr r2, r2, r10\n" "ldr r11, [r0, #4]\n" "smmulr r6, r6, r10\n" "ldr r10, %[slope0]\n" \
    "smmulr r3, r3, r11\n" "ldr r12, [r0, #8]\n" "ldr lr, [r0, #12]\n" "smmulr r7, r7, r11\n" \
    "usat r1, #15, r6\n" "ldr r11, %[slope1]\n" "usat r0, #15, r2\n" "smmulr r9, r9, lr\n" \
    "ssat r6, #16, r6\n" "smmulr r4, r4, r12\n" "smmulr r8, r8, r12\n" "ldr r12, %[slope2]\n" \
    "ssat r2, #16, r2\n" "sub r6, r6, r1\n" "smmlar r6, r6, r10, r1\n" "sub r2, r2, r0\n" \
    "usat r1, #15, r7\n" "smmlar r2, r2, r10, r0\n" "usat r0, #15, r3\n" "ldr r10, %[bias]\n" \
    "ssat r3, #16, r3\n" "smmulr r5, r5, lr\n" "sub r3, r3, r0\n" "ldr lr, %[slope3]\n" \
    "ssat r7, #16, r7\n" "smmlar r3, r3, r11, r0\n" "usat r0, #15, r4\n" "sub r7, r7, r1\n" \
    "ssat r4, #16, r4\n" "smmlar r7, r7, r11, r1\n" "sub r4, r4, r0\n" "ldr r11, %[end]\n" \
    "usat r1, #15, r8\n" "smmlar r4, r4, r12, r0\n" "ssat r8, #16, r8\n" "usat r0, #15, r5\n" \
    "sub r8, r8, r1\n" "ssat r5, #16, r5\n" "smmlar r8, r8, r12, r1\n" "usat r1, #15, r9\n" \
    "sub r5, r5, r0\n" "ssat r9, #16, r9\n" "smmlar r5, r5, lr, r0\n" "sub r9, r9, r1\n" \
    "ldr r0, %[v]\n" "smmlar r9, r9, lr, r1\n" "ldr r1, %[y]\n" "pkhbt r4, r4, r5, lsl #16\n" \
    "add r1, r1, r0\n" "pkhbt r2, r2, r3, lsl #16\n" "add r0, r0, #8\n" "str r0, %[v]\n" \
    "ldr r12, [r0]\n" "pkhbt r5, r8, r9, lsl #16\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" \
    "pkhbt r3, r6, r7, lsl #16\n" "ldr r7, [r10, #4]\n" "strd r2, r3, [r1]\n" "ldr r6, [r10, #0]\n" \
    "mov r4, r8\n" "mov r2, r6\n" "ldr lr, [r0, #4]\n" "ldr r9, [r10, #12]\n" \
    "mov r3, r7\n" "mov r5, r9\n" "ldr r10, [r10, #16]\n" "cmp r0, r11\n" \
    "ldr r1, %[v_skip]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n"

// 4 rows; estimated 17 cycles, 32 instructions.
#define QTILE_HALF_S8_4 \
    "ldr r1, %[y]\n" "ldr r0, %[v]\n" "pkhtb r2, r3, r2, asr #16\n" "add r1, r1, r0\n" \
    "pkhtb r4, r5, r4, asr #16\n" "add r0, r0, #8\n" "pkhtb r5, r9, r8, asr #16\n" "ldr lr, [r0, #4]\n" \
    "pkhtb r3, r7, r6, asr #16\n" "ldr r10, %[bias]\n" "ssat16 r2, #8, r2\n" "str r0, %[v]\n" \
    "ssat16 r3, #8, r3\n" "ldr r11, %[end]\n" "ldr r8, [r10, #8]\n" "cmp r0, r11\n" \
    "strd r2, r3, [r1]\n" "ldr r9, [r10, #12]\n" "ldr r6, [r10, #0]\n" "ssat16 r4, #8, r4\n" \
    "mov r2, r6\n" "ssat16 r5, #8, r5\n" "ldr r12, [r0]\n" "strd r4, r5, [r1, #128]\n" \
    "mov r4, r8\n" "ldr r1, %[v_skip]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n" \
    "mov r5, r9\n" "ldr r7, [r10, #4]\n" "mov r3, r7\n" "ldr r10, [r10, #16]\n"

// 4 rows; estimated 17 cycles, 32 instructions.
#define QTILE_HALF_U7_4 \
    "ldr r1, %[y]\n" "ldr r0, %[v]\n" "pkhtb r2, r3, r2, asr #16\n" "add r1, r1, r0\n" \
    "pkhtb r4, r5, r4, asr #16\n" "add r0, r0, #8\n" "pkhtb r5, r9, r8, asr #16\n" "ldr lr, [r0, #4]\n" \
    "pkhtb r3, r7, r6, asr #16\n" "ldr r10, %[bias]\n" "usat16 r2, #7, r2\n" "str r0, %[v]\n" \
    "usat16 r3, #7, r3\n" "ldr r11, %[end]\n" "ldr r8, [r10, #8]\n" "cmp r0, r11\n" \
    "strd r2, r3, [r1]\n" "ldr r9, [r10, #12]\n" "ldr r6, [r10, #0]\n" "usat16 r4, #7, r4\n" \
    "mov r2, r6\n" "usat16 r5, #7, r5\n" "ldr r12, [r0]\n" "strd r4, r5, [r1, #128]\n" \
    "mov r4, r8\n" "ldr r1, %[v_skip]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n" \
    "mov r5, r9\n" "ldr r7, [r10, #4]\n" "mov r3, r7\n" "ldr r10, [r10, #16]\n"

// 3 rows; estimated 21 cycles, 40 instructions.
#define QTILE_S16_3 \
    "ldr r11, [r0, #4]\n" "smmulr r2, r2, r10\n" "ldr r1, %[y]\n" "ldr r12, [r0, #8]\n" \
    "ldr r0, %[v]\n" "smmulr r7, r7, r11\n" "smmulr r4, r4, r12\n" "add r1, r1, r0\n" \
    "smmulr r3, r3, r11\n" "add r0, r0, #8\n" "ssat r2, #16, r2\n" "smmulr r8, r8, r12\n" \
    "ssat r4, #16, r4\n" "ldr r12, [r0]\n" "ssat r3, #16, r3\n" "str r0, %[v]\n" \
    "ssat r8, #16, r8\n" "smmulr r6, r6, r10\n" "ssat r7, #16, r7\n" "ldr r10, %[bias]\n" \
    "uxth r5, r8\n" "ldr r11, %[end]\n" "ssat r6, #16, r6\n" "cmp r0, r11\n" \
    "uxth r4, r4\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" "pkhbt r2, r2, r3, lsl #16\n" \
    "ldr lr, [r0, #4]\n" "pkhbt r3, r6, r7, lsl #16\n" "ldr r7, [r10, #4]\n" "strd r2, r3, [r1]\n" \
    "ldr r1, %[v_skip]\n" "ldr r6, [r10, #0]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n" \
    "ldr r10, [r10, #16]\n" "mov r2, r6\n" "mov r3, r7\n" "mov r4, r8\n"

// 3 rows; estimated 21 cycles, 40 instructions.
#define QTILE_U15_3 \
    "ldr r11, [r0, #4]\n" "smmulr r2, r2, r10\n" "ldr r1, %[y]\n" "ldr r12, [r0, #8]\n" \
    "ldr r0, %[v]\n" "smmulr r7, r7, r11\n" "smmulr r4, r4, r12\n" "add r1, r1, r0\n" \
    "smmulr r3, r3, r11\n" "add r0, r0, #8\n" "usat r2, #15, r2\n" "smmulr r8, r8, r12\n" \
    "usat r4, #15, r4\n" "ldr r12, [r0]\n" "usat r3, #15, r3\n" "str r0, %[v]\n" \
    "usat r8, #15, r8\n" "smmulr r6, r6, r10\n" "usat r7, #15, r7\n" "ldr r10, %[bias]\n" \
    "uxth r5, r8\n" "ldr r11, %[end]\n" "usat r6, #15, r6\n" "cmp r0, r11\n" \
    "uxth r4, r4\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" "pkhbt r2, r2, r3, lsl #16\n" \
    "ldr lr, [r0, #4]\n" "pkhbt r3, r6, r7, lsl #16\n" "ldr r7, [r10, #4]\n" "strd r2, r3, [r1]\n" \
    "ldr r1, %[v_skip]\n" "ldr r6, [r10, #0]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n" \
    "ldr r10, [r10, #16]\n" "mov r2, r6\n" "mov r3, r7\n" "mov r4, r8\n"

// 3 rows; estimated 21 cycles, 40 instructions.
#define QTILE_S8_3 \
    "ldr r11, [r0, #4]\n" "smmulr r2, r2, r10\n" "ldr r1, %[y]\n" "ldr r12, [r0, #8]\n" \
    "ldr r0, %[v]\n" "smmulr r7, r7, r11\n" "smmulr r4, r4, r12\n" "add r1, r1, r0\n" \
    "smmulr r3, r3, r11\n" "add r0, r0, #8\n" "ssat r2, #8, r2\n" "smmulr r8, r8, r12\n" \
    "ssat r4, #8, r4\n" "ldr r12, [r0]\n" "ssat r3, #8, r3\n" "str r0, %[v]\n" \
    "ssat r8, #8, r8\n" "smmulr r6, r6, r10\n" "ssat r7, #8, r7\n" "ldr r10, %[bias]\n" \
    "uxth r5, r8\n" "ldr r11, %[end]\n" "ssat r6, #8, r6\n" "cmp r0, r11\n" \
    "uxth r4, r4\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" "pkhbt r2, r2, r3, lsl #16\n" \
    "ldr lr, [r0, #4]\n" "pkhbt r3, r6, r7, lsl #16\n" "ldr r7, [r10, #4]\n" "strd r2, r3, [r1]\n" \
    "ldr r1, %[v_skip]\n" "ldr r6, [r10, #0]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n" \
    "ldr r10, [r10, #16]\n" "mov r2, r6\n" "mov r3, r7\n" "mov r4, r8\n"

// 3 rows; estimated 21 cycles, 40 instructions.
#define QTILE_U7_3 \
    "ldr r11, [r0, #4]\n" "smmulr r2, r2, r10\n" "ldr r1, %[y]\n" "ldr r12, [r0, #8]\n" \
    "ldr r0, %[v]\n" "smmulr r7, r7, r11\n" "smmulr r4, r4, r12\n" "add r1, r1, r0\n" \
    "smmulr r3, r3, r11\n" "add r0, r0, #8\n" "usat r2, #7, r2\n" "smmulr r8, r8, r12\n" \
    "usat r4, #7, r4\n" "ldr r12, [r0]\n" "usat r3, #7, r3\n" "str r0, %[v]\n" \
    "usat r8, #7, r8\n" "smmulr r6, r6, r10\n" "usat r7, #7, r7\n" "ldr r10, %[bias]\n" \
    "uxth r5, r8\n" "ldr r11, %[end]\n" "usat r6, #7, r6\n" "cmp r0, r11\n" \
    "uxth r4, r4\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" "pkhbt r2, r2, r3, lsl #16\n" \
    "ldr lr, [r0, #4]\n" "pkhbt r3, r6, r7, lsl #16\n" "ldr r7, [r10, #4]\n" "strd r2, r3, [r1]\n" \
    "ldr r1, %[v_skip]\n" "ldr r6, [r10, #0]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n" \
    "ldr r10, [r10, #16]\n" "mov r2, r6\n" "mov r3, r7\n" "mov r4, r8\n"

// 3 rows; estimated 26 cycles, 50 instructions.
#define QTILE_PLUS_3 \
    "ldr r1, %[y]\n" "ldr r12, [r0, #8]\n" "smmulr r6, r6, r10\n" "ldr r11, [r0, #4]\n" \
    "smmulr r4, r4, r12\n" "ldr r0, %[v]\n" "smmulr r7, r7, r11\n" "add r1, r1, r0\n" \
    "add r0, r0, #8\n" "smmulr r8, r8, r12\n" "ssat r4, #16, r4\n" "str r0, %[v]\n" \
    "ssat r7, #16, r7\n" "smmulr r3, r3, r11\n" "uxth r4, r4\n" "smmulr r2, r2, r10\n" \
    "ssat r6, #16, r6\n" "ldr r10, %[plus]\n" "ssat r3, #16, r3\n" "add r10, r10, r1\n" \
    "ssat r2, #16, r2\n" "ldr r12, [r10]\n" "ssat r8, #16, r8\n" "ldr lr, [r10, #4]\n" \
    "pkhbt r2, r2, r3, lsl #16\n" "ldr r11, [r10, #128]\n" "qadd16 r4, r4, r11\n" "ldr r11, %[end]\n" \
    "pkhbt r3, r6, r7, lsl #16\n" "cmp r0, r11\n" "qadd16 r3, r3, lr\n" "ldr lr, [r0, #4]\n" \
    "uxth r5, r8\n" "ldr r10, [r10, #132]\n" "qadd16 r5, r5, r10\n" "ldr r10, %[bias]\n" \
    "strd r4, r5, [r1, #128]\n" "qadd16 r2, r2, r12\n" "ldr r12, [r0]\n" "strd r2, r3, [r1]\n" \
    "ldr r1, %[v_skip]\n" "ldr r8, [r10, #8]\n" "add r1, r1, r0\n" "ldr r0, %[w]\n" \
    "ldr r6, [r10, #0]\n" "ldr r7, [r10, #4]\n" "ldr r10, [r10, #16]\n" "mov r3, r7\n" \
    "mov r4, r8\n" "mov r2, r6\n"

// 3 rows; estimated 35 cycles, 68 instructions.
#define QTILE_MIX_3 \
    "smmulr r2, r2, r10\n" "mov r9, #8192\n" "ldr r12, [r0, #8]\n" "ldr r1, %[y]\n" \
    "smmulr r6, r6, r10\n" "ldr r10, %[plus]\n" "smmulr r8, r8, r12\n" "ldr r11, [r0, #4]\n" \
    "smmulr r4, r4, r12\n" "ldr r0, %[v]\n" "ssat r6, #16, r6\n" "smmulr r3, r3, r11\n" \
    "ssat r8, #16, r8\n" "smmulr r7, r7, r11\n" "ssat r2, #16, r2\n" "add r1, r1, r0\n" \
    "ssat r3, #16, r3\n" "add r10, r10, r1\n" "uxth r5, r8\n" "ldr r8, %[factor]\n" \
    "pkhbt r2, r2, r3, lsl #16\n" "ldr lr, [r10, #4]\n" "ssat r7, #16, r7\n" "ldr r12, [r10]\n" \
    "ssat r4, #16, r4\n" "ldr r11, [r10, #128]\n" "pkhbt r3, r6, r7, lsl #16\n" "smlatb r6, r12, r8, r9\n" \
    "smlabb r12, r12, r8, r9\n" "ldr r10, [r10, #132]\n" "lsls r6, r6, #2\n" "smlatb r7, lr, r8, r9\n" \
    "uxth r4, r4\n" "smlabb lr, lr, r8, r9\n" "pkhtb r12, r6, r12, asr #14\n" "smlatb r6, r11, r8, r9\n" \
    "smlabb r11, r11, r8, r9\n" "lsls r7, r7, #2\n" "pkhtb lr, r7, lr, asr #14\n" "lsls r6, r6, #2\n" \
    "qadd16 r2, r2, r12\n" "smlatb r7, r10, r8, r9\n" "pkhtb r11, r6, r11, asr #14\n" "smlabb r10, r10, r8, r9\n" \
    "qadd16 r4, r4, r11\n" "ldr r11, %[end]\n" "qadd16 r3, r3, lr\n" "lsls r7, r7, #2\n" \
    "strd r2, r3, [r1]\n" "pkhtb r10, r7, r10, asr #14\n" "add r0, r0, #8\n" "ldr lr, [r0, #4]\n" \
    "cmp r0, r11\n" "qadd16 r5, r5, r10\n" "ldr r10, %[bias]\n" "strd r4, r5, [r1, #128]\n" \
    "ldr r1, %[v_skip]\n" "str r0, %[v]\n" "ldr r7, [r10, #4]\n" "add r1, r1, r0\n" \
    "ldr r6, [r10, #0]\n" "mov r3, r7\n" "ldr r8, [r10, #8]\n" "mov r2, r6\n" \
    "mov r4, r8\n" "ldr r10, [r10, #16]\n" "ldr r12, [r0]\n" "ldr r0, %[w]\n"

// 3 rows; estimated 48 cycles, 93 instructions.
#define QTILE_TABLE_3 \
    "smmulr r2, r2, r10\n" "ldr r11, [r0, #4]\n" "smmulr r6, r6, r10\n" "ldr r12, [r0, #8]\n" \
    "ldr lr, [r0, #12]\n" "smmulr r3, r3, r11\n" "ssat r2, #16, r2\n" "smmulr r8, r8, r12\n" \
    "asrs r0, r2, #6\n" "smmulr r9, r9, lr\n" "ssat r6, #16, r6\n" "and r2, r2, #63\n" \
    "ssat r8, #16, r8\n" "smmulr r5, r5, lr\n" "ldr lr, %[middle]\n" "smmulr r4, r4, r12\n" \
    "mov.w r10, r8, asr #6\n" "mov r12, #32\n" "ssat r5, #16, r5\n" "and r8, r8, #63\n" \
    "ssat r3, #16, r3\n" "ldr r10, [lr, r10, lsl #2]\n" "ssat r4, #16, r4\n" "asrs r1, r3, #6\n" \
    "smlabb r8, r10, r8, r12\n" "and r3, r3, #63\n" "ldr r0, [lr, r0, lsl #2]\n" "ldr r1, [lr, r1, lsl #2]\n" \
    "ssat r9, #16, r9\n" "smmulr r7, r7, r11\n" "smlabb r2, r0, r2, r12\n" "add r8, r8, r10, asr #10\n" \
    "mov.w r11, r9, asr #6\n" "smlabb r3, r1, r3, r12\n" "add r2, r2, r0, asr #10\n" "ldr r10, %[bias]\n" \
    "ssat r7, #16, r7\n" "asrs r0, r6, #6\n" "and r6, r6, #63\n" "add r3, r3, r1, asr #10\n" \
    "asrs r1, r7, #6\n" "and r7, r7, #63\n" "ldr r1, [lr, r1, lsl #2]\n" "ldr r0, [lr, r0, lsl #2]\n" \
    "ldr r11, [lr, r11, lsl #2]\n" "lsls r3, r3, #10\n" "smlabb r7, r1, r7, r12\n" "and r9, r9, #63\n" \
    "pkhtb r2, r3, r2, asr #6\n" "smlabb r9, r11, r9, r12\n" "add r7, r7, r1, asr #10\n" "asrs r1, r5, #6\n" \
    "lsls r7, r7, #10\n" "ldr r1, [lr, r1, lsl #2]\n" "smlabb r6, r0, r6, r12\n" "add r9, r9, r11, asr #10\n" \
    "ldr r11, %[end]\n" "and r5, r5, #63\n" "add r6, r6, r0, asr #10\n" "smlabb r5, r1, r5, r12\n" \
    "asrs r0, r4, #6\n" "mov.w r9, r9, lsl #10\n" "ldr r0, [lr, r0, lsl #2]\n" "and r4, r4, #63\n" \
    "pkhtb r3, r7, r6, asr #6\n" "ldr r7, [r10, #4]\n" "smlabb r4, r0, r4, r12\n" "ldr r6, [r10, #0]\n" \
    "add r5, r5, r1, asr #10\n" "ldr r1, %[y]\n" "add r4, r4, r0, asr #10\n" "ldr r0, %[v]\n" \
    "add r1, r1, r0\n" "add r0, r0, #8\n" "ldr r12, [r0]\n" "str r0, %[v]\n" \
    "ldr lr, [r0, #4]\n" "lsls r5, r5, #10\n" "pkhtb r4, r5, r4, asr #6\n" "cmp r0, r11\n" \
    "pkhtb r5, r9, r8, asr #6\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" "mov r4, r8\n" \
    "ldr r9, [r10, #12]\n" "ldr r10, [r10, #16]\n" "mov r5, r9\n" "strd r2, r3, [r1]\n" \
    "mov r2, r6\n" "ldr r1, %[v_skip]\n" "add r1, r1, r0\n" "mov r3, r7\n" \
    "ldr r0, %[w]\n"

// 3 rows; estimated 32 cycles, 61 instructions.
#define QTILE_SLOPES_3 \
    "smmulr r2, r2, r10\n" "ldr r11, [r0, #4]\n" "ldr r12, [r0, #8]\n" "smmulr r6, r6, r10\n" \
    "smmulr r7, r7, r11\n" "ldr r10, %[slope0]\n" "usat r0, #15, r2\n" "smmulr r3, r3, r11\n" \
    "usat r1, #15, r6\n" "ldr r11, %[slope1]\n" "ssat r2, #16, r2\n" "smmulr r4, r4, r12\n" \
    "ssat r6, #16, r6\n" "sub r2, r2, r0\n" "sub r6, r6, r1\n" "smmlar r2, r2, r10, r0\n" \
    "smmlar r6, r6, r10, r1\n" "ldr r10, %[bias]\n" "usat r1, #15, r7\n" "smmulr r8, r8, r12\n" \
    "ssat r7, #16, r7\n" "ldr r12, %[slope2]\n" "usat r0, #15, r3\n" "sub r7, r7, r1\n" \
    "ssat r3, #16, r3\n" "smmlar r7, r7, r11, r1\n" "usat r1, #15, r8\n" "sub r3, r3, r0\n" \
    "ssat r8, #16, r8\n" "smmlar r3, r3, r11, r0\n" "usat r0, #15, r4\n" "sub r8, r8, r1\n" \
    "smmlar r8, r8, r12, r1\n" "ldr r1, %[y]\n" "pkhbt r2, r2, r3, lsl #16\n" "ldr r11, %[end]\n" \
    "ssat r4, #16, r4\n" "uxth r5, r8\n" "sub r4, r4, r0\n" "smmlar r4, r4, r12, r0\n" \
    "ldr r0, %[v]\n" "add r1, r1, r0\n" "add r0, r0, #8\n" "ldr lr, [r0, #4]\n" \
    "str r0, %[v]\n" "uxth r4, r4\n" "ldr r12, [r0]\n" "strd r4, r5, [r1, #128]\n" \
    "ldr r8, [r10, #8]\n" "cmp r0, r11\n" "pkhbt r3, r6, r7, lsl #16\n" "ldr r7, [r10, #4]\n" \
    "strd r2, r3, [r1]\n" "mov r3, r7\n" "ldr r1, %[v_skip]\n" "add r1, r1, r0\n" \
    "ldr r0, %[w]\n" "ldr r6, [r10, #0]\n" "mov r4, r8\n" "mov r2, r6\n" \
    "ldr r10, [r10, #16]\n"

// 3 rows; estimated 17 cycles, 32 instructions.
#define QTILE_HALF_S8_3 \
    "ldr r1, %[y]\n" "ldr r0, %[v]\n" "add r1, r1, r0\n" "mov.w r5, r8, asr #16\n" \
    "pkhtb r2, r3, r2, asr #16\n" "asrs r4, r4, #16\n" "ssat16 r4, #8, r4\n" "add r0, r0, #8\n" \
    "ssat16 r2, #8, r2\n" "str r0, %[v]\n" "uxth r4, r4\n" "ldr lr, [r0, #4]\n" \
    "ssat16 r5, #8, r5\n" "ldr r10, %[bias]\n" "pkhtb r3, r7, r6, asr #16\n" "ldr r11, %[end]\n" \
    "uxth r5, r5\n" "cmp r0, r11\n" "ldr r6, [r10, #0]\n" "ldr r7, [r10, #4]\n" \
    "ssat16 r3, #8, r3\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" "ldr r10, [r10, #16]\n" \
    "mov r4, r8\n" "strd r2, r3, [r1]\n" "mov r2, r6\n" "ldr r1, %[v_skip]\n" \
    "add r1, r1, r0\n" "mov r3, r7\n" "ldr r12, [r0]\n" "ldr r0, %[w]\n"

// 3 rows; estimated 17 cycles, 32 instructions.
#define QTILE_HALF_U7_3 \
    "ldr r1, %[y]\n" "ldr r0, %[v]\n" "add r1, r1, r0\n" "mov.w r5, r8, asr #16\n" \
    "pkhtb r2, r3, r2, asr #16\n" "asrs r4, r4, #16\n" "usat16 r4, #7, r4\n" "add r0, r0, #8\n" \
    "usat16 r2, #7, r2\n" "str r0, %[v]\n" "uxth r4, r4\n" "ldr lr, [r0, #4]\n" \
    "usat16 r5, #7, r5\n" "ldr r10, %[bias]\n" "pkhtb r3, r7, r6, asr #16\n" "ldr r11, %[end]\n" \
    "uxth r5, r5\n" "cmp r0, r11\n" "ldr r6, [r10, #0]\n" "ldr r7, [r10, #4]\n" \
    "usat16 r3, #7, r3\n" "ldr r8, [r10, #8]\n" "strd r4, r5, [r1, #128]\n" "ldr r10, [r10, #16]\n" \
    "mov r4, r8\n" "strd r2, r3, [r1]\n" "mov r2, r6\n" "ldr r1, %[v_skip]\n" \
    "add r1, r1, r0\n" "mov r3, r7\n" "ldr r12, [r0]\n" "ldr r0, %[w]\n"

// See mix(); estimated 47 cycles, 85 instructions.
#define QTILE_MIX_8 \
    "ldr r9, [r0, #4]\n" "ldr r12, [r0, #8]\n" "ldr r6, [r0, #0]\n" "ldr r7, [r1, #0]\n" \
    "smlabb r11, r9, r3, r4\n" "ldr r10, [r1, #4]\n" "smlatb r9, r9, r3, r4\n" "ldr lr, [r1, #8]\n" \
    "smlabb r8, r6, r3, r4\n" "smlatt r9, r10, r3, r9\n" "smlatb r6, r6, r3, r4\n" "smlatt r6, r7, r3, r6\n" \
    "smlabt r11, r10, r3, r11\n" "ldr r10, [r1, #16]\n" "smlabt r8, r7, r3, r8\n" "ldr r7, [r1, #12]\n" \
    "ssat r6, #16, r6, asr #14\n" "smlabb r5, r12, r3, r4\n" "ssat r11, #16, r11, asr #14\n" "smlabt r5, lr, r3, r5\n" \
    "ssat r8, #16, r8, asr #14\n" "smlatb r12, r12, r3, r4\n" "ssat r9, #16, r9, asr #14\n" "smlatt r12, lr, r3, r12\n" \
    "pkhbt r8, r8, r6, lsl #16\n" "ldr r6, [r0, #12]\n" "pkhbt r11, r11, r9, lsl #16\n" "str r11, [r2, #4]\n" \
    "ssat r12, #16, r12, asr #14\n" "str r8, [r2, #0]\n" "smlabb r8, r6, r3, r4\n" "ldr r9, [r0, #16]\n" \
    "smlabt r8, r7, r3, r8\n" "ldr lr, [r1, #20]\n" "ssat r5, #16, r5, asr #14\n" "smlatb r6, r6, r3, r4\n" \
    "smlatt r6, r7, r3, r6\n" "ldr r7, [r1, #24]\n" "pkhbt r5, r5, r12, lsl #16\n" "str r5, [r2, #8]\n" \
    "ssat r8, #16, r8, asr #14\n" "smlabb r11, r9, r3, r4\n" "smlabt r11, r10, r3, r11\n" "ldr r12, [r0, #20]\n" \
    "ssat r6, #16, r6, asr #14\n" "smlatb r9, r9, r3, r4\n" "smlatt r9, r10, r3, r9\n" "ldr r10, [r1, #28]\n" \
    "ssat r11, #16, r11, asr #14\n" "smlabb r5, r12, r3, r4\n" "smlatb r12, r12, r3, r4\n" "add r1, r1, #32\n" \
    "smlatt r12, lr, r3, r12\n" "ssat r9, #16, r9, asr #14\n" "smlabt r5, lr, r3, r5\n" "pkhbt r8, r8, r6, lsl #16\n" \
    "ldr r6, [r0, #24]\n" "pkhbt r11, r11, r9, lsl #16\n" "str r8, [r2, #12]\n" "ssat r12, #16, r12, asr #14\n" \
    "str r11, [r2, #16]\n" "ssat r5, #16, r5, asr #14\n" "smlabb r8, r6, r3, r4\n" "smlabt r8, r7, r3, r8\n" \
    "ldr r9, [r0, #28]\n" "pkhbt r5, r5, r12, lsl #16\n" "smlatb r6, r6, r3, r4\n" "smlatt r6, r7, r3, r6\n" \
    "add r0, r0, #32\n" "ssat r8, #16, r8, asr #14\n" "smlabb r11, r9, r3, r4\n" "smlabt r11, r10, r3, r11\n" \
    "ssat r6, #16, r6, asr #14\n" "smlatb r9, r9, r3, r4\n" "smlatt r9, r10, r3, r9\n" "ssat r11, #16, r11, asr #14\n" \
    "str r5, [r2, #20]\n" "ldr r5, %[end]\n" "ssat r9, #16, r9, asr #14\n" "cmp r0, r5\n" \
    "pkhbt r8, r8, r6, lsl #16\n" "str r8, [r2, #24]\n" "pkhbt r11, r11, r9, lsl #16\n" "str r11, [r2, #28]\n" \
    "add r2, r2, #32\n"

#endif
