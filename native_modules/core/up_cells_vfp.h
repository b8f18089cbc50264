// SPDX-License-Identifier: MIT
// Written by tools/cells.py: gates of one, two and four units, fast grade, for cores with a single-precision
// VFP and FMA. Same operations as gru_cells and lstm_cells_fast, so same bits; a look-up rounds by conversion
// to integer, which gives the bits of up_look for |u| < 2^23. In the order in which chains of results wait least.
#ifndef UP_CELLS_VFP_H
#define UP_CELLS_VFP_H

// r0 sums of r, r1 of z, r2 of n, r3 pairs b_in, W_n, r4 h, r5 head, r6 units left, r8, r9 middle of the
// sigmoid's and the tanh's table, s30 x, s31 y. Clobbers r10-r12, lr, s0-s27.
#define GRU_CELLS_4 \
    "vldmia r0!, {s0, s1, s2, s3}\n" "vcvtr.s32.f32 s7, s3\n" "vcvtr.s32.f32 s6, s2\n" \
    "vcvtr.s32.f32 s4, s0\n" "vcvtr.s32.f32 s5, s1\n" "vldmia r2!, {s20, s21, s22, s23}\n" \
    "vmov r10, r11, s4, s5\n" "vmov r12, lr, s6, s7\n" "vldmia r1!, {s24, s25, s26, s27}\n" \
    "ssat r12, #10, r12\n" "vcvt.f32.s32 s9, s5\n" "ssat r10, #10, r10\n" "vcvt.f32.s32 s11, s7\n" \
    "vldmia r3!, {s12, s13, s14, s15, s16, s17, s18, s19}\n" "ssat r11, #10, r11\n" "vcvt.f32.s32 s8, s4\n" \
    "ssat lr, #10, lr\n" "vsub.f32 s1, s1, s9\n" "vcvt.f32.s32 s10, s6\n" "add r12, r8, r12, lsl #3\n" \
    "add r10, r8, r10, lsl #3\n" "vsub.f32 s3, s3, s11\n" "vsub.f32 s0, s0, s8\n" "add r11, r8, r11, lsl #3\n" \
    "add lr, r8, lr, lsl #3\n" "vsub.f32 s2, s2, s10\n" "vldmia r10, {s4, s5}\n" "vldmia r11, {s6, s7}\n" \
    "vldmia lr, {s10, s11}\n" "vldmia r12, {s8, s9}\n" "vfma.f32 s6, s1, s7\n" "vfma.f32 s4, s0, s5\n" \
    "vfma.f32 s8, s2, s9\n" "vfma.f32 s12, s13, s30\n" "vfma.f32 s10, s3, s11\n" "vfma.f32 s16, s17, s30\n" \
    "vfma.f32 s18, s19, s30\n" "vfma.f32 s12, s4, s20\n" "vfma.f32 s14, s15, s30\n" "vfma.f32 s16, s8, s22\n" \
    "vfma.f32 s18, s10, s23\n" "vfma.f32 s14, s6, s21\n" "vcvtr.s32.f32 s4, s24\n" "vcvtr.s32.f32 s5, s25\n" \
    "vcvtr.s32.f32 s7, s27\n" "vcvtr.s32.f32 s6, s26\n" "vcvtr.s32.f32 s1, s14\n" "vmov r10, r11, s4, s5\n" \
    "vcvtr.s32.f32 s0, s12\n" "vmov r12, lr, s6, s7\n" "ssat r11, #10, r11\n" "vcvt.f32.s32 s10, s6\n" \
    "vcvt.f32.s32 s15, s1\n" "vcvtr.s32.f32 s2, s16\n" "vcvt.f32.s32 s11, s7\n" "ssat r10, #10, r10\n" \
    "vsub.f32 s26, s26, s10\n" "add r11, r8, r11, lsl #3\n" "vcvt.f32.s32 s8, s4\n" "ssat lr, #10, lr\n" \
    "vcvtr.s32.f32 s3, s18\n" "ssat r12, #10, r12\n" "vcvt.f32.s32 s9, s5\n" "add r10, r8, r10, lsl #3\n" \
    "vsub.f32 s24, s24, s8\n" "vldmia r11, {s6, s7}\n" "vldmia r10, {s4, s5}\n" "vsub.f32 s14, s14, s15\n" \
    "add r12, r8, r12, lsl #3\n" "vcvt.f32.s32 s13, s0\n" "add lr, r8, lr, lsl #3\n" "vmov r10, r11, s0, s1\n" \
    "vsub.f32 s27, s27, s11\n" "vldmia lr, {s10, s11}\n" "ssat r10, #10, r10\n" "vsub.f32 s25, s25, s9\n" \
    "vldmia r12, {s8, s9}\n" "vcvt.f32.s32 s19, s3\n" "vsub.f32 s12, s12, s13\n" "add r10, r9, r10, lsl #3\n" \
    "ssat r11, #10, r11\n" "vcvt.f32.s32 s17, s2\n" "vldmia r10, {s0, s1}\n" "vmov r12, lr, s2, s3\n" \
    "vsub.f32 s18, s18, s19\n" "vfma.f32 s10, s27, s11\n" "ssat r12, #10, r12\n" "vfma.f32 s6, s25, s7\n" \
    "ssat lr, #10, lr\n" "vfma.f32 s0, s12, s1\n" "vfma.f32 s8, s26, s9\n" "add r11, r9, r11, lsl #3\n" \
    "add lr, r9, lr, lsl #3\n" "vfma.f32 s4, s24, s5\n" "add r12, r9, r12, lsl #3\n" \
    "vldmia r4!, {s24, s25, s26, s27}\n" "vldmia lr, {s22, s23}\n" "vldmia r11, {s2, s3}\n" \
    "vsub.f32 s16, s16, s17\n" "vsub.f32 s24, s24, s0\n" "vldmia r12, {s20, s21}\n" "vfma.f32 s22, s18, s23\n" \
    "subs r6, #4\n" "vfma.f32 s2, s14, s3\n" "vfma.f32 s20, s16, s21\n" "vfma.f32 s0, s4, s24\n" \
    "vstr s0, [r4, #-16]\n" "vsub.f32 s25, s25, s2\n" "vldmia r5!, {s12, s13, s14, s15}\n" \
    "vsub.f32 s27, s27, s22\n" "vsub.f32 s26, s26, s20\n" "vfma.f32 s2, s6, s25\n" "vfma.f32 s31, s12, s0\n" \
    "vfma.f32 s20, s8, s26\n" "vfma.f32 s31, s13, s2\n" "vfma.f32 s22, s10, s27\n" "vstr s2, [r4, #-12]\n" \
    "vfma.f32 s31, s14, s20\n" "vfma.f32 s31, s15, s22\n" "vstr s20, [r4, #-8]\n" "vstr s22, [r4, #-4]\n" \
    "bge.w 1b\n"
