// SPDX-License-Identifier: MIT
// Tiles for x86-64 with AVX2 and FMA: eight frames of a row in a vector, up to twelve of them at a time. Each sum is made
// in the same order as the C version's, so same bits. Included by up_tile.h only.
#ifndef UP_TILE_AVX2_H
#define UP_TILE_AVX2_H

#include <immintrin.h>

#define TILE_UNROLL _Pragma("GCC unroll 4") // before compilers place arrays: then sums are registers

// `rows` and `eights` are constants where it is used, so that all loops over them unroll. w, out: of these rows; t: the
// first frame.
static inline __attribute__((always_inline)) void tile_avx2(const up_tile_t *self, size_t t, int rows, int eights) {
    __m256 sum[4][4];
    float *out = self->out + t;
    const float *w = self->w, *const *col = self->cols;
    TILE_UNROLL
    for (int r = 0; r < rows; r++) {
        TILE_UNROLL
        for (int k = 0; k < eights; k++) {
            sum[r][k] = self->bias ? _mm256_broadcast_ss(self->bias + r) : _mm256_loadu_ps(out + r * UP_CHUNK + 8 * k);
        }
    }
    for (const float *const *end = col + self->n_cols; col < end; col++, w += self->step) {
        const float *x = *col + t;
        TILE_UNROLL
        for (int k = 0; k < eights; k++) {
            __m256 frames = _mm256_loadu_ps(x + 8 * k);
            TILE_UNROLL
            for (int r = 0; r < rows; r++) {
                sum[r][k] = _mm256_fmadd_ps(_mm256_broadcast_ss(w + r), frames, sum[r][k]);
            }
        }
    }
    TILE_UNROLL
    for (int r = 0; r < rows; r++) {
        TILE_UNROLL
        for (int k = 0; k < eights; k++) {
            _mm256_storeu_ps(out + r * UP_CHUNK + 8 * k, sum[r][k]);
        }
    }
}

#define UP_TILE_AVX2(rows) \
    static inline void up_tile_##rows##_avx2(const up_tile_t *self, size_t n) { \
        size_t t = 0, end = (n + 7) & ~(size_t)7; \
        for (; rows < 4 && end - t >= 32; t += 32) { tile_avx2(self, t, rows, 4); } \
        for (; end - t >= 16; t += 16) { tile_avx2(self, t, rows, 2); } \
        if (t < end) { tile_avx2(self, t, rows, 1); } \
    }

UP_TILE_AVX2(4)
UP_TILE_AVX2(3)
UP_TILE_AVX2(2)
UP_TILE_AVX2(1)

// y[t] = w[0] + sum_k w[1 + k] * x[k + t]: a single row of a single channel.
static inline __attribute__((always_inline)) void tile_fir_avx2(const float *w, const float *x, float *y, size_t taps, int eights) {
    __m256 sum[4];
    TILE_UNROLL
    for (int k = 0; k < eights; k++) {
        sum[k] = _mm256_broadcast_ss(w);
    }
    for (const float *end = w++ + taps; w <= end; w++, x++) {
        __m256 weight = _mm256_broadcast_ss(w);
        TILE_UNROLL
        for (int k = 0; k < eights; k++) {
            sum[k] = _mm256_fmadd_ps(weight, _mm256_loadu_ps(x + 8 * k), sum[k]);
        }
    }
    TILE_UNROLL
    for (int k = 0; k < eights; k++) {
        _mm256_storeu_ps(y + 8 * k, sum[k]);
    }
}

static inline void up_tile_fir_avx2(const float *w, const float *x, float *y, size_t taps, size_t n) {
    size_t t = 0;
    for (; n - t > 24 && t < n; t += 32) { tile_fir_avx2(w, x + t, y + t, taps, 4); }
    for (; n - t > 8 && t < n; t += 16) { tile_fir_avx2(w, x + t, y + t, taps, 2); }
    if (t < n) { tile_fir_avx2(w, x + t, y + t, taps, 1); }
}

#endif
