// SPDX-License-Identifier: MIT
// Whole matrices on cores with a single-precision VFP and FMA (Cortex-M4F, M7, M33, M55). The sums of a
// group stay in the highest registers, weights stream through the lowest ones, inputs lie between:
//     rows   sums      inputs    weights  lists for four columns
//     20     s12-s31   s10, s11  s0-s9    8 x 10
//     16     s16-s31   s12-s15   s0-s11   4 x 12 and 2 x 8
//     12     s20-s31   s16-s19   s0-s15   3 x 16
//     8      s24-s31   s16-s19   s0-s15   2 x 16
//     4      s28-s31   s16-s19   s0-s15   1 x 16
// The longer the lists the better: on the M7 one costs 3 cycles of waiting for the multiply-adds before it.
// Same order of additions as the C version, so same bits. Included by up_matvec.c only.
#ifndef UP_MATRIX_VFP_H
#define UP_MATRIX_VFP_H

#define VFP_S0 0, 1, 2, 3
#define VFP_S2 2, 3, 4, 5
#define VFP_S4 4, 5, 6, 7
#define VFP_S6 6, 7, 8, 9
#define VFP_S8 8, 9, 10, 11
#define VFP_S12 12, 13, 14, 15
#define VFP_S16 16, 17, 18, 19
#define VFP_S20 20, 21, 22, 23
#define VFP_S24 24, 25, 26, 27
#define VFP_S28 28, 29, 30, 31

#define VFP_LIST(last) "vldmia r0!, {s0-s" #last "}\n"
// Four rows (two: VFP_2) of a column: sums, weights, input.
#define VFP_4(a, w, h) VFP_4_(a, w, h)
#define VFP_4_(a0, a1, a2, a3, w0, w1, w2, w3, h) VFP_FMA(a0, w0, h) VFP_FMA(a1, w1, h) VFP_FMA(a2, w2, h) VFP_FMA(a3, w3, h)
#define VFP_2(a0, a1, w0, w1, h) VFP_FMA(a0, w0, h) VFP_FMA(a1, w1, h)

// One column.
#define VFP_COL_20(h) \
    VFP_LIST(9) VFP_4(VFP_S12, VFP_S0, h) VFP_4(VFP_S16, VFP_S4, h) VFP_2(20, 21, 8, 9, h) \
    VFP_LIST(9) VFP_2(22, 23, 0, 1, h) VFP_4(VFP_S24, VFP_S2, h) VFP_4(VFP_S28, VFP_S6, h)
#define VFP_COL_16(h) \
    VFP_LIST(7) VFP_4(VFP_S16, VFP_S0, h) VFP_4(VFP_S20, VFP_S4, h) \
    VFP_LIST(7) VFP_4(VFP_S24, VFP_S0, h) VFP_4(VFP_S28, VFP_S4, h)
#define VFP_COL_12(h) VFP_LIST(11) VFP_4(VFP_S20, VFP_S0, h) VFP_4(VFP_S24, VFP_S4, h) VFP_4(VFP_S28, VFP_S8, h)
#define VFP_COL_8(h) VFP_LIST(7) VFP_4(VFP_S24, VFP_S0, h) VFP_4(VFP_S28, VFP_S4, h)
#define VFP_COL_4(h) VFP_LIST(3) VFP_4(VFP_S28, VFP_S0, h)

// Four columns, in lists that do not care where a column ends.
#define VFP_COLS_16 \
    VFP_LIST(11) VFP_4(VFP_S16, VFP_S0, 12) VFP_4(VFP_S20, VFP_S4, 12) VFP_4(VFP_S24, VFP_S8, 12) \
    VFP_LIST(11) VFP_4(VFP_S28, VFP_S0, 12) VFP_4(VFP_S16, VFP_S4, 13) VFP_4(VFP_S20, VFP_S8, 13) \
    VFP_LIST(11) VFP_4(VFP_S24, VFP_S0, 13) VFP_4(VFP_S28, VFP_S4, 13) VFP_4(VFP_S16, VFP_S8, 14) \
    VFP_LIST(11) VFP_4(VFP_S20, VFP_S0, 14) VFP_4(VFP_S24, VFP_S4, 14) VFP_4(VFP_S28, VFP_S8, 14) \
    VFP_COL_16(15)
