// SPDX-License-Identifier: MIT
// Look-ups of the fast grade (see up_look) for x86-64 with AVX2 and FMA, eight at once. Same bits.
#ifndef UP_AVX2_H
#define UP_AVX2_H

#include <immintrin.h>

#include "up_act.h"

static inline __m256d avx2_node(const up_node_t *node) {
    return _mm256_broadcast_sd((const double *)(const void *)node);
}

// Nodes k[0], k[1] in the low half, k[4], k[5] in the high one. Plain loads: gather instructions are slow on CPUs
// that are patched against sampling of their buffers.
static inline __m256 avx2_nodes(const up_node_t *table, const uint32_t *k) {
    __m256d low = _mm256_blend_pd(avx2_node(table + k[0]), avx2_node(table + k[1]), 0x2);
    __m256d high = _mm256_blend_pd(avx2_node(table + k[4]), avx2_node(table + k[5]), 0x8);
    return _mm256_castpd_ps(_mm256_blend_pd(low, high, 0xc));
}

// Eight look-ups at once (see up_look).
static inline __m256 avx2_look(const up_node_t *table, __m256 u) {
    const __m256 magic = _mm256_set1_ps(8388608.0f + UP_TABLE_SIZE / 2);
    __m256 m = _mm256_add_ps(u, magic);
    __m256 f = _mm256_sub_ps(u, _mm256_sub_ps(m, magic));
    __m256i k = _mm256_sub_epi32(_mm256_castps_si256(m), _mm256_set1_epi32(0x4B000000));
    k = _mm256_max_epi32(k, _mm256_setzero_si256());
    k = _mm256_min_epi32(k, _mm256_set1_epi32(UP_TABLE_SIZE - 1));
    uint32_t at[8];
    _mm256_storeu_si256((__m256i *)(void *)at, k);
    __asm ("" : "+m" (at)); // through memory: to take a vector apart costs the ports that the rest needs
    __m256 a = avx2_nodes(table, at), b = avx2_nodes(table, at + 2);
    __m256 v = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0));
    __m256 d = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1));
    return _mm256_fmadd_ps(f, d, v);
}

#endif
