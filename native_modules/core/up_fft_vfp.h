// SPDX-License-Identifier: MIT
// Butterflies of up_fft.c for cores with a single-precision VFP and FMA: lists load and store what lies side by
// side, where a compiler takes a value at a time. Included by up_fft.c only. Same operations as in C, so same bits.
#ifndef UP_FFT_VFP_H
#define UP_FFT_VFP_H

#define FFT_S(x) #x
#define FFT_OP(op, y, a, b) op ".f32 s" FFT_S(y) ", s" FFT_S(a) ", s" FFT_S(b) "\n"

// Factors: real parts in s8-s10, imaginary ones in s11-s13; s14-s21 are for what is between.
// (a, A) to (d, D) are the parts of four points in place: up_fft_forward's butterfly, then its inverse.
#define FFT_BUTTERFLY(a, b, c, d, A, B, C, D) \
    FFT_OP("vmul", 14, 8, b) FFT_OP("vmul", 15, 8, B) FFT_OP("vmul", 16, 9, c) FFT_OP("vmul", 17, 9, C) \
    FFT_OP("vmul", 18, 10, d) FFT_OP("vmul", 19, 10, D) \
    FFT_OP("vfms", 14, 11, B) FFT_OP("vfma", 15, 11, b) FFT_OP("vfms", 16, 12, C) FFT_OP("vfma", 17, 12, c) \
    FFT_OP("vfms", 18, 13, D) FFT_OP("vfma", 19, 13, d) \
    FFT_OP("vadd", b, a, 16) FFT_OP("vadd", B, A, 17) FFT_OP("vsub", 16, a, 16) FFT_OP("vsub", 17, A, 17) \
    FFT_OP("vadd", 20, 14, 18) FFT_OP("vadd", 21, 15, 19) FFT_OP("vsub", 14, 14, 18) FFT_OP("vsub", 15, 15, 19) \
    FFT_OP("vadd", a, b, 20) FFT_OP("vadd", A, B, 21) FFT_OP("vsub", b, b, 20) FFT_OP("vsub", B, B, 21) \
    FFT_OP("vsub", c, 16, 15) FFT_OP("vadd", C, 17, 14) FFT_OP("vadd", d, 16, 15) FFT_OP("vsub", D, 17, 14)
#define FFT_BACK(a, b, c, d, A, B, C, D) \
    FFT_OP("vadd", 14, a, b) FFT_OP("vadd", 15, A, B) FFT_OP("vsub", 16, a, b) FFT_OP("vsub", 17, A, B) \
    FFT_OP("vadd", 18, c, d) FFT_OP("vadd", 19, C, D) FFT_OP("vsub", 20, C, D) FFT_OP("vsub", 21, d, c) \
    FFT_OP("vadd", a, 14, 18) FFT_OP("vadd", A, 15, 19) FFT_OP("vsub", 14, 14, 18) FFT_OP("vsub", 15, 15, 19) \
    FFT_OP("vadd", 18, 16, 20) FFT_OP("vadd", 19, 17, 21) FFT_OP("vsub", 16, 16, 20) FFT_OP("vsub", 17, 17, 21) \
    FFT_OP("vmul", b, 8, 18) FFT_OP("vmul", B, 8, 19) FFT_OP("vmul", c, 9, 14) FFT_OP("vmul", C, 9, 15) \
    FFT_OP("vmul", d, 10, 16) FFT_OP("vmul", D, 10, 17) \
    FFT_OP("vfma", b, 11, 19) FFT_OP("vfms", B, 11, 18) FFT_OP("vfma", c, 12, 15) FFT_OP("vfms", C, 12, 14) \
    FFT_OP("vfma", d, 13, 17) FFT_OP("vfms", D, 13, 16)

#define FFT_CLOBBERS "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", \
    "s15", "s16", "s17", "s18", "s19", "s20", "s21", "cc", "memory"

// Four blocks of four points.
#define FFT_SMALL(name, butterfly) \
    static void name(const up_fft_block_t *block, float *data, size_t stride) { \
        uint32_t n = 4; \
        __asm volatile ( \
            "1: vldmia %[block]!, {s8-s13}\n" \
            "vldmia %[data], {s0-s7}\n" \
            butterfly(0, 1, 2, 3, 4, 5, 6, 7) \
            "subs %[n], #1\n" \
            "vstmia %[data], {s0-s7}\n" \
            "add %[data], %[data], %[step]\n" \
            "bne 1b\n" \
            : [block] "+&r" (block), [data] "+&r" (data), [n] "+&r" (n) \
            : [step] "r" (stride * sizeof(float)) \
            : FFT_CLOBBERS); \
    }
