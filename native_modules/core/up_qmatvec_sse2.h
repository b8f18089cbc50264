// SPDX-License-Identifier: MIT
// Groups of four rows on a PC: PMADDWD multiplies a word of two columns of four rows at once. Sums are
// exact whatever their order, so two chains run side by side. Included by up_qmatvec.c only.
#ifndef UP_QMATVEC_SSE2_H
#define UP_QMATVEC_SSE2_H

#include <emmintrin.h>

static inline __m128i qsse2_load(const int32_t *w) {
    return _mm_loadu_si128((const __m128i *)(const void *)w);
}

static inline void qmat_sums(const int32_t *w, size_t pairs, const up_word_t *v, size_t step, size_t n, int32_t sum[2][4]) {
    __m128i a = qsse2_load(w), b = n == 2 ? a : _mm_setzero_si128();
    w += 4;
    if (n == 2) {
        for (; pairs; pairs--, w += 4, v += step) {
            __m128i weight = qsse2_load(w);
            a = _mm_add_epi32(a, _mm_madd_epi16(weight, _mm_set1_epi32(v[0])));
            b = _mm_add_epi32(b, _mm_madd_epi16(weight, _mm_set1_epi32(v[1])));
        }
        _mm_storeu_si128((__m128i *)(void *)sum[1], b);
    } else {
        for (; pairs > 1; pairs -= 2, w += 8, v += 2 * step) {
            a = _mm_add_epi32(a, _mm_madd_epi16(qsse2_load(w), _mm_set1_epi32(v[0])));
            b = _mm_add_epi32(b, _mm_madd_epi16(qsse2_load(w + 4), _mm_set1_epi32(v[step])));
        }
        if (pairs) {
            a = _mm_add_epi32(a, _mm_madd_epi16(qsse2_load(w), _mm_set1_epi32(v[0])));
        }
        a = _mm_add_epi32(a, b);
    }
    _mm_storeu_si128((__m128i *)(void *)sum[0], a);
}

#endif
