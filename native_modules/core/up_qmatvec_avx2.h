// SPDX-License-Identifier: MIT
// Integer matrices for x86-64 with AVX2: VPMADDWD multiplies eight words of two columns at once. Frames lie side by
// side in a vector, 4 rows and 16 frames are 8 sums; of a single frame the sums of rows do. Sums are exact whatever
// their order. Included by up_qmatvec.c only.
#ifndef UP_QMATVEC_AVX2_H
#define UP_QMATVEC_AVX2_H

#define QAVX2_UNROLL _Pragma("GCC unroll 4")
#define QAVX2_INLINE static inline __attribute__((always_inline))

static inline __m256i qavx2_mac(__m256i w, __m256i v, __m256i sum) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(w, v));
}

// What all rows of a matrix are finished with.
typedef struct {
    __m256i lowest, highest; // of an int16
    __m128i left;
    bool is_left;
} qavx2_finish_t;

static inline qavx2_finish_t qavx2_finish_of(const up_qmat_t *self) {
    return (qavx2_finish_t){
        .lowest = _mm256_set1_epi16((int16_t)qmat_limit(INT32_MIN, self->limit)),
        .highest = _mm256_set1_epi16((int16_t)qmat_limit(INT32_MAX, self->limit)),
        .left = _mm_cvtsi32_si128(self->left), .is_left = self->left,
    };
}

static inline __m256i qavx2_left(const qavx2_finish_t *f, __m256i sum) {
    const __m256i most = _mm256_set1_epi32(512), least = _mm256_set1_epi32(-512);
    return _mm256_sll_epi32(_mm256_max_epi32(_mm256_min_epi32(sum, most), least), f->left);
}

// Finished words of two rows and eight frames, or of eight rows and one. To limit an int16 further is the same as to
// limit what it came from.
QAVX2_INLINE __m256i qavx2_finish(const qavx2_finish_t *f, __m256i low, __m256i high, __m256i mult_low, __m256i mult_high) {
    if (f->is_left) {
        low = qavx2_left(f, low);
        high = qavx2_left(f, high);
    }
    __m256i y = qavx2_pack_limited(qavx2_rq(low, mult_low), qavx2_rq(high, mult_high));
    return _mm256_max_epi16(_mm256_min_epi16(y, f->highest), f->lowest);
}

QAVX2_INLINE void qavx2_put(const qavx2_finish_t *f, const int32_t *mult, const __m256i *low, const __m256i *high,
    up_word_t *y, const up_word_t *plus, int eights) {
    __m256i m = _mm256_set1_epi32(mult[0]), n = _mm256_set1_epi32(mult[1]);
    QAVX2_UNROLL
    for (int k = 0; k < eights; k++) {
        __m256i words = qavx2_finish(f, low[k], high[k], m, n);
        qavx2_store(y + 8 * k, plus ? _mm256_adds_epi16(words, qavx2_load(plus + 8 * k)) : words);
    }
}

// Four rows of 8 * eights frames.
QAVX2_INLINE void qavx2_tile(const qavx2_finish_t *f, const int32_t *w, size_t pairs, const up_word_t *v, up_word_t *y,
    const up_word_t *plus, int eights) {
    __m256i sum[4][2];
    QAVX2_UNROLL
    for (int r = 0; r < 4; r++) {
        QAVX2_UNROLL
        for (int k = 0; k < eights; k++) {
            sum[r][k] = _mm256_set1_epi32(w[r]);
        }
    }
    w += 4;
    for (const int32_t *end = w + 4 * pairs; w < end; w += 4, v += UP_CHUNK) {
        QAVX2_UNROLL
        for (int k = 0; k < eights; k++) {
            __m256i x = qavx2_load(v + 8 * k);
            QAVX2_UNROLL
            for (int r = 0; r < 4; r++) {
                sum[r][k] = qavx2_mac(_mm256_set1_epi32(w[r]), x, sum[r][k]);
            }
        }
    }
    qavx2_put(f, w, sum[0], sum[1], y, plus, eights);
    qavx2_put(f, w + 2, sum[2], sum[3], y + UP_CHUNK, plus ? plus + UP_CHUNK : NULL, eights);
}

// Frames in whole eights: behind the last there is room in every plane. False: too few, take the other.
static bool qmat_frames_fast(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_qafter_t *after, size_t n) {
    if (n < 3) {
        return false;
    }
    bool bent = after->act && (after->act->table || after->act->slopes), apart = bent || after->factor != UP_QONE;
    const qavx2_finish_t finish = qavx2_finish_of(self);
    const up_word_t *plus = apart ? NULL : after->plus;
    const int32_t *w = self->w;
    up_word_t *first = y;
    for (size_t r = 0; r < self->rows; r += 4, w += 8 + 4 * self->pairs, y += 2 * UP_CHUNK, plus += plus ? 2 * UP_CHUNK : 0) {
        size_t t = 0;
        for (; n - t > 8 && t < n; t += 16) {
            qavx2_tile(&finish, w, self->pairs, v + t, y + t, plus ? plus + t : NULL, 2);
        }
        if (t < n) {
            qavx2_tile(&finish, w, self->pairs, v + t, y + t, plus ? plus + t : NULL, 1);
        }
    }
    if (apart) {
        up_qmat_after(after, first, self->rows, n);
    }
    return true;
}

