// SPDX-License-Identifier: MIT
// A matrix times all frames of a chunk, the work of every convolution: out[r][t] = bias[r] + sum_c w[r][c] * col_c[t].
//
// Signals lie in planes of UP_CHUNK frames, a plane a channel. A tile is a few rows by a few frames whose sums
// stay in registers, so that a weight serves several frames and a sample several rows. Columns are read where
// they lie, through a table of pointers: a tap is a place in a ring, no copy of it. Each sum is made bias first,
// then columns in order, in one accumulator, whatever the tile's shape.
#ifndef UP_TILE_H
#define UP_TILE_H

#include "up_conv1d.h"

typedef struct {
    const float *w;           // column after column, `step` floats apart; not owned
    const float *const *cols; // [n_cols]: where frame 0 of each column lies
    const float *bias;        // [rows]; NULL: go on with the sums in out
    float *out;               // planes
    uint32_t n_cols, step;
    const up_finish_t *finish; // NULL: none; else where up_tile_finishes() says so
    const float *plus;         // of these rows
} up_tile_t;

// up_tile_R(self, n): R = 4, 3, 2 or 1 rows, n frames, up to UP_CHUNK. Columns are read, and planes written, up to
// the next multiple of 8 frames. 4: any step of 4 or more; 3 and 2: a step of 4; 1: a step of 1.
#define UP_TILE_C(rows) \
    static inline void up_tile_##rows##_c(const up_tile_t *self, size_t n) { \
        for (size_t t = 0; t < n; t += 8) { \
            float a[rows][8]; \
            const float *w = self->w, *const *col = self->cols; \
            for (int r = 0; r < rows; r++) { \
                for (int p = 0; p < 8; p++) { a[r][p] = self->bias ? self->bias[r] : self->out[r * UP_CHUNK + t + p]; } \
            } \
            for (size_t c = self->n_cols; c; c--, w += self->step) { \
                const float *x = *col++ + t; \
                for (int r = 0; r < rows; r++) { \
                    for (int p = 0; p < 8; p++) { a[r][p] = up_fma(w[r], x[p], a[r][p]); } \
                } \
            } \
            for (int r = 0; r < rows; r++) { \
                for (int p = 0; p < 8; p++) { self->out[r * UP_CHUNK + t + p] = a[r][p]; } \
            } \
        } \
    }

// Eight frames of a single row over `taps` taps, a multiple of 8, of a single channel: y[p] += sum_k w[k] * x[k + p].
static inline void up_tile_fir_c(const float *w, const float *x, float *y, size_t taps) {
    float a[8];
    for (int p = 0; p < 8; p++) { a[p] = y[p]; }
    for (size_t k = 0; k < taps; k++) {
        for (int p = 0; p < 8; p++) { a[p] = up_fma(w[k], x[k + p], a[p]); }
    }
    for (int p = 0; p < 8; p++) { y[p] = a[p]; }
}

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#include "up_tile_vfp.h"
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)
#include "up_tile_mve.h"
#define UP_TILE(rows) up_tile_##rows##_mve
#else
#define UP_TILE(rows) up_tile_##rows##_vfp
#endif
#define UP_TILE_FIR up_tile_fir_vfp
#else
#if defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
#include "up_tile_avx2.h"
#define UP_TILE(rows) up_tile_##rows##_avx2
#define UP_TILE_FIR_ALL up_tile_fir_avx2
#else
UP_TILE_C(4)
UP_TILE_C(3)
UP_TILE_C(2)
UP_TILE_C(1)
#define UP_TILE(rows) up_tile_##rows##_c
#define UP_TILE_FIR up_tile_fir_c
#endif

static inline bool up_tile_finishes(size_t rows, uint32_t step) {
    (void)rows;
    (void)step;
    return false;
}
#endif

#endif