#define GRU_CELLS_2 \
    "vldmia r0!, {s0, s1}\n" "vcvtr.s32.f32 s5, s1\n" "vcvtr.s32.f32 s4, s0\n" \
    "vldmia r3!, {s12, s13, s14, s15}\n" "vmov r10, r11, s4, s5\n" "vcvt.f32.s32 s9, s5\n" \
    "vldmia r1!, {s24, s25}\n" "ssat r10, #10, r10\n" "vcvt.f32.s32 s8, s4\n" "ssat r11, #10, r11\n" \
    "vsub.f32 s1, s1, s9\n" "add r10, r8, r10, lsl #3\n" "vsub.f32 s0, s0, s8\n" "add r11, r8, r11, lsl #3\n" \
    "vldmia r10, {s4, s5}\n" "vldmia r2!, {s20, s21}\n" "vldmia r11, {s6, s7}\n" "vfma.f32 s4, s0, s5\n" \
    "vfma.f32 s14, s15, s30\n" "vfma.f32 s12, s13, s30\n" "vfma.f32 s6, s1, s7\n" "vfma.f32 s12, s4, s20\n" \
    "vcvtr.s32.f32 s4, s24\n" "vcvtr.s32.f32 s5, s25\n" "vcvtr.s32.f32 s0, s12\n" "vfma.f32 s14, s6, s21\n" \
    "vmov r10, r11, s4, s5\n" "ssat r11, #10, r11\n" "vcvt.f32.s32 s13, s0\n" "ssat r10, #10, r10\n" \
    "vcvtr.s32.f32 s1, s14\n" "add r11, r8, r11, lsl #3\n" "vcvt.f32.s32 s9, s5\n" "vcvt.f32.s32 s8, s4\n" \
    "add r10, r8, r10, lsl #3\n" "vldmia r11, {s6, s7}\n" "vldmia r10, {s4, s5}\n" "vmov r10, r11, s0, s1\n" \
    "vcvt.f32.s32 s15, s1\n" "ssat r10, #10, r10\n" "vsub.f32 s24, s24, s8\n" "ssat r11, #10, r11\n" \
    "vsub.f32 s14, s14, s15\n" "vsub.f32 s25, s25, s9\n" "add r10, r9, r10, lsl #3\n" \
    "vsub.f32 s12, s12, s13\n" "add r11, r9, r11, lsl #3\n" "vldmia r10, {s0, s1}\n" "vldmia r11, {s2, s3}\n" \
    "vfma.f32 s6, s25, s7\n" "vfma.f32 s0, s12, s1\n" "vfma.f32 s2, s14, s3\n" "vfma.f32 s4, s24, s5\n" \
    "vldmia r4!, {s24, s25}\n" "vsub.f32 s24, s24, s0\n" "vsub.f32 s25, s25, s2\n" "vldmia r5!, {s12, s13}\n" \
    "vfma.f32 s0, s4, s24\n" "vfma.f32 s2, s6, s25\n" "vfma.f32 s31, s12, s0\n" "vstr s0, [r4, #-8]\n" \
    "vstr s2, [r4, #-4]\n" "vfma.f32 s31, s13, s2\n"
