// SPDX-License-Identifier: MIT
// GRU and LSTM for x86-64 with AVX2 and FMA: rows, then units, side by side in a vector. Each row is
// summed in the same order as the C version, so same bits. Included by up_gru.c and up_lstm.c only.
#ifndef UP_RNN_AVX2_H
#define UP_RNN_AVX2_H

#include "up_avx2.h"
#include "up_matvec.h"

#define RNN_UNROLL _Pragma("GCC unroll 4")
#define RNN_INLINE static inline __attribute__((always_inline))

// Shapes are constants where they are used, so that all loops over them unroll.
typedef struct {
    int groups, eights, fours; // groups side by side; of each, vectors of 8 rows and whether 4 more
} rnn_shape_t;

// The last 4 rows of two groups share a vector.
typedef struct {
    __m256 eights[4][2], fours[2];
    __m128 dot;
} rnn_sums_t;

RNN_INLINE __m256 rnn_fours(const float *w, size_t step, bool two) {
    return two ? _mm256_loadu2_m128(w, w - step) : _mm256_zextps128_ps256(_mm_loadu_ps(w));
}

// One column of groups `step` apart; the first is the biases.
RNN_INLINE void rnn_column(rnn_sums_t *sum, const float *w, size_t step, __m256 x, rnn_shape_t shape, bool bias) {
    RNN_UNROLL
    for (int g = 0; g < shape.groups; g++, w += step) {
        RNN_UNROLL
        for (int k = 0; k < shape.eights; k++) {
            __m256 weight = _mm256_loadu_ps(w + 8 * k);
            sum->eights[g][k] = bias ? weight : _mm256_fmadd_ps(weight, x, sum->eights[g][k]);
        }
        if (shape.fours && (g & 1 || g + 1 == shape.groups)) {
            __m256 weight = rnn_fours(w + 8 * shape.eights, step, g & 1);
            sum->fours[g / 2] = bias ? weight : _mm256_fmadd_ps(weight, x, sum->fours[g / 2]);
        }
    }
}

RNN_INLINE void rnn_put(const rnn_sums_t *sum, float *y, rnn_shape_t shape) {
    RNN_UNROLL
    for (int g = 0; g < shape.groups; g++, y += 4 * shape.fours) {
        RNN_UNROLL
        for (int k = 0; k < shape.eights; k++, y += 8) {
            _mm256_storeu_ps(y, sum->eights[g][k]);
        }
        if (shape.fours) {
            __m256 both = sum->fours[g / 2];
            _mm_storeu_ps(y, g & 1 ? _mm256_extractf128_ps(both, 1) : _mm256_castps256_ps128(both));
        }
    }
}

// A dense layer of one output over the columns from `skip` on; NULL: none.
typedef struct {
    const float *w; // [1 + cols - skip]
    size_t skip;
} rnn_head_t;

// Rows of a few groups, and the head's sum. One group alone would wait for its own sums. One loop: of two, compilers
// keep the sums in memory.
RNN_INLINE float rnn_rows(const float *w, const float *v, float *y, size_t cols, rnn_shape_t shape, const rnn_head_t *head) {
    const size_t g = (size_t)(8 * shape.eights + 4 * shape.fours), step = g * (cols + 1);
    const float *row = head ? head->w + 1 : NULL, *first = head ? v + head->skip : NULL;
    rnn_sums_t sum;
    sum.dot = head ? _mm_load_ss(head->w) : _mm_setzero_ps();
    rnn_column(&sum, w, step, _mm256_setzero_ps(), shape, true);
    for (const float *end = v + cols; v < end; v++) {
        __m256 x = _mm256_broadcast_ss(v);
        rnn_column(&sum, w += g, step, x, shape, false);
        if (head && v >= first) {
            sum.dot = _mm_fmadd_ss(_mm_load_ss(row++), _mm256_castps256_ps128(x), sum.dot);
        }
    }
    rnn_put(&sum, y, shape);
    return _mm_cvtss_f32(sum.dot);
}

