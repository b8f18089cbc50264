// SPDX-License-Identifier: MIT
// The integer arithmetic of up_q.h for x86-64 with AVX2: eight words of a plane, two int16 each, or eight sums
// at once. Exact, so the same bits.
#ifndef UP_Q_AVX2_H
#define UP_Q_AVX2_H

#include <immintrin.h>

static inline __m256i qavx2_load(const up_word_t *from) {
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

static inline void qavx2_store(up_word_t *to, __m256i v) {
    _mm256_storeu_si256((__m256i *)(void *)to, v);
}

// The low halves of eight sums and of eight more, side by side.
static inline __m256i qavx2_pack_low(__m256i low, __m256i high) {
    return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa);
}

// The same, each limited to int16.
static inline __m256i qavx2_pack_limited(__m256i low, __m256i high) {
    const __m256i mix = _mm256_set1_epi64x(0x0b0a030209080100); // of 16 bytes: a low half, a high one
    const __m256i turn = _mm256_add_epi8(mix, _mm256_set_epi64x(0x0404040404040404, 0, 0x0404040404040404, 0));
    return _mm256_shuffle_epi8(_mm256_packs_epi32(low, high), turn);
}

// up_rq
static inline __m256i qavx2_rq(__m256i a, __m256i m) {
    const __m256i half = _mm256_set1_epi64x((int64_t)1 << 31);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, m), half);
    __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(m, 32)), half);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}

static inline __m256i qavx2_node(const int32_t *middle, int16_t k) {
    return _mm256_set1_epi32(middle[k]);
}

// middle[k[0]], middle[k[2]] and so on of eight k. Plain loads: gather instructions are slow on CPUs that are patched
// against sampling of their buffers. A node everywhere, then blended: blends use other ports than inserting.
static inline __m256i qavx2_nodes(const int32_t *middle, const int16_t *k) {
    __m256i a = _mm256_blend_epi32(qavx2_node(middle, k[0]), qavx2_node(middle, k[2]), 0x02);
    __m256i b = _mm256_blend_epi32(qavx2_node(middle, k[4]), qavx2_node(middle, k[6]), 0x08);
    __m256i c = _mm256_blend_epi32(qavx2_node(middle, k[8]), qavx2_node(middle, k[10]), 0x20);
    __m256i d = _mm256_blend_epi32(qavx2_node(middle, k[12]), qavx2_node(middle, k[14]), 0x80);
    return _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x0c), _mm256_blend_epi32(c, d, 0xc0), 0xf0);
}

// A function of both halves of eight words, from its table (see up_qlook).
static inline __m256i qavx2_look2(const int32_t *middle, __m256i x) {
    int16_t k[16];
    _mm256_storeu_si256((__m256i *)(void *)k, _mm256_srai_epi16(x, 6));
    __asm ("" : "+m" (k)); // through memory: to take a vector apart costs the ports that the rest needs
    const __m256i half = _mm256_set1_epi32(32);
    __m256i a = qavx2_nodes(middle, k), b = qavx2_nodes(middle, k + 1);
    __m256i rest = _mm256_and_si256(x, _mm256_set1_epi32(0x003f003f));
    __m256i low = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi32(0xffff)), rest);
    __m256i high = _mm256_madd_epi16(_mm256_slli_epi32(b, 16), rest);
    low = _mm256_add_epi32(_mm256_add_epi32(low, half), _mm256_srai_epi32(a, 10));
    high = _mm256_add_epi32(_mm256_add_epi32(high, half), _mm256_srai_epi32(b, 10));
    return _mm256_blend_epi16(_mm256_srai_epi32(low, 6), _mm256_slli_epi32(high, 10), 0xaa);
}

// up_mix16x2
static inline __m256i qavx2_mix(__m256i a, __m256i b, __m256i factors) {
    const __m256i half = _mm256_set1_epi32(UP_QONE / 2);
    __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), factors);
    __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), factors);
    low = _mm256_srai_epi32(_mm256_add_epi32(low, half), 14);
    high = _mm256_srai_epi32(_mm256_add_epi32(high, half), 14);
    return _mm256_packs_epi32(low, high);
}

#endif