#define GRU_CELLS_1 \
    "vldmia r0!, {s0}\n" "vcvtr.s32.f32 s4, s0\n" "vldmia r3!, {s12, s13}\n" "vldmia r1!, {s24}\n" \
    "vmov r10, s4\n" "vcvt.f32.s32 s8, s4\n" "vfma.f32 s12, s13, s30\n" "ssat r10, #10, r10\n" \
    "add r10, r8, r10, lsl #3\n" "vsub.f32 s0, s0, s8\n" "vldmia r2!, {s20}\n" "vldmia r10, {s4, s5}\n" \
    "vfma.f32 s4, s0, s5\n" "vfma.f32 s12, s4, s20\n" "vcvtr.s32.f32 s4, s24\n" "vcvtr.s32.f32 s0, s12\n" \
    "vmov r10, s4\n" "vcvt.f32.s32 s13, s0\n" "vcvt.f32.s32 s8, s4\n" "ssat r10, #10, r10\n" \
    "add r10, r8, r10, lsl #3\n" "vsub.f32 s24, s24, s8\n" "vldmia r10, {s4, s5}\n" "vsub.f32 s12, s12, s13\n" \
    "vmov r10, s0\n" "ssat r10, #10, r10\n" "vfma.f32 s4, s24, s5\n" "add r10, r9, r10, lsl #3\n" \
    "vldmia r10, {s0, s1}\n" "vfma.f32 s0, s12, s1\n" "vldmia r4!, {s24}\n" "vsub.f32 s24, s24, s0\n" \
    "vldmia r5!, {s12}\n" "vfma.f32 s0, s4, s24\n" "vstr s0, [r4, #-4]\n" "vfma.f32 s31, s12, s0\n"

