// SPDX-License-Identifier: MIT
// Gates of the integer GRU and LSTM for x86-64 with AVX2, 16 units at a time: the same functions as the plain C's, all
// exact. Included by up_qrecur.c only.
#ifndef UP_QRECUR_AVX2_H
#define UP_QRECUR_AVX2_H

// The first n of eight words, or all eight; the others are 0 and stay as they are.
static inline __m256i qrecur_mask(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int32_t)n : 8), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256i qrecur_load(const void *from, size_t words) {
    return words < 8 ? _mm256_maskload_epi32(from, qrecur_mask(words)) : _mm256_loadu_si256(from);
}

static inline void qrecur_store(void *to, size_t words, __m256i v) {
    if (words < 8) {
        _mm256_maskstore_epi32(to, qrecur_mask(words), v);
    } else {
        _mm256_storeu_si256(to, v);
    }
}

// States of units are int32, gates are int16: the first or the second eight of 16.
static inline __m256i qrecur_widen(__m256i units, int half) {
    return _mm256_cvtepi16_epi32(half ? _mm256_extracti128_si256(units, 1) : _mm256_castsi256_si128(units));
}

// Where packs of two times eight int32 go in order.
static inline __m256i qrecur_in_order(__m256i packed) {
    return _mm256_permute4x64_epi64(packed, 0xd8);
}

// The low halves of two times eight.
static inline __m256i qrecur_narrow(__m256i first, __m256i second) {
    const __m256i low = _mm256_set1_epi32(0xffff);
    return qrecur_in_order(_mm256_packus_epi32(_mm256_and_si256(first, low), _mm256_and_si256(second, low)));
}

// Of `words` of two units: their states in the first or the second eight.
static inline size_t qrecur_states(size_t words, int half) {
    return !half ? 2 * words : words > 4 ? 2 * words - 8 : 0;
}

// a + sigmoid(r) * b in place of a.
static void qgru_inner(const int32_t *sigmoid, const int16_t *r, int16_t *a, const int16_t *b, size_t rows) {
    for (size_t i = 0; i < rows; i += 16) {
        size_t n = (rows - i) / 2;
        __m256i more = _mm256_mulhrs_epi16(qavx2_look2(sigmoid, qrecur_load(r + i, n)), qrecur_load(b + i, n));
        qrecur_store(a + i, n, _mm256_adds_epi16(qrecur_load(a + i, n), more));
    }
}

// The new states of eight units; returns h.
static inline __m256i qgru_eight(int32_t *state, size_t left, __m256i n, __m256i z) {
    n = _mm256_slli_epi32(n, 15);
    __m256i blend = qavx2_rq(_mm256_sub_epi32(qrecur_load(state, left), n), _mm256_slli_epi32(z, 16));
    __m256i now = _mm256_add_epi32(n, _mm256_add_epi32(blend, blend));
    qrecur_store(state, left, now);
    return _mm256_srai_epi32(_mm256_add_epi32(now, _mm256_set1_epi32(1 << 14)), 15);
}

// The new state, and h in place of n's argument.
static void qgru_cells(const int32_t *sigmoid, const int32_t *tanh, const int16_t *z, int16_t *n, int32_t *state, size_t hidden) {
    for (size_t i = 0; i < hidden; i += 16) {
        size_t words = (hidden - i + 1) / 2;
        __m256i keep = qavx2_look2(sigmoid, qrecur_load(z + i, words)), next = qavx2_look2(tanh, qrecur_load(n + i, words)), h[2];
        for (int k = 0; k < 2; k++) {
            h[k] = qgru_eight(state + i + 8 * k, qrecur_states(words, k), qrecur_widen(next, k), qrecur_widen(keep, k));
        }
        qrecur_store(n + i, words, qrecur_narrow(h[0], h[1]));
    }
}

// The new states of eight units.
static inline void qlstm_eight(int32_t *state, size_t left, int exponent, __m256i in, __m256i g, __m256i forget) {
    __m256i fed = _mm256_add_epi32(_mm256_mullo_epi32(in, g), _mm256_set1_epi32((1 << exponent) >> 1));
    __m256i kept = qavx2_rq(qrecur_load(state, left), _mm256_slli_epi32(forget, 16));
    __m256i c = _mm256_add_epi32(_mm256_add_epi32(kept, kept), _mm256_sra_epi32(fed, _mm_cvtsi32_si128(exponent)));
    c = _mm256_max_epi32(_mm256_min_epi32(c, _mm256_set1_epi32((1 << 30) - 1)), _mm256_set1_epi32(-(1 << 30)));
    qrecur_store(state, left, c);
}

// The new states. gates: i, f and g, `hidden` int16 each.
static void qlstm_inner(const int32_t *sigmoid, const int32_t *tanh, const int16_t *gates, int32_t *state, size_t hidden,
    int32_t exponent) {
    for (size_t i = 0; i < hidden; i += 16) {
        size_t words = (hidden - i + 1) / 2;
        __m256i in = qavx2_look2(sigmoid, qrecur_load(gates + i, words));
        __m256i keep = qavx2_look2(sigmoid, qrecur_load(gates + hidden + i, words));
        __m256i fed = qavx2_look2(tanh, qrecur_load(gates + 2 * hidden + i, words));
        for (int k = 0; k < 2; k++) {
            qlstm_eight(state + i + 8 * k, qrecur_states(words, k), exponent, qrecur_widen(in, k), qrecur_widen(fed, k),
                qrecur_widen(keep, k));
        }
    }
}

// h from the states and the gate o.
static void qlstm_cells(const int32_t *sigmoid, const int32_t *tanh, const int16_t *o, const int32_t *state, int16_t *h,
    size_t hidden, int32_t exponent) {
    const __m256i down = _mm256_set1_epi32(1 << (14 + exponent));
    for (size_t i = 0; i < hidden; i += 16) {
        size_t words = (hidden - i + 1) / 2;
        __m256i low = qavx2_rq(qrecur_load(state + i, qrecur_states(words, 0)), down);
        __m256i high = qavx2_rq(qrecur_load(state + i + 8, qrecur_states(words, 1)), down);
        __m256i c = qavx2_look2(tanh, qrecur_in_order(_mm256_packs_epi32(low, high)));
        qrecur_store(h + i, words, _mm256_mulhrs_epi16(qavx2_look2(sigmoid, qrecur_load(o + i, words)), c));
    }
}

#endif
