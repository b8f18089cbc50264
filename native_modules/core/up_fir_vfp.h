// SPDX-License-Identifier: MIT
// up_fir_eight for cores with a single-precision VFP and FMA: eight sums in s0-s7, eight taps in s8-s15, and
// the inputs that eight frames need under eight taps in s16-s31, a ring of two halves that take turns.
// 64 multiply-adds for two lists loaded, since on a Cortex-M7 a list behind a multiply-add waits three cycles.
// Included by up_fir.c only. Same order of additions as the C version, so same bits.
#ifndef UP_FIR_VFP_H
#define UP_FIR_VFP_H

#define FIR_S(x) #x
#define FIR_FMA(y, h, x) "vfma.f32 s" FIR_S(y) ", s" FIR_S(h) ", s" FIR_S(x) "\n"
#define FIR_TAP(h, a, b, c, d, e, f, g, i) \
    FIR_FMA(0, h, a) FIR_FMA(1, h, b) FIR_FMA(2, h, c) FIR_FMA(3, h, d) \
    FIR_FMA(4, h, e) FIR_FMA(5, h, f) FIR_FMA(6, h, g) FIR_FMA(7, h, i)

void up_fir_eight(const float *h, const float *x, float *y, uint32_t steps) {
    if (!steps) {
        return;
    }
    x += 8;
    __asm volatile (
        "vldmia %[y], {s0-s7}\n"
        "vldmdb %[x]!, {s16-s23}\n"
        "1: vldmia %[h]!, {s8-s15}\n"
        "vldmdb %[x]!, {s24-s31}\n"
        FIR_TAP(8, 16, 17, 18, 19, 20, 21, 22, 23)
        FIR_TAP(9, 31, 16, 17, 18, 19, 20, 21, 22)
        FIR_TAP(10, 30, 31, 16, 17, 18, 19, 20, 21)
        FIR_TAP(11, 29, 30, 31, 16, 17, 18, 19, 20)
        FIR_TAP(12, 28, 29, 30, 31, 16, 17, 18, 19)
        FIR_TAP(13, 27, 28, 29, 30, 31, 16, 17, 18)
        FIR_TAP(14, 26, 27, 28, 29, 30, 31, 16, 17)
        FIR_TAP(15, 25, 26, 27, 28, 29, 30, 31, 16)
        "vldmia %[h]!, {s8-s15}\n"
        "vldmdb %[x]!, {s16-s23}\n"
        FIR_TAP(8, 24, 25, 26, 27, 28, 29, 30, 31)
        FIR_TAP(9, 23, 24, 25, 26, 27, 28, 29, 30)
        FIR_TAP(10, 22, 23, 24, 25, 26, 27, 28, 29)
        FIR_TAP(11, 21, 22, 23, 24, 25, 26, 27, 28)
        FIR_TAP(12, 20, 21, 22, 23, 24, 25, 26, 27)
        FIR_TAP(13, 19, 20, 21, 22, 23, 24, 25, 26)
        FIR_TAP(14, 18, 19, 20, 21, 22, 23, 24, 25)
        FIR_TAP(15, 17, 18, 19, 20, 21, 22, 23, 24)
        "subs %[steps], #1\n"
        "bne.w 1b\n"
        "vstmia %[y], {s0-s7}\n"
        : [h] "+&r" (h), [x] "+&r" (x), [steps] "+&r" (steps)
        : [y] "r" (y)
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
        "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30",
        "s31", "cc", "memory");
}

#endif