#define VFP_COLS_12 \
    VFP_LIST(15) VFP_4(VFP_S20, VFP_S0, 16) VFP_4(VFP_S24, VFP_S4, 16) VFP_4(VFP_S28, VFP_S8, 16) VFP_4(VFP_S20, VFP_S12, 17) \
    VFP_LIST(15) VFP_4(VFP_S24, VFP_S0, 17) VFP_4(VFP_S28, VFP_S4, 17) VFP_4(VFP_S20, VFP_S8, 18) VFP_4(VFP_S24, VFP_S12, 18) \
    VFP_LIST(15) VFP_4(VFP_S28, VFP_S0, 18) VFP_4(VFP_S20, VFP_S4, 19) VFP_4(VFP_S24, VFP_S8, 19) VFP_4(VFP_S28, VFP_S12, 19)
#define VFP_COLS_8 \
    VFP_LIST(15) VFP_4(VFP_S24, VFP_S0, 16) VFP_4(VFP_S28, VFP_S4, 16) VFP_4(VFP_S24, VFP_S8, 17) VFP_4(VFP_S28, VFP_S12, 17) \
    VFP_LIST(15) VFP_4(VFP_S24, VFP_S0, 18) VFP_4(VFP_S28, VFP_S4, 18) VFP_4(VFP_S24, VFP_S8, 19) VFP_4(VFP_S28, VFP_S12, 19)
#define VFP_COLS_4 \
    VFP_LIST(15) VFP_4(VFP_S28, VFP_S0, 16) VFP_4(VFP_S28, VFP_S4, 17) VFP_4(VFP_S28, VFP_S8, 18) VFP_4(VFP_S28, VFP_S12, 19)

// The last group, of fewer than 20 rows: columns left over by fours first, then fours. `in`: inputs of four columns.
#define VFP_LAST(g, sums, first, in) \
    "vldmia r0!, {" sums "}\n" \
    "cbz r4, 32f\n" \
    "31: vldmia r1!, {s" #first "}\n" \
    VFP_COL_##g(first) \
    "subs r4, #1\n" \
    "bne 31b\n" \
    "32: cmp r5, #0\n" \
    "beq 34f\n" \
    "33: vldmia r1!, {" in "}\n" \
    VFP_COLS_##g \
    "subs r5, #1\n" \
    "bne 33b\n" \
    "34: vstmia r2, {" sums "}\n" \
    "bx lr\n"

// r0-r5, r8 as up_matrix_t has them. Leaves r7, r9-r11 alone; s0-s31, r6, r12 and all of its arguments not.
// Groups of 20 enter their loop so that it ends with its last column.
__attribute__((naked, noinline, used)) void up_matvec_code(void) {
    __asm volatile (
        ".syntax unified\n"
        "subs r3, #5\n"
        "bmi.w 8f\n"
        "1: vldmia r0!, {s12-s31}\n"
        "mov r12, r1\n"
        "mov r6, r8\n"
        "tbb [pc, r4]\n"
        "3: .byte (4f - 3b) / 2, (11f - 3b) / 2, (6f - 3b) / 2, (10f - 3b) / 2\n"
        "10: vldmia r12!, {s11}\n"
        "b.w 5f\n"
        "11: vldmia r12!, {s11}\n"
        "b.w 7f\n"
        "4: vldmia r12!, {s10, s11}\n"
        VFP_COL_20(10)
        "5:\n" VFP_COL_20(11)
        "6: vldmia r12!, {s10, s11}\n"
        VFP_COL_20(10)
        "7:\n" VFP_COL_20(11)
        "subs r6, #1\n"
        "bne 4b\n"
        "vstmia r2!, {s12-s31}\n"
        "subs r3, #5\n"
        "bpl 1b\n"
        "8: adds r3, #5\n"
        "tbh [pc, r3, lsl #1]\n"
        "9: .hword (19f - 9b) / 2, (12f - 9b) / 2, (14f - 9b) / 2, (16f - 9b) / 2, (18f - 9b) / 2\n"
        "12:\n" VFP_LAST(4, "s28-s31", 16, "s16-s19")
        "14:\n" VFP_LAST(8, "s24-s31", 16, "s16-s19")
        "16:\n" VFP_LAST(12, "s20-s31", 16, "s16-s19")
        "18:\n" VFP_LAST(16, "s16-s31", 12, "s12-s15")
        "19: bx lr\n"
        );
}

#endif
