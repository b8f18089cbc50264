// SPDX-License-Identifier: MIT
// Tiles for cores with Helium and floats (Cortex-M55, M85): four frames of a row in a vector, a weight from a core
// register. VFMA is fused, and each sum is made in the same order as the C version's, so same bits. What follows the
// sums is done by the tile of up_tile_vfp.h, as one of no columns. Vectors take numbers below 1.2e-38 as 0, other
// cores do not: a net's biases are far above, but a row of a single channel, which may be a cabinet's impulse
// response, stays with up_tile_vfp.h. Included by up_tile.h only.
#ifndef UP_TILE_MVE_H
#define UP_TILE_MVE_H

#include <arm_mve.h>

#define TILE_UNROLL _Pragma("GCC unroll 4") // before compilers place arrays: then sums are registers

// `rows` and `fours` are constants where it is used, so that all loops over them unroll. rows * fours + fours are at
// most the eight vectors there are.
static inline __attribute__((always_inline)) void tile_mve(const up_tile_t *self, size_t t, int rows, int fours) {
    float32x4_t sum[4][4];
    float *out = self->out + t;
    const float *w = self->w, *const *col = self->cols;
    TILE_UNROLL
    for (int r = 0; r < rows; r++) {
        TILE_UNROLL
        for (int k = 0; k < fours; k++) {
            sum[r][k] = self->bias ? vdupq_n_f32(self->bias[r]) : vldrwq_f32(out + r * UP_CHUNK + 4 * k);
        }
    }
    for (size_t c = self->n_cols, step = self->step; c; c--, w += step) {
        const float *x = *col++ + t;
        TILE_UNROLL
        for (int k = 0; k < fours; k++) {
            float32x4_t frames = vldrwq_f32(x + 4 * k);
            TILE_UNROLL
            for (int r = 0; r < rows; r++) {
                sum[r][k] = vfmaq_n_f32(sum[r][k], frames, w[r]);
            }
        }
    }
    TILE_UNROLL
    for (int r = 0; r < rows; r++) {
        TILE_UNROLL
        for (int k = 0; k < fours; k++) {
            vstrwq_f32(out + r * UP_CHUNK + 4 * k, sum[r][k]);
        }
    }
}

#define TILE_MVE(rows, fours) \
    static __attribute__((noinline)) void tile_##rows##_mve(const up_tile_t *self, size_t n) { \
        for (size_t t = 0; t < n; t += 4 * fours) { tile_mve(self, t, rows, fours); } \
    }

TILE_MVE(4, 1)
TILE_MVE(3, 2)
TILE_MVE(2, 2)
TILE_MVE(1, 2)

static inline void up_tile_4_mve(const up_tile_t *self, size_t n) {
    tile_4_mve(self, n);
    if (self->finish) {
        up_tile_t sums = *self;
        sums.bias = NULL;
        sums.n_cols = 0;
        up_tile_4_vfp(&sums, n);
    }
}

static inline void up_tile_3_mve(const up_tile_t *self, size_t n) {
    tile_3_mve(self, n);
}

static inline void up_tile_2_mve(const up_tile_t *self, size_t n) {
    tile_2_mve(self, n);
}

static inline void up_tile_1_mve(const up_tile_t *self, size_t n) {
    tile_1_mve(self, n);
}

#endif
