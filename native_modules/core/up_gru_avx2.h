// SPDX-License-Identifier: MIT
// A GRU's frame for x86-64 with AVX2 and FMA. The same operations as the plain C, so the same bits. Included by up_gru.c
// only.
#ifndef UP_GRU_AVX2_H
#define UP_GRU_AVX2_H

#include "up_rnn_avx2.h"

// b_in + W_n x of n units, n <= 8, of one input.
static inline __m256 gru_base_mono(const float *cell, size_t n, float x) {
    __m256 a = rnn_load(cell, 2 * n), b = n > 4 ? rnn_load(cell + 8, 2 * n - 8) : _mm256_setzero_ps();
    __m256 low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
    return _mm256_fmadd_ps(_mm256_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)), _mm256_set1_ps(x),
        _mm256_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
}

static __m256 gru_base_avx2(const up_gru_t *self, size_t i, size_t n) {
    size_t inputs = self->inputs;
    const float *cell = self->cell + i * (1 + inputs), *x = self->v;
    if (inputs == 1) {
        return gru_base_mono(cell, n, *x);
    }
    float base[8] = { 0 };
    for (size_t u = 0; u < n && u < 8; u++, cell += 1 + inputs) {
        base[u] = cell[0];
        for (size_t k = 0; k < inputs; k++) {
            base[u] = up_fma(cell[1 + k], x[k], base[u]);
        }
    }
    return _mm256_loadu_ps(base);
}

static void gru_cells_avx2(const up_gru_t *self) {
    size_t hidden = self->hidden;
    const float *ar = self->acc, *az = ar + hidden, *an = ar + up_rows_padded(2 * hidden);
    const up_tables_t *tables = &self->tables;
    float *h = self->v + self->inputs;
    for (size_t i = 0; i < hidden; i += 8) {
        size_t n = hidden - i;
        __m256 r = rnn_sigmoid(tables, rnn_load(ar + i, n)), z = rnn_sigmoid(tables, rnn_load(az + i, n));
        __m256 open = rnn_tanh(tables, _mm256_fmadd_ps(r, rnn_load(an + i, n), gru_base_avx2(self, i, n < 8 ? n : 8)));
        rnn_store(h + i, n, _mm256_fmadd_ps(z, _mm256_sub_ps(rnn_load(h + i, n), open), open));
    }
}

// One frame, its input in v. Returns the head's sample of the frame before: its sum runs beside the matrix's.
static float gru_frame_avx2(const up_gru_t *self) {
    size_t hidden = self->hidden, inputs = self->inputs;
    const rnn_head_t head = { self->head, 0 };
    rnn_matrix(self->rz, self->v, self->acc, 2 * hidden, inputs + hidden, NULL);
    float before = rnn_matrix(self->n, self->v + inputs, self->acc + up_rows_padded(2 * hidden), hidden, hidden, head.w ? &head : NULL);
    gru_cells_avx2(self);
    return before;
}

static void gru_frames(const up_gru_t *self, const float *in, float *out, size_t n_frames) {
    size_t inputs = self->inputs, hidden = self->hidden;
    float *v = self->v, *h = v + inputs;
    for (size_t t = 0; t < n_frames; t++) {
        rnn_input(v, in + t, inputs);
        float before = gru_frame_avx2(self);
        if (!self->head) {
            rnn_output(out + t, h, hidden);
        } else if (t) {
            out[t - 1] = before;
        }
    }
    if (self->head && n_frames) {
        out[n_frames - 1] = up_dot(self->head, h, hidden);
    }
}

#endif