// r0 sums of i, r1 of f, r2 of g, r3 of o, r4 c, r5 h, r6 head, r10 units left, r8, r9 middle of the
// sigmoid's and the tanh's table, s30 nodes of tanh's table per unit, s31 y. Clobbers r7, r11, r12, lr, s0-s27.
#define LSTM_CELLS_4 \
    "vldmia r0!, {s0, s1, s2, s3}\n" "vcvtr.s32.f32 s5, s1\n" "vldmia r1!, {s24, s25, s26, s27}\n" \
    "vldmia r2!, {s12, s13, s14, s15}\n" "vcvtr.s32.f32 s16, s12\n" "vcvtr.s32.f32 s6, s2\n" \
    "vcvtr.s32.f32 s4, s0\n" "vcvtr.s32.f32 s7, s3\n" "vcvt.f32.s32 s9, s5\n" "vmov r7, r11, s4, s5\n" \
    "vmov r12, lr, s6, s7\n" "vcvt.f32.s32 s10, s6\n" "vcvtr.s32.f32 s17, s13\n" "ssat r11, #10, r11\n" \
    "vcvt.f32.s32 s11, s7\n" "ssat r7, #10, r7\n" "vsub.f32 s2, s2, s10\n" "vsub.f32 s1, s1, s9\n" \
    "vcvt.f32.s32 s8, s4\n" "add r7, r8, r7, lsl #3\n" "add r11, r8, r11, lsl #3\n" "vcvtr.s32.f32 s18, s14\n" \
    "ssat lr, #10, lr\n" "vcvtr.s32.f32 s19, s15\n" "vldmia r7, {s4, s5}\n" "ssat r12, #10, r12\n" \
    "vcvt.f32.s32 s21, s17\n" "vldmia r11, {s6, s7}\n" "vsub.f32 s3, s3, s11\n" "vsub.f32 s0, s0, s8\n" \
    "add r12, r8, r12, lsl #3\n" "add lr, r8, lr, lsl #3\n" "vsub.f32 s13, s13, s21\n" \
    "vmov r7, r11, s16, s17\n" "vldmia lr, {s10, s11}\n" "vldmia r12, {s8, s9}\n" "ssat r7, #10, r7\n" \
    "vfma.f32 s4, s0, s5\n" "vmov r12, lr, s18, s19\n" "ssat r11, #10, r11\n" "ssat lr, #10, lr\n" \
    "vcvt.f32.s32 s23, s19\n" "ssat r12, #10, r12\n" "vcvt.f32.s32 s20, s16\n" "vcvt.f32.s32 s22, s18\n" \
    "add r7, r9, r7, lsl #3\n" "vcvtr.s32.f32 s5, s25\n" "add lr, r9, lr, lsl #3\n" \
    "add r12, r9, r12, lsl #3\n" "vsub.f32 s15, s15, s23\n" "vsub.f32 s14, s14, s22\n" \
    "add r11, r9, r11, lsl #3\n" "vsub.f32 s12, s12, s20\n" "vldmia r7, {s16, s17}\n" \
    "vldmia r11, {s18, s19}\n" "vldmia r12, {s20, s21}\n" "vldmia lr, {s22, s23}\n" "vfma.f32 s18, s13, s19\n" \
    "vfma.f32 s16, s12, s17\n" "vfma.f32 s6, s1, s7\n" "vfma.f32 s22, s15, s23\n" "vfma.f32 s10, s3, s11\n" \
    "vfma.f32 s20, s14, s21\n" "vfma.f32 s8, s2, s9\n" "vmul.f32 s0, s4, s16\n" "vmul.f32 s1, s6, s18\n" \
    "vmul.f32 s3, s10, s22\n" "vcvtr.s32.f32 s4, s24\n" "vcvtr.s32.f32 s6, s26\n" "vcvtr.s32.f32 s7, s27\n" \
    "vcvt.f32.s32 s9, s5\n" "vmov r7, r11, s4, s5\n" "vmov r12, lr, s6, s7\n" \
    "vldmia r3!, {s16, s17, s18, s19}\n" "ssat r7, #10, r7\n" "vmul.f32 s2, s8, s20\n" \
    "vldmia r4, {s12, s13, s14, s15}\n" "ssat r11, #10, r11\n" "vcvtr.s32.f32 s22, s18\n" \
    "vcvt.f32.s32 s11, s7\n" "ssat lr, #10, lr\n" "vcvtr.s32.f32 s23, s19\n" "add r7, r8, r7, lsl #3\n" \
    "vcvtr.s32.f32 s21, s17\n" "add lr, r8, lr, lsl #3\n" "vcvt.f32.s32 s10, s6\n" "ssat r12, #10, r12\n" \
    "vcvt.f32.s32 s8, s4\n" "add r11, r8, r11, lsl #3\n" "vsub.f32 s27, s27, s11\n" "vcvtr.s32.f32 s20, s16\n" \
    "vsub.f32 s24, s24, s8\n" "add r12, r8, r12, lsl #3\n" "vldmia r7, {s4, s5}\n" "vsub.f32 s26, s26, s10\n" \
    "vldmia r11, {s6, s7}\n" "vsub.f32 s25, s25, s9\n" "vldmia r12, {s8, s9}\n" "vldmia lr, {s10, s11}\n" \
    "vmov r12, lr, s22, s23\n" "vfma.f32 s6, s25, s7\n" "vfma.f32 s8, s26, s9\n" "vfma.f32 s4, s24, s5\n" \
    "ssat r12, #10, r12\n" "vfma.f32 s10, s27, s11\n" "vmov r7, r11, s20, s21\n" "vfma.f32 s1, s6, s13\n" \
    "vfma.f32 s2, s8, s14\n" "subs r10, #4\n" "ssat lr, #10, lr\n" "vfma.f32 s0, s4, s12\n" \
    "vfma.f32 s3, s10, s15\n" "add r12, r8, r12, lsl #3\n" "ssat r7, #10, r7\n" "ssat r11, #10, r11\n" \
    "vmul.f32 s13, s1, s30\n" "vmul.f32 s14, s2, s30\n" "vcvt.f32.s32 s27, s23\n" "add lr, r8, lr, lsl #3\n" \
    "vcvt.f32.s32 s25, s21\n" "vcvt.f32.s32 s26, s22\n" "add r7, r8, r7, lsl #3\n" "vmul.f32 s12, s0, s30\n" \
    "vcvtr.s32.f32 s6, s14\n" "vsub.f32 s19, s19, s27\n" "vcvt.f32.s32 s24, s20\n" "vcvt.f32.s32 s10, s6\n" \
    "add r11, r8, r11, lsl #3\n" "vldmia r7, {s20, s21}\n" "vsub.f32 s18, s18, s26\n" \
    "vcvtr.s32.f32 s5, s13\n" "vsub.f32 s16, s16, s24\n" "vsub.f32 s17, s17, s25\n" "vldmia lr, {s26, s27}\n" \
    "vstmia r4!, {s0, s1, s2, s3}\n" "vmul.f32 s15, s3, s30\n" "vcvtr.s32.f32 s4, s12\n" \
    "vldmia r11, {s22, s23}\n" "vcvtr.s32.f32 s7, s15\n" "vmov r7, r11, s4, s5\n" "vldmia r12, {s24, s25}\n" \
    "vmov r12, lr, s6, s7\n" "vsub.f32 s14, s14, s10\n" "ssat r7, #10, r7\n" "vcvt.f32.s32 s11, s7\n" \
    "vcvt.f32.s32 s9, s5\n" "ssat r12, #10, r12\n" "vfma.f32 s20, s16, s21\n" "ssat r11, #10, r11\n" \
    "vfma.f32 s24, s18, s25\n" "ssat lr, #10, lr\n" "add lr, r9, lr, lsl #3\n" "vcvt.f32.s32 s8, s4\n" \
    "add r11, r9, r11, lsl #3\n" "vsub.f32 s15, s15, s11\n" "vldmia r11, {s6, s7}\n" \
    "add r7, r9, r7, lsl #3\n" "vsub.f32 s13, s13, s9\n" "add r12, r9, r12, lsl #3\n" \
    "vsub.f32 s12, s12, s8\n" "vldmia r7, {s4, s5}\n" "vldmia lr, {s10, s11}\n" "vldmia r12, {s8, s9}\n" \
    "vfma.f32 s26, s19, s27\n" "vfma.f32 s10, s15, s11\n" "vfma.f32 s4, s12, s5\n" "vfma.f32 s22, s17, s23\n" \
    "vfma.f32 s6, s13, s7\n" "vfma.f32 s8, s14, s9\n" "vmul.f32 s0, s20, s4\n" \
    "vldmia r6!, {s16, s17, s18, s19}\n" "vfma.f32 s31, s16, s0\n" "vmul.f32 s1, s22, s6\n" \
    "vmul.f32 s3, s26, s10\n" "vmul.f32 s2, s24, s8\n" "vstmia r5!, {s0, s1, s2, s3}\n" \
    "vfma.f32 s31, s17, s1\n" "vfma.f32 s31, s18, s2\n" "vfma.f32 s31, s19, s3\n" "bge.w 1b\n"