// Sums of `groups` groups of four rows, less their biases: two pairs of columns side by side.
QAVX2_INLINE void qavx2_ones(const int32_t *w, size_t step, size_t pairs, const up_word_t *v, __m256i *sum, int groups) {
    QAVX2_UNROLL
    for (int g = 0; g < groups; g++) {
        sum[g] = _mm256_setzero_si256();
    }
    for (; pairs > 1; pairs -= 2, w += 8, v += 2) {
        __m256i x = _mm256_blend_epi32(_mm256_set1_epi32(v[0]), _mm256_set1_epi32(v[1]), 0xf0);
        QAVX2_UNROLL
        for (int g = 0; g < groups; g++) {
            sum[g] = qavx2_mac(qavx2_load(w + (size_t)g * step), x, sum[g]);
        }
    }
    if (pairs) {
        QAVX2_UNROLL
        for (int g = 0; g < groups; g++) {
            __m128i last = _mm_loadu_si128((const __m128i *)(const void *)(w + (size_t)g * step));
            sum[g] = qavx2_mac(_mm256_zextsi128_si256(last), _mm256_set1_epi32(v[0]), sum[g]);
        }
    }
}

// Four words of each of two groups.
static inline __m256i qavx2_both(const int32_t *w, size_t step) {
    return _mm256_loadu2_m128i((const __m128i *)(const void *)(w + step), (const __m128i *)(const void *)w);
}

// Eight finished rows: two groups, the second `step` behind the first.
QAVX2_INLINE __m128i qavx2_eight(const qavx2_finish_t *f, const int32_t *w, size_t step, size_t pairs, __m256i a, __m256i b) {
    __m256i sum = _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    sum = qavx2_rq(_mm256_add_epi32(sum, qavx2_both(w, step)), qavx2_both(w + 4 + 4 * pairs, step));
    __m128i y = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return _mm_max_epi16(_mm_min_epi16(y, _mm256_castsi256_si128(f->highest)), _mm256_castsi256_si128(f->lowest));
}

// One frame. False: not for these, take the other.
static bool qmat_one_fast(const up_qmat_t *self, const up_word_t *v, int16_t *y) {
    if (self->left || self->rows == 1) {
        return false;
    }
    const qavx2_finish_t finish = qavx2_finish_of(self);
    const int32_t *w = self->w;
    size_t pairs = self->pairs, step = 8 + 4 * pairs, groups = (self->rows + 3) / 4;
    __m256i sum[4];
    for (; groups >= 4; groups -= 4, w += 4 * step, y += 16) {
        qavx2_ones(w + 4, step, pairs, v, sum, 4);
        _mm_storeu_si128((__m128i *)(void *)y, qavx2_eight(&finish, w, step, pairs, sum[0], sum[1]));
        _mm_storeu_si128((__m128i *)(void *)(y + 8), qavx2_eight(&finish, w + 2 * step, step, pairs, sum[2], sum[3]));
    }
    for (; groups >= 2; groups -= 2, w += 2 * step, y += 8) {
        qavx2_ones(w + 4, step, pairs, v, sum, 2);
        _mm_storeu_si128((__m128i *)(void *)y, qavx2_eight(&finish, w, step, pairs, sum[0], sum[1]));
    }
    if (groups) {
        qavx2_ones(w + 4, step, pairs, v, sum, 1);
        _mm_storel_epi64((__m128i *)(void *)y, qavx2_eight(&finish, w, 0, pairs, sum[0], sum[0]));
    }
    return true;
}

// Two rows of a diagonal matrix.
static void qavx2_diagonal(const int32_t *w, const int32_t *bias, const int32_t *mult, const up_word_t *v, up_word_t *y,
    const up_word_t *plus, size_t n) {
    const up_qmat_t s16 = { .limit = UP_QLIMIT_S16 };
    const qavx2_finish_t finish = qavx2_finish_of(&s16);
    for (size_t t = 0; t < n; t += 8) {
        __m256i x = qavx2_load(v + t), low, high;
        low = qavx2_mac(_mm256_set1_epi32(w[0]), x, _mm256_set1_epi32(bias[0]));
        high = qavx2_mac(_mm256_set1_epi32(w[1]), x, _mm256_set1_epi32(bias[1]));
        qavx2_put(&finish, mult, &low, &high, y + t, plus ? plus + t : NULL, 1);
    }
}

// A single row, UP_CHUNK frames at a time.
static void qavx2_row(const int32_t *w, size_t pairs, const up_word_t *v, int32_t *sums) {
    __m256i sum[UP_CHUNK / 8];
    QAVX2_UNROLL
    for (int k = 0; k < UP_CHUNK / 8; k++) {
        sum[k] = qavx2_load(sums + 8 * k);
    }
    for (; pairs; pairs--, w++, v += UP_CHUNK) {
        __m256i weight = _mm256_set1_epi32(*w);
        QAVX2_UNROLL
        for (int k = 0; k < UP_CHUNK / 8; k++) {
            sum[k] = qavx2_mac(weight, qavx2_load(v + 8 * k), sum[k]);
        }
    }
    QAVX2_UNROLL
    for (int k = 0; k < UP_CHUNK / 8; k++) {
        qavx2_store(sums + 8 * k, sum[k]);
    }
}

#endif
