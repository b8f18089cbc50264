// SPDX-License-Identifier: MIT
// up_matvec_cols for cores with a single-precision VFP and FMA (Cortex-M4F, M7, M33, M55): the
// accumulators of a group stay in registers, weights stream through s0-s7, four inputs through
// s8-s11. Included by up_matvec.h only. Same order of additions as the C version, so same bits.
#ifndef UP_MATVEC_VFP_H
#define UP_MATVEC_VFP_H

#define VFP_S(x) #x
#define VFP_FMA(a, w, h) "vfma.f32 s" VFP_S(a) ", s" VFP_S(w) ", s" VFP_S(h) "\n"
#define VFP_4(a, w, h, a1, a2, a3, w1, w2, w3) VFP_FMA(a, w, h) VFP_FMA(a1, w1, h) VFP_FMA(a2, w2, h) VFP_FMA(a3, w3, h)
#define VFP_LOAD8 "vldmia %[w]!, {s0-s7}\n"
#define VFP_LOAD4 "vldmia %[w]!, {s0-s3}\n"

// One column of g rows; accumulators end at s31.
#define VFP_COL_20(h) VFP_LOAD8 VFP_4(12, 0, h, 13, 14, 15, 1, 2, 3) VFP_4(16, 4, h, 17, 18, 19, 5, 6, 7) VFP_COL_12(h)
#define VFP_COL_16(h) VFP_LOAD8 VFP_4(16, 0, h, 17, 18, 19, 1, 2, 3) VFP_4(20, 4, h, 21, 22, 23, 5, 6, 7) VFP_COL_8(h)
#define VFP_COL_12(h) VFP_LOAD8 VFP_4(20, 0, h, 21, 22, 23, 1, 2, 3) VFP_4(24, 4, h, 25, 26, 27, 5, 6, 7) VFP_COL_4(h)
#define VFP_COL_8(h) VFP_LOAD8 VFP_4(24, 0, h, 25, 26, 27, 1, 2, 3) VFP_4(28, 4, h, 29, 30, 31, 5, 6, 7)
#define VFP_COL_4(h) VFP_LOAD4 VFP_4(28, 0, h, 29, 30, 31, 1, 2, 3)

#define UP_MATVEC_VFP(g, accs) \
    static inline const float *up_matvec_##g##_vfp(const float *w, const float *v, const float *from, float *to, size_t cols) { \
        size_t fours = cols >> 2, rest = cols & 3; \
        __asm volatile ( \
            "vldmia %[from], {" accs "}\n" \
            "cmp %[fours], #0\n" \
            "beq.w 2f\n" \
            "1: vldmia %[v]!, {s8-s11}\n" \
            VFP_COL_##g(8) VFP_COL_##g(9) VFP_COL_##g(10) VFP_COL_##g(11) \
            "subs %[fours], #1\n" \
            "bne 1b\n" \
            "2: cmp %[rest], #0\n" \
            "beq.w 4f\n" \
            "3: vldmia %[v]!, {s8}\n" \
            VFP_COL_##g(8) \
            "subs %[rest], #1\n" \
            "bne 3b\n" \
            "4: vstmia %[to], {" accs "}\n" \
            : [w] "+&r" (w), [v] "+&r" (v), [fours] "+&r" (fours), [rest] "+&r" (rest) \
            : [from] "r" (from), [to] "r" (to) \
            : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", \
            "s14", "s15", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", \
            "s27", "s28", "s29", "s30", "s31", "cc", "memory"); \
        return w; \
    }

// A single row: a dot product, eight columns at a time.
static inline const float *up_matvec_1_vfp(const float *w, const float *v, const float *from, float *to, size_t cols) {
    size_t eights = cols >> 3, rest = cols & 7;
    __asm volatile (
        "vldr s16, [%[from]]\n"
        "cmp %[eights], #0\n"
        "beq 2f\n"
        "1: vldmia %[w]!, {s0-s7}\n"
        "vldmia %[v]!, {s8-s15}\n"
        VFP_FMA(16, 0, 8) VFP_FMA(16, 1, 9) VFP_FMA(16, 2, 10) VFP_FMA(16, 3, 11)
        VFP_FMA(16, 4, 12) VFP_FMA(16, 5, 13) VFP_FMA(16, 6, 14) VFP_FMA(16, 7, 15)
        "subs %[eights], #1\n"
        "bne 1b\n"
        "2: cmp %[rest], #0\n"
        "beq 4f\n"
        "3: vldmia %[w]!, {s0}\n"
        "vldmia %[v]!, {s8}\n"
        VFP_FMA(16, 0, 8)
        "subs %[rest], #1\n"
        "bne 3b\n"
        "4: vstr s16, [%[to]]\n"
        : [w] "+&r" (w), [v] "+&r" (v), [eights] "+&r" (eights), [rest] "+&r" (rest)
        : [from] "r" (from), [to] "r" (to)
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
        "s16", "cc", "memory");
    return w;
}

UP_MATVEC_VFP(4, "s28-s31")
UP_MATVEC_VFP(8, "s24-s31")
UP_MATVEC_VFP(12, "s20-s31")
UP_MATVEC_VFP(16, "s16-s31")
UP_MATVEC_VFP(20, "s12-s31")

#endif