#define LSTM_CELLS_2 \
    "vldmia r0!, {s0, s1}\n" "vcvtr.s32.f32 s4, s0\n" "vcvtr.s32.f32 s5, s1\n" "vldmia r1!, {s24, s25}\n" \
    "vmov r7, r11, s4, s5\n" "vldmia r2!, {s12, s13}\n" "ssat r7, #10, r7\n" "vcvt.f32.s32 s8, s4\n" \
    "ssat r11, #10, r11\n" "vcvtr.s32.f32 s16, s12\n" "vcvt.f32.s32 s9, s5\n" "add r7, r8, r7, lsl #3\n" \
    "vcvtr.s32.f32 s17, s13\n" "add r11, r8, r11, lsl #3\n" "vldmia r7, {s4, s5}\n" "vldmia r11, {s6, s7}\n" \
    "vmov r7, r11, s16, s17\n" "vcvt.f32.s32 s21, s17\n" "vcvt.f32.s32 s20, s16\n" "ssat r7, #10, r7\n" \
    "vsub.f32 s0, s0, s8\n" "vsub.f32 s13, s13, s21\n" "add r7, r9, r7, lsl #3\n" "vsub.f32 s1, s1, s9\n" \
    "ssat r11, #10, r11\n" "vsub.f32 s12, s12, s20\n" "vldmia r7, {s16, s17}\n" "add r11, r9, r11, lsl #3\n" \
    "vfma.f32 s6, s1, s7\n" "vfma.f32 s4, s0, s5\n" "vfma.f32 s16, s12, s17\n" "vldmia r11, {s18, s19}\n" \
    "vmul.f32 s0, s4, s16\n" "vcvtr.s32.f32 s4, s24\n" "vcvtr.s32.f32 s5, s25\n" "vldmia r3!, {s16, s17}\n" \
    "vfma.f32 s18, s13, s19\n" "vmov r7, r11, s4, s5\n" "vcvt.f32.s32 s8, s4\n" "ssat r11, #10, r11\n" \
    "vcvt.f32.s32 s9, s5\n" "vcvtr.s32.f32 s20, s16\n" "vsub.f32 s24, s24, s8\n" "add r11, r8, r11, lsl #3\n" \
    "ssat r7, #10, r7\n" "vsub.f32 s25, s25, s9\n" "vmul.f32 s1, s6, s18\n" "vldmia r11, {s6, s7}\n" \
    "vcvtr.s32.f32 s21, s17\n" "add r7, r8, r7, lsl #3\n" "vldmia r4, {s12, s13}\n" "vldmia r7, {s4, s5}\n" \
    "vfma.f32 s6, s25, s7\n" "vmov r7, r11, s20, s21\n" "vfma.f32 s4, s24, s5\n" "vfma.f32 s1, s6, s13\n" \
    "vfma.f32 s0, s4, s12\n" "ssat r7, #10, r7\n" "vmul.f32 s13, s1, s30\n" "ssat r11, #10, r11\n" \
    "vcvt.f32.s32 s24, s20\n" "vmul.f32 s12, s0, s30\n" "vcvt.f32.s32 s25, s21\n" "add r11, r8, r11, lsl #3\n" \
    "vcvtr.s32.f32 s5, s13\n" "add r7, r8, r7, lsl #3\n" "vldmia r11, {s22, s23}\n" "vcvtr.s32.f32 s4, s12\n" \
    "vldmia r7, {s20, s21}\n" "vcvt.f32.s32 s9, s5\n" "vmov r7, r11, s4, s5\n" "vcvt.f32.s32 s8, s4\n" \
    "vstmia r4!, {s0, s1}\n" "ssat r7, #10, r7\n" "vsub.f32 s16, s16, s24\n" "ssat r11, #10, r11\n" \
    "vsub.f32 s12, s12, s8\n" "add r7, r9, r7, lsl #3\n" "vsub.f32 s13, s13, s9\n" \
    "add r11, r9, r11, lsl #3\n" "vsub.f32 s17, s17, s25\n" "vldmia r7, {s4, s5}\n" "vldmia r11, {s6, s7}\n" \
    "vfma.f32 s20, s16, s21\n" "vfma.f32 s4, s12, s5\n" "vfma.f32 s22, s17, s23\n" "vfma.f32 s6, s13, s7\n" \
    "vmul.f32 s0, s20, s4\n" "vldmia r6!, {s16, s17}\n" "vmul.f32 s1, s22, s6\n" "vfma.f32 s31, s16, s0\n" \
    "vfma.f32 s31, s17, s1\n" "vstmia r5!, {s0, s1}\n"