// Rows of all groups together that are left, at most 80.
RNN_INLINE float rnn_rest(const float *w, const float *v, float *y, size_t cols, size_t left, const rnn_head_t *head) {
    switch (left) {
        case 80: return rnn_rows(w, v, y, cols, (rnn_shape_t){ 4, 2, 1 }, head);
        case 60: return rnn_rows(w, v, y, cols, (rnn_shape_t){ 3, 2, 1 }, head);
        case 40: return rnn_rows(w, v, y, cols, (rnn_shape_t){ 2, 2, 1 }, head);
        case 20: return rnn_rows(w, v, y, cols, (rnn_shape_t){ 1, 2, 1 }, head);
        case 16: return rnn_rows(w, v, y, cols, (rnn_shape_t){ 1, 2, 0 }, head);
        case 12: return rnn_rows(w, v, y, cols, (rnn_shape_t){ 1, 1, 1 }, head);
        case 8: return rnn_rows(w, v, y, cols, (rnn_shape_t){ 1, 1, 0 }, head);
        default: return rnn_rows(w, v, y, cols, (rnn_shape_t){ 1, 0, 1 }, head);
    }
}

// y [rows padded] = matrix . v [cols]; returns the head's sum.
static float rnn_matrix(const float *w, const float *v, float *y, size_t rows, size_t cols, const rnn_head_t *head) {
    size_t left = up_rows_padded(rows), now;
    if (rows == 1) {
        *y = up_dot(w, v, cols);
        return head ? up_dot(head->w, v + head->skip, cols - head->skip) : 0.0f;
    }
    for (;; left -= now, y += now, w += now * (cols + 1)) {
        now = left >= 4 * UP_GROUP ? 4 * UP_GROUP : left >= UP_GROUP ? left / UP_GROUP * UP_GROUP : left;
        if (now == left) {
            break;
        }
        rnn_rest(w, v, y, cols, now, NULL);
    }
    return head ? rnn_rest(w, v, y, cols, now, head) : rnn_rest(w, v, y, cols, now, NULL);
}

// A frame of planes.
static inline void rnn_input(float *v, const float *in, size_t inputs) {
    for (size_t k = 0; k < inputs; k++) {
        v[k] = in[k * UP_CHUNK];
    }
}

static inline void rnn_output(float *out, const float *h, size_t hidden) {
    for (size_t i = 0; i < hidden; i++) {
        out[i * UP_CHUNK] = h[i];
    }
}

// The first n of eight floats, or all eight; the others are 0 and stay as they are.
static inline __m256i rnn_mask(size_t n) {
    const __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int32_t)n : 8), at);
}

static inline __m256 rnn_load(const float *from, size_t n) {
    return n < 8 ? _mm256_maskload_ps(from, rnn_mask(n)) : _mm256_loadu_ps(from);
}

static inline void rnn_store(float *to, size_t n, __m256 v) {
    if (n < 8) {
        _mm256_maskstore_ps(to, rnn_mask(n), v);
    } else {
        _mm256_storeu_ps(to, v);
    }
}

// The accurate grade's: loops that compilers turn into vectors.
#define RNN_EACH(name, f) \
    static inline __m256 name(__m256 v) { \
        float x[8]; \
        _mm256_storeu_ps(x, v); \
        for (int i = 0; i < 8; i++) { x[i] = f(x[i]); } \
        return _mm256_loadu_ps(x); \
    }
RNN_EACH(rnn_accurate_sigmoid, up_sigmoid)
RNN_EACH(rnn_accurate_tanh, up_tanh)

static inline __m256 rnn_sigmoid(const up_tables_t *tables, __m256 v) {
    return tables->sigmoid ? avx2_look(tables->sigmoid, v) : rnn_accurate_sigmoid(v);
}

static inline __m256 rnn_tanh(const up_tables_t *tables, __m256 v) {
    return tables->tanh ? avx2_look(tables->tanh, v) : rnn_accurate_tanh(v);
}

#endif
