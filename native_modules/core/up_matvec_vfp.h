// SPDX-License-Identifier: MIT
// Matrices on cores with a single-precision VFP and FMA (Cortex-M4F, M7, M33, M55): how to call
// up_matvec_code (up_matrix_vfp.h), and single rows. Included by up_matvec.h only.
#ifndef UP_MATVEC_VFP_H
#define UP_MATVEC_VFP_H

#define VFP_FMA(a, w, h) "vfma.f32 s" #a ", s" #w ", s" #h "\n"
// All of s0-s30; s31 is the sum of a head.
#define VFP_CLOBBERED \
    "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16", \
    "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30"

// Arguments of up_matvec_code: what LDM takes into r0-r5, r8.
typedef struct {
    const float *w, *v; // the matrix, its inputs
    float *y;           // its sums
    size_t row_fours, col_rest, col_fours; // rows / 4; columns % 4, columns / 4
    size_t turns;       // col_fours rounded up
} up_matrix_t;

#define UP_MATRIX_LOAD(from) "ldmia " from ", {r0-r5, r8}\n"

static inline up_matrix_t up_matrix(const float *w, const float *v, float *y, size_t rows, size_t cols) {
    up_matrix_t self = { w, v, y, (rows + 3) >> 2, cols & 3, cols >> 2, (cols + 3) >> 2 };
    return self;
}

UP_BEGIN_C
// Not by the calling convention: see there. A frame makes one or two such calls, and nothing is saved that
// the caller does not need.
void up_matvec_code(void);
UP_END_C

static inline void up_matvec_vfp(const up_matrix_t *self) {
    register const up_matrix_t *at __asm ("r11") = self;
    register void (*code)(void) __asm ("r10") = up_matvec_code;
    __asm volatile (UP_MATRIX_LOAD("%[at]") "blx %[code]"
        : [at] "+r" (at), [code] "+r" (code)
        :
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r12", "lr", "cc", "memory", VFP_CLOBBERED, "s31");
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

#endif