#define LSTM_CELLS_1 \
    "vldmia r0!, {s0}\n" "vcvtr.s32.f32 s4, s0\n" "vldmia r1!, {s24}\n" "vmov r7, s4\n" "vldmia r2!, {s12}\n" \
    "vcvtr.s32.f32 s16, s12\n" "ssat r7, #10, r7\n" "vcvt.f32.s32 s8, s4\n" "add r7, r8, r7, lsl #3\n" \
    "vcvt.f32.s32 s20, s16\n" "vldmia r7, {s4, s5}\n" "vmov r7, s16\n" "ssat r7, #10, r7\n" \
    "vsub.f32 s0, s0, s8\n" "add r7, r9, r7, lsl #3\n" "vsub.f32 s12, s12, s20\n" "vldmia r7, {s16, s17}\n" \
    "vfma.f32 s4, s0, s5\n" "vfma.f32 s16, s12, s17\n" "vmul.f32 s0, s4, s16\n" "vcvtr.s32.f32 s4, s24\n" \
    "vldmia r4, {s12}\n" "vcvt.f32.s32 s8, s4\n" "vmov r7, s4\n" "vldmia r3!, {s16}\n" "ssat r7, #10, r7\n" \
    "vsub.f32 s24, s24, s8\n" "add r7, r8, r7, lsl #3\n" "vcvtr.s32.f32 s20, s16\n" "vldmia r7, {s4, s5}\n" \
    "vmov r7, s20\n" "vfma.f32 s4, s24, s5\n" "ssat r7, #10, r7\n" "vcvt.f32.s32 s24, s20\n" \
    "vfma.f32 s0, s4, s12\n" "vmul.f32 s12, s0, s30\n" "vsub.f32 s16, s16, s24\n" "vcvtr.s32.f32 s4, s12\n" \
    "add r7, r8, r7, lsl #3\n" "vldmia r7, {s20, s21}\n" "vmov r7, s4\n" "vstmia r4!, {s0}\n" \
    "vcvt.f32.s32 s8, s4\n" "ssat r7, #10, r7\n" "vsub.f32 s12, s12, s8\n" "add r7, r9, r7, lsl #3\n" \
    "vldmia r7, {s4, s5}\n" "vfma.f32 s20, s16, s21\n" "vfma.f32 s4, s12, s5\n" "vmul.f32 s0, s20, s4\n" \
    "vldmia r6!, {s16}\n" "vstmia r5!, {s0}\n" "vfma.f32 s31, s16, s0\n"

#endif
