// SPDX-License-Identifier: MIT
// Written by tools/m7_order.py: change that. See up_dither.c.
#ifndef UP_DITHER_DSP_H
#define UP_DITHER_DSP_H

// A frame of two channels; estimated 27 cycles, 38 instructions.
#define DITHER_TWO \
    "ldr r9, %[scale]\n" "eor r2, r2, r2, lsl #13\n" "ldr r10, %[half]\n" "ldr r12, %[past]\n" \
    "eor r2, r2, r2, lsr #17\n" "ldr r8, [r0]\n" "add r0, r0, #4\n" "eor r5, r5, r5, lsl #13\n" \
    "eor r2, r2, r2, lsl #5\n" "smlabb r8, r8, r9, r10\n" "eor r5, r5, r5, lsr #17\n" "ldr lr, %[echo]\n" \
    "ubfx r9, r2, #0, #14\n" "rsb r9, r9, r2, lsr #18\n" "smlabt r11, r9, r12, r10\n" "eor r5, r5, r5, lsl #5\n" \
    "smlad r11, r3, r12, r11\n" "pkhbt r3, r9, r3, lsl #16\n" "smlad r11, r4, lr, r11\n" "ubfx r9, r5, #0, #14\n" \
    "rsb r9, r9, r5, lsr #18\n" "ssat r11, #16, r11, asr #14\n" "smlabt r10, r9, r12, r10\n" "smlad r10, r6, r12, r10\n" \
    "smlad r10, r7, lr, r10\n" "pkhbt r6, r9, r6, lsl #16\n" "ldr r9, %[end]\n" "pkhbt r4, r11, r4, lsl #16\n" \
    "cmp r0, r9\n" "ssat r10, #16, r10, asr #14\n" "add r11, r8, r11, lsl #1\n" "pkhbt r7, r10, r7, lsl #16\n" \
    "add r10, r8, r10, lsl #1\n" "ssat r11, #8, r11, asr #14\n" "ssat r10, #8, r10, asr #14\n" "pkhbt r11, r11, r10, lsl #16\n" \
    "str r11, [r1]\n" "add r1, r1, #4\n"

#endif
