// SPDX-License-Identifier: MIT
// An LSTM for x86-64 with AVX2 and FMA. The same operations as the plain C, so the same bits. Included by
// up_lstm.c only.
#ifndef UP_LSTM_AVX2_H
#define UP_LSTM_AVX2_H

#include "up_rnn_avx2.h"

static void lstm_cells_avx2(const up_lstm_t *self) {
    const up_tables_t *tables = &self->tables;
    const __m256 nodes = _mm256_set1_ps(tables->tanh ? UP_TANH_NODES : 1.0f);
    size_t hidden = self->hidden;
    float *acc = self->acc, *c = self->c, *h = self->v + self->inputs;
    for (size_t i = 0; i < hidden; i += 8) {
        size_t n = hidden - i;
        __m256 in = rnn_sigmoid(tables, rnn_load(acc + i, n));
        __m256 forget = rnn_sigmoid(tables, rnn_load(acc + hidden + i, n));
        __m256 cell = rnn_tanh(tables, rnn_load(acc + 2 * hidden + i, n));
        __m256 out = rnn_sigmoid(tables, rnn_load(acc + 3 * hidden + i, n));
        __m256 state = _mm256_fmadd_ps(forget, rnn_load(c + i, n), _mm256_mul_ps(in, cell));
        rnn_store(c + i, n, state);
        rnn_store(h + i, n, _mm256_mul_ps(out, rnn_tanh(tables, _mm256_mul_ps(state, nodes))));
    }
}

static void lstm_frames(const up_lstm_t *self, const float *in, float *out, size_t n_frames) {
    size_t inputs = self->inputs, hidden = self->hidden;
    float *v = self->v, *h = v + inputs;
    const rnn_head_t head = { self->head, inputs };
    for (size_t t = 0; t < n_frames; t++) {
        rnn_input(v, in + t, inputs);
        // The head's sample of the frame before: its sum runs beside the matrix's.
        float before = rnn_matrix(self->weight, v, self->acc, 4 * hidden, inputs + hidden, head.w ? &head : NULL);
        lstm_cells_avx2(self);
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