FFT_SMALL(fft_last, FFT_BUTTERFLY)
FFT_SMALL(back_first, FFT_BACK)

// Two points of each quarter, side by side in double registers; two times.
#define FFT_TWO(op, re, im) \
    op " d0, [%[q0], #" re "]\n" op " d1, [%[q0], #" im "]\n" op " d2, [%[q1], #" re "]\n" op " d3, [%[q1], #" im "]\n" \
    op " d12, [%[q2], #" re "]\n" op " d13, [%[q2], #" im "]\n" op " d14, [%[q3], #" re "]\n" op " d15, [%[q3], #" im "]\n"
#define FFT_WIDE(name, butterfly) \
    static void name(const up_fft_block_t *block, float *data, size_t step) { \
        __asm volatile ( \
            "vldmia %[block], {s8-s13}\n" \
            FFT_TWO("vldr", "0", "16") \
            butterfly(0, 4, 24, 28, 2, 6, 26, 30) butterfly(1, 5, 25, 29, 3, 7, 27, 31) \
            FFT_TWO("vstr", "0", "16") \
            FFT_TWO("vldr", "8", "24") \
            butterfly(0, 4, 24, 28, 2, 6, 26, 30) butterfly(1, 5, 25, 29, 3, 7, 27, 31) \
            FFT_TWO("vstr", "8", "24") \
            : \
            : [block] "r" (block), [q0] "r" (data), [q1] "r" (data + step), [q2] "r" (data + 2 * step), \
            [q3] "r" (data + 3 * step) \
            : FFT_CLOBBERS, "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31"); \
    }
FFT_WIDE(fft_next, FFT_BUTTERFLY)
FFT_WIDE(back_next, FFT_BACK)

// The first pass: four real frames a, b, c, d to (q, Q) to (t, T), two butterflies in s0-s7 and s16-s31.
#define FFT_REAL(a, b, c, d, q, Q, r, R, s, S, t, T) \
    FFT_OP("vmul", q, 8, b) FFT_OP("vmul", Q, 11, b) FFT_OP("vmul", b, 10, d) FFT_OP("vmul", d, 13, d) \
    FFT_OP("vmul", r, 9, c) FFT_OP("vmul", c, 12, c) \
    FFT_OP("vadd", 14, q, b) FFT_OP("vsub", 15, q, b) FFT_OP("vadd", b, Q, d) FFT_OP("vsub", d, Q, d) \
    FFT_OP("vadd", t, a, r) FFT_OP("vsub", a, a, r) \
    FFT_OP("vadd", q, t, 14) FFT_OP("vsub", r, t, 14) FFT_OP("vadd", Q, c, b) FFT_OP("vsub", R, c, b) \
    FFT_OP("vsub", s, a, d) FFT_OP("vadd", t, a, d) FFT_OP("vsub", S, 15, c) \
    "vneg.f32 s" FFT_S(c) ", s" FFT_S(c) "\n" FFT_OP("vsub", T, c, 15)
#define FFT_REALS \
    "vldr d0, [%[in]]\n" \
    "add %[from], %[in], %[quarter]\n" \
    "vldr d1, [%[from]]\n" \
    "add %[from], %[from], %[quarter]\n" \
    "vldr d2, [%[from]]\n" \
    "add %[from], %[from], %[quarter]\n" \
    "vldr d3, [%[from]]\n" \
    FFT_REAL(0, 2, 4, 6, 16, 18, 20, 22, 24, 26, 28, 30) FFT_REAL(1, 3, 5, 7, 17, 19, 21, 23, 25, 27, 29, 31)
#define FFT_TO(re, im) \
    "vstr d8, [%[q0], #" re "]\n" "vstr d9, [%[q0], #" im "]\n" "vstr d10, [%[q1], #" re "]\n" "vstr d11, [%[q1], #" im "]\n" \
    "vstr d12, [%[q2], #" re "]\n" "vstr d13, [%[q2], #" im "]\n" "vstr d14, [%[q3], #" re "]\n" "vstr d15, [%[q3], #" im "]\n"
static void fft_first(const up_fft_block_t *block, const float *in, size_t quarter, float *data, size_t step) {
    const float *from;
    __asm volatile (
        "vldmia %[block], {s8-s13}\n"
        FFT_REALS FFT_TO("0", "16")
        "adds %[in], %[in], #8\n"
        FFT_REALS FFT_TO("8", "24")
        : [in] "+&r" (in), [from] "=&r" (from)
        : [block] "r" (block), [quarter] "r" (quarter * sizeof(float)), [q0] "r" (data), [q1] "r" (data + step),
        [q2] "r" (data + 2 * step), [q3] "r" (data + 3 * step)
        : FFT_CLOBBERS, "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31");
}

#endif
