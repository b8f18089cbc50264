// SPDX-License-Identifier: MIT
// Inner loops of up_pconv.c for cores with a single-precision VFP and FMA. Included by up_pconv.c only. Same order
// of additions as the C versions, so same bits.
#ifndef UP_PCONV_VFP_H
#define UP_PCONV_VFP_H

#define PCONV_S(x) #x
#define PCONV_4(op, a, b, c, d, x, y, z, w, h, i, j, k) \
    op " s" PCONV_S(a) ", s" PCONV_S(x) ", s" PCONV_S(h) "\n" op " s" PCONV_S(b) ", s" PCONV_S(y) ", s" PCONV_S(i) "\n" \
    op " s" PCONV_S(c) ", s" PCONV_S(z) ", s" PCONV_S(j) "\n" op " s" PCONV_S(d) ", s" PCONV_S(w) ", s" PCONV_S(k) "\n"

// Four complex sums in s0-s7, a part's spectrum of the input in s8-s15, of the taps in s16-s23.
static inline void pconv_four(float *y, const float *x, const float *h, uint32_t n, uint32_t rest, size_t back) {
    __asm volatile (
        "vmov s0, s1, %[zero], %[zero]\n"
        "vmov s2, s3, %[zero], %[zero]\n"
        "vmov s4, s5, %[zero], %[zero]\n"
        "vmov s6, s7, %[zero], %[zero]\n"
        "1: vldmia %[x]!, {s8-s15}\n"
        "vldmia %[h]!, {s16-s23}\n"
        PCONV_4("vfma.f32", 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19)
        PCONV_4("vfma.f32", 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23)
        PCONV_4("vfms.f32", 0, 1, 2, 3, 12, 13, 14, 15, 20, 21, 22, 23)
        PCONV_4("vfma.f32", 4, 5, 6, 7, 12, 13, 14, 15, 16, 17, 18, 19)
        "subs %[n], #1\n"
        "bne 1b\n"
        "subs %[x], %[x], %[back]\n"
        "movs %[n], %[rest]\n"
        "mov %[rest], #0\n"
        "bne 1b\n"
        "vstmia %[y], {s0-s7}\n"
        : [x] "+&r" (x), [h] "+&r" (h), [n] "+&r" (n), [rest] "+&r" (rest)
        : [y] "r" (y), [back] "r" (back * sizeof(float)), [zero] "r" (0)
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
        "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "cc", "memory");
}

static inline void pconv_add_fours(const float *re, const float *im, float *y, uint32_t n) {
    __asm volatile (
        "1: vldmia %[re], {s0-s3}\n"
        "vldmia %[im], {s4-s7}\n"
        "vldmia %[y], {s8-s11}\n"
        "vadd.f32 s0, s0, s4\n"
        "vadd.f32 s1, s1, s5\n"
        "vadd.f32 s2, s2, s6\n"
        "vadd.f32 s3, s3, s7\n"
        "vadd.f32 s8, s8, s0\n"
        "vadd.f32 s9, s9, s1\n"
        "vadd.f32 s10, s10, s2\n"
        "vadd.f32 s11, s11, s3\n"
        "adds %[re], %[re], #32\n"
        "adds %[im], %[im], #32\n"
        "vstmia %[y]!, {s8-s11}\n"
        "subs %[n], %[n], #1\n"
        "bne 1b\n"
        : [re] "+&r" (re), [im] "+&r" (im), [y] "+&r" (y), [n] "+&r" (n)
        :
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "cc", "memory");
}

#endif
