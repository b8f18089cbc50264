// SPDX-License-Identifier: MIT
// Row groups and GRU gates for x86-64 with AVX2 and FMA: rows side by side in a vector, each row
// summed in the same order as the C version, so same bits.
#ifndef UP_AVX2_H
#define UP_AVX2_H

#include <immintrin.h>

#include "up_act.h"

// Up to two vectors of 8 rows and one of 4: `wide` and `half` are constants, so the loop unrolls.
static inline __attribute__((always_inline)) const float *avx2_cols(const float *w, const float *v,
    const float *from, float *to, size_t cols, int wide, int half) {
    __m256 a0 = _mm256_setzero_ps(), a1 = a0;
    __m128 a2 = _mm_setzero_ps();
    if (wide > 0) { a0 = _mm256_loadu_ps(from); }
    if (wide > 1) { a1 = _mm256_loadu_ps(from + 8); }
    if (half) { a2 = _mm_loadu_ps(from + 8 * wide); }
    for (size_t c = 0; c < cols; c++, w += 8 * wide + 4 * half) {
        __m256 x = _mm256_broadcast_ss(v + c);
        if (wide > 0) { a0 = _mm256_fmadd_ps(_mm256_loadu_ps(w), x, a0); }
        if (wide > 1) { a1 = _mm256_fmadd_ps(_mm256_loadu_ps(w + 8), x, a1); }
        if (half) { a2 = _mm_fmadd_ps(_mm_loadu_ps(w + 8 * wide), _mm256_castps256_ps128(x), a2); }
    }
    if (wide > 0) { _mm256_storeu_ps(to, a0); }
    if (wide > 1) { _mm256_storeu_ps(to + 8, a1); }
    if (half) { _mm_storeu_ps(to + 8 * wide, a2); }
    return w;
}

#define UP_MATVEC_AVX2(g, wide, half) \
    static inline const float *up_matvec_##g##_avx2(const float *w, const float *v, const float *from, float *to, size_t cols) { \
        return avx2_cols(w, v, from, to, cols, wide, half); \
    }

UP_MATVEC_AVX2(4, 0, 1)
UP_MATVEC_AVX2(8, 1, 0)
UP_MATVEC_AVX2(12, 1, 1)
UP_MATVEC_AVX2(16, 2, 0)
UP_MATVEC_AVX2(20, 2, 1)

// Nodes k[j], k[j + 1] in the low half, k[j + 4], k[j + 5] in the high one. Plain loads: gather
// instructions are slow on CPUs that are patched against sampling of their buffers.
static inline __m256 avx2_nodes(const up_node_t *table, __m256i k, int j) {
    int32_t i[8];
    _mm256_storeu_si256((__m256i *)i, k);
    __m128 low = _mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)(table + i[j]));
    __m128 high = _mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)(table + i[j + 4]));
    low = _mm_loadh_pi(low, (const __m64 *)(table + i[j + 1]));
    high = _mm_loadh_pi(high, (const __m64 *)(table + i[j + 5]));
    return _mm256_set_m128(high, low);
}

// Eight look-ups at once (see up_look).
static inline __m256 avx2_look(const up_node_t *table, __m256 u) {
    const __m256 magic = _mm256_set1_ps(8388608.0f + UP_TABLE_SIZE / 2);
    __m256 m = _mm256_add_ps(u, magic);
    __m256 f = _mm256_sub_ps(u, _mm256_sub_ps(m, magic));
    __m256i k = _mm256_sub_epi32(_mm256_castps_si256(m), _mm256_set1_epi32(0x4B000000));
    k = _mm256_max_epi32(k, _mm256_setzero_si256());
    k = _mm256_min_epi32(k, _mm256_set1_epi32(UP_TABLE_SIZE - 1));
    __m256 a = avx2_nodes(table, k, 0), b = avx2_nodes(table, k, 2);
    __m256 v = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0));
    __m256 d = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1));
    return _mm256_fmadd_ps(f, d, v);
}

#endif
