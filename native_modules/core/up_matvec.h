// SPDX-License-Identifier: MIT
// Matrix times vector, the work of every layer: y[r] = bias[r] + sum_c w[r][c] * v[c].
//
// The matrix lies as the format defines it (models/SPEC.md, "Matrix"): rows, padded to a multiple
// of 4 (a single row is not padded), are cut into groups of 20 and a rest; a group is its biases,
// then column after column. Each row is summed bias first, then columns in order, in one
// accumulator: this order is part of the format, whatever the target's registers.
#ifndef UP_MATVEC_H
#define UP_MATVEC_H

#include "up_core.h"

#define UP_GROUP 20 // rows a group: 20 accumulators, 10 weights and 2 inputs fill 32 registers

static inline size_t up_rows_padded(size_t rows) {
    return rows == 1 ? 1 : (rows + 3) & ~(size_t)3;
}

// Floats of a stored matrix, its biases included.
static inline size_t up_matrix_floats(size_t rows, size_t cols) {
    return up_rows_padded(rows) * (cols + 1);
}

// to[0..g) = from[0..g) + w[c][0..g) * v[c] for c in order; returns the weights after these columns.
#define UP_MATVEC_C(g) \
    static inline const float *up_matvec_##g##_c(const float *w, const float *v, const float *from, float *to, size_t cols) { \
        float a[g]; \
        for (int r = 0; r < g; r++) { a[r] = from[r]; } \
        for (size_t c = 0; c < cols; c++, w += g) { \
            float x = v[c]; \
            for (int r = 0; r < g; r++) { a[r] = up_fma(w[r], x, a[r]); } \
        } \
        for (int r = 0; r < g; r++) { to[r] = a[r]; } \
        return w; \
    }

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#include "up_matvec_vfp.h"
#define UP_MATVEC_ONE up_matvec_1_vfp
#define UP_MATVEC_VFP 1
#else
UP_MATVEC_C(1)
#define UP_MATVEC_ONE up_matvec_1_c
UP_MATVEC_C(4)
UP_MATVEC_C(8)
UP_MATVEC_C(12)
UP_MATVEC_C(16)
UP_MATVEC_C(20)
#define UP_MATVEC(g) up_matvec_##g##_c
#endif

UP_BEGIN_C

#if defined(UP_MATVEC_VFP)
// y [rows padded] = matrix . v [cols]; at least one column.
static inline void up_matvec(const float *w, const float *v, float *y, size_t rows, size_t cols) {
    if (rows == 1) {
        up_matvec_1_vfp(w + 1, v, w, y, cols);
    } else {
        up_matrix_t matrix = up_matrix(w, v, y, rows, cols);
        up_matvec_vfp(&matrix);
    }
}
#else
// One group of g rows. Not inlined: the bodies are large and a call is cheap beside them.
const float *up_matvec_cols(const float *w, const float *v, const float *from, float *to, size_t g, size_t cols);

// y [rows padded] = matrix . v [cols].
static inline void up_matvec(const float *w, const float *v, float *y, size_t rows, size_t cols) {
    for (size_t left = up_rows_padded(rows); left;) {
        size_t g = left < UP_GROUP ? left : UP_GROUP;
        w = up_matvec_cols(w + g, v, w, y, g, cols);
        y += g;
        left -= g;
    }
}
#endif

// head[0] + sum_i head[1 + i] * h[i], in order: a dense layer of one output behind a recurrent one.
static inline float up_dot(const float *head, const float *h, size_t n) {
    float y = head[0];
    for (size_t i = 0; i < n; i++) {
        y = up_fma(head[1 + i], h[i], y);
    }
    return y;
}

UP_END_C

#endif
