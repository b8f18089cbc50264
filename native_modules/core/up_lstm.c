// SPDX-License-Identifier: MIT
// LSTM over a stream of frames; see up_lstm.h.
#include "up_lstm.h"

void up_lstm_layout(up_lstm_t *self, const float *weight, up_arena_t *arena) {
    size_t hidden = self->hidden;
    self->weight = weight;
    self->initial = weight + up_matrix_floats(4 * hidden, self->inputs + hidden);
    self->v = up_arena_take(arena, (self->inputs + hidden) * sizeof(float));
    self->c = up_arena_take(arena, hidden * sizeof(float));
    self->acc = up_arena_take(arena, up_rows_padded(4 * hidden) * sizeof(float));
}

void up_lstm_reset(up_lstm_t *self) {
    for (size_t i = 0; i < self->hidden; i++) {
        self->v[self->inputs + i] = self->initial[i];
        self->c[i] = self->initial[self->hidden + i];
    }
}

static void lstm_cells_fast(const up_lstm_t *self, const up_tables_t *tables, float *restrict h) {
    size_t hidden = self->hidden;
    const float *restrict a = self->acc;
    float *restrict c = self->c;
    const up_node_t *sigmoid = tables->sigmoid, *tanh = tables->tanh;
    for (size_t i = 0; i < hidden; i++) {
        float in = up_look(sigmoid, a[i]), forget = up_look(sigmoid, a[hidden + i]);
        float cell = up_look(tanh, a[2 * hidden + i]), out = up_look(sigmoid, a[3 * hidden + i]);
        c[i] = up_fma(forget, c[i], in * cell);
        h[i] = out * up_look(tanh, c[i] * UP_TANH_NODES);
    }
}

static void lstm_cells(const up_lstm_t *self, float *restrict h) {
    size_t hidden = self->hidden;
    const float *restrict a = self->acc;
    float *restrict c = self->c;
    for (size_t i = 0; i < hidden; i++) {
        float in = up_sigmoid(a[i]), forget = up_sigmoid(a[hidden + i]);
        float cell = up_tanh(a[2 * hidden + i]), out = up_sigmoid(a[3 * hidden + i]);
        c[i] = up_fma(forget, c[i], in * cell);
        h[i] = out * up_tanh(c[i]);
    }
}

void up_lstm_process(up_lstm_t *self, const up_tables_t *tables, const float *in, float *out, size_t n_frames) {
    size_t inputs = self->inputs, hidden = self->hidden;
    float *h = self->v + inputs;
    for (size_t t = 0; t < n_frames; t++, in += inputs, out += hidden) {
        for (size_t k = 0; k < inputs; k++) {
            self->v[k] = in[k];
        }
        up_matvec(self->weight, self->v, self->acc, 4 * hidden, inputs + hidden);
        if (tables->sigmoid) {
            lstm_cells_fast(self, tables, h);
        } else {
            lstm_cells(self, h);
        }
        for (size_t i = 0; i < hidden; i++) {
            out[i] = h[i];
        }
    }
}
