// SPDX-License-Identifier: MIT
// GRU and LSTM in integers; see up_qrecur.h.
#include "up_qrecur.h"

static up_qmat_t qrecur_mat(const int32_t **weight, size_t rows, size_t columns) {
    up_qmat_t mat = { .w = *weight, .rows = (uint16_t)rows, .pairs = (uint32_t)(columns / 2), .limit = UP_QLIMIT_S16 };
    *weight += up_qmat_words(rows, mat.pairs);
    return mat;
}

static int16_t *qrecur_take(up_arena_t *arena, size_t n) {
    return up_arena_take(arena, n * sizeof(int16_t));
}

static void qrecur_clear(int16_t *v, size_t n) {
    while (n--) {
        v[n] = 0;
    }
}

// The next input into v; a single channel's pad stays 0.
static inline void qrecur_input(int16_t *v, const int16_t *in, size_t inputs) {
    for (size_t k = 0; k < inputs; k++) {
        v[k] = in[k];
    }
}

static inline void qrecur_output(int16_t *out, const int16_t *h, size_t hidden) {
    for (size_t i = 0; i < hidden; i++) {
        out[i] = h[i];
    }
}

void up_qgru_layout(up_qgru_t *self, const int32_t *weight, up_arena_t *arena) {
    size_t hidden = self->hidden, in = up_even(self->inputs), h = up_even(hidden);
    self->rz = qrecur_mat(&weight, 2 * hidden, in + h);
    self->n_in = qrecur_mat(&weight, hidden, in);
    self->n_h = qrecur_mat(&weight, hidden, h);
    self->v = qrecur_take(arena, in + h);
    self->pre = qrecur_take(arena, up_qstride(2 * hidden) + 2 * (hidden == 1 ? 4 : up_qstride(hidden)));
    self->state = up_arena_take(arena, hidden * sizeof(int32_t));
}

void up_qgru_reset(up_qgru_t *self) {
    qrecur_clear(self->v, up_even(self->inputs) + up_even(self->hidden));
    for (size_t i = 0; i < self->hidden; i++) {
        self->state[i] = 0;
    }
}

static void qgru_cells(const up_qgru_t *self, int16_t *h) {
    size_t hidden = self->hidden;
    const int16_t *r = self->pre, *z = r + hidden, *a = r + up_qstride(2 * hidden), *b = a + up_qstride(hidden);
    const int32_t *sigmoid = self->sigmoid, *tanh = self->tanh;
    int32_t *state = self->state;
    for (size_t i = 0; i < hidden; i++) {
        int32_t n = up_qlook(tanh, up_sat16(a[i] + up_mul15(up_qlook(sigmoid, r[i]), b[i]))) * (1 << 15);
        int32_t now = n + 2 * up_rq(state[i] - n, up_qlook(sigmoid, z[i]) * (1 << 16));
        state[i] = now;
        h[i] = (int16_t)((now + (1 << 14)) >> 15);
    }
}

void up_qgru_process(up_qgru_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    size_t step = up_qstride(self->inputs), stride = up_qstride(self->hidden), pad = up_even(self->inputs);
    int16_t *v = self->v, *h = v + pad, *a = self->pre + up_qstride(2u * self->hidden);
    const up_word_t *words = (const void *)v;
    for (size_t t = 0; t < n_frames; t++, in += step, out += stride) {
        qrecur_input(v, in, self->inputs);
        up_qmat_one(&self->rz, words, self->pre);
        up_qmat_one(&self->n_in, words, a);
        up_qmat_one(&self->n_h, words + pad / 2, a + stride);
        qgru_cells(self, h);
        qrecur_output(out, h, self->hidden);
    }
}

void up_qlstm_layout(up_qlstm_t *self, const int32_t *weight, up_arena_t *arena) {
    size_t hidden = self->hidden, in = up_even(self->inputs), h = up_even(hidden);
    self->mat = qrecur_mat(&weight, 4 * hidden, in + h);
    self->first_c = weight;
    self->v = qrecur_take(arena, in + h);
    self->pre = qrecur_take(arena, up_qstride(4 * hidden));
    self->c = up_arena_take(arena, hidden * sizeof(int32_t));
}

void up_qlstm_reset(up_qlstm_t *self) {
    const int16_t *first_h = (const void *)(self->first_c + self->hidden);
    qrecur_clear(self->v, up_even(self->inputs) + up_even(self->hidden));
    for (size_t i = 0; i < self->hidden; i++) {
        self->v[up_even(self->inputs) + i] = first_h[i];
        self->c[i] = self->first_c[i];
    }
}

static void qlstm_cells(const up_qlstm_t *self, int16_t *h) {
    size_t hidden = self->hidden;
    const int16_t *pre = self->pre;
    const int32_t *sigmoid = self->sigmoid, *tanh = self->tanh, most = (1 << 30) - 1;
    int e = self->exponent, down = 18 - e;
    for (size_t i = 0; i < hidden; i++) {
        int32_t in = up_qlook(sigmoid, pre[i]), forget = up_qlook(sigmoid, pre[hidden + i]);
        int32_t g = up_qlook(tanh, pre[2 * hidden + i]), out = up_qlook(sigmoid, pre[3 * hidden + i]);
        int32_t c = 2 * up_rq(self->c[i], forget * (1 << 16)) + ((in * g + ((1 << e) >> 1)) >> e);
        c = c < -most ? -most : c > most ? most : c;
        self->c[i] = c;
        h[i] = (int16_t)up_mul15(out, up_qlook(self->tanh_c, up_sat16((c + (1 << (down - 1))) >> down)));
    }
}

void up_qlstm_process(up_qlstm_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    size_t step = up_qstride(self->inputs), stride = up_qstride(self->hidden);
    int16_t *v = self->v, *h = v + up_even(self->inputs);
    for (size_t t = 0; t < n_frames; t++, in += step, out += stride) {
        qrecur_input(v, in, self->inputs);
        up_qmat_one(&self->mat, (const void *)v, self->pre);
        qlstm_cells(self, h);
        qrecur_output(out, h, self->hidden);
    }
}
