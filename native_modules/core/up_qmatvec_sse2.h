// SPDX-License-Identifier: MIT
// Groups of four rows on a PC: PMADDWD multiplies a word of two columns of four rows at once. Sums are
// exact whatever their order, so two chains run side by side. Included by up_qmatvec.c only.
#ifndef UP_QMATVEC_SSE2_H
#define UP_QMATVEC_SSE2_H

#include <emmintrin.h>

static inline __m128i qsse2_load(const int32_t *w) {
    return _mm_loadu_si128((const __m128i *)(const void *)w);
}

static inline void qsse2_finish(const up_qmat_t *self, __m128i sum, const int32_t *mult, int16_t *y) {
    int32_t s[4];
    _mm_storeu_si128((__m128i *)(void *)s, sum);
    for (int r = 0; r < 4; r++) {
        y[r] = (int16_t)qmat_finish(self, s[r], mult[r]);
    }
}

static inline const int32_t *qmat_group(const up_qmat_t *self, const int32_t *w, const up_word_t *v, int16_t *const *y, size_t n) {
    __m128i a = qsse2_load(w), b = n == 2 ? a : _mm_setzero_si128();
    size_t pairs = self->pairs;
    w += 4;
    if (n == 2) {
        for (; pairs; pairs--, w += 4, v += 2) {
            __m128i weight = qsse2_load(w);
            a = _mm_add_epi32(a, _mm_madd_epi16(weight, _mm_set1_epi32(v[0])));
            b = _mm_add_epi32(b, _mm_madd_epi16(weight, _mm_set1_epi32(v[1])));
        }
        qsse2_finish(self, b, w, y[1]);
    } else {
        for (; pairs > 1; pairs -= 2, w += 8, v += 2) {
            a = _mm_add_epi32(a, _mm_madd_epi16(qsse2_load(w), _mm_set1_epi32(v[0])));
            b = _mm_add_epi32(b, _mm_madd_epi16(qsse2_load(w + 4), _mm_set1_epi32(v[1])));
        }
        if (pairs) {
            a = _mm_add_epi32(a, _mm_madd_epi16(qsse2_load(w), _mm_set1_epi32(v[0])));
            w += 4;
        }
        a = _mm_add_epi32(a, b);
    }
    qsse2_finish(self, a, w, y[0]);
    return w + 4;
}

#endif
