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

// h lies behind the input in v; `out` gets a copy.
static void qgru_cells(const up_qgru_t *self, int16_t *restrict h, int16_t *restrict out) {
    size_t hidden = self->hidden;
    const int16_t *restrict r = self->pre, *restrict a = r + up_qstride(2 * hidden);
    const int32_t *sigmoid = up_qmiddle(self->sigmoid), *tanh = up_qmiddle(self->tanh);
    int32_t *restrict state = self->state;
    size_t b = up_qstride(hidden);
    for (const int32_t *end = state + hidden; state < end; r++, a++) {
        int32_t pre = up_sat16(*a + (up_mac_low(up_qlook(sigmoid, *r), a[b], 1 << 14) >> 15));
        int32_t n = up_qlook(tanh, pre) * (1 << 15), z = up_qlook(sigmoid, r[hidden]) * (1 << 16);
        int32_t now = n + 2 * up_rq(*state - n, z);
        *state++ = now;
        *h++ = *out++ = (int16_t)((now + (1 << 14)) >> 15);
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
        qgru_cells(self, h, out);
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

// What is at *p, and p moved on: one pointer walks over a unit's four gates, so that it stays in a register.
static inline int32_t qlstm_next(const int16_t **p, ptrdiff_t step) {
    int32_t v = **p;
    *p += step;
    #if defined(UP_DSP)
    __asm ("" : "+r" (*p));
    #endif
    return v;
}

static void qlstm_cells(const up_qlstm_t *self, int16_t *restrict h, int16_t *restrict out) {
    ptrdiff_t hidden = self->hidden, back = 1 - 3 * hidden;
    const int16_t *p = self->pre;
    const int32_t *sigmoid = up_qmiddle(self->sigmoid), *tanh = up_qmiddle(self->tanh), *tanh_c = up_qmiddle(self->tanh_c);
    const int32_t e = self->exponent, down = 18 - e, half = (1 << e) >> 1, half_down = 1 << (down - 1);
    int32_t *restrict state = self->c;
    for (const int32_t *end = state + hidden; state < end;) {
        int32_t in = up_qlook(sigmoid, qlstm_next(&p, hidden)), forget = up_qlook(sigmoid, qlstm_next(&p, hidden));
        int32_t fed = up_mac_low(in, up_qlook(tanh, qlstm_next(&p, hidden)), half) >> e;
        int32_t c = up_sat31(2 * up_rq(*state, forget * (1 << 16)) + fed), o = up_qlook(sigmoid, qlstm_next(&p, back));
        *state++ = c;
        *h++ = *out++ = (int16_t)(up_mac_low(o, up_qlook(tanh_c, up_sat16((c + half_down) >> down)), 1 << 14) >> 15);
    }
}

void up_qlstm_process(up_qlstm_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    size_t step = up_qstride(self->inputs), stride = up_qstride(self->hidden);
    int16_t *v = self->v, *h = v + up_even(self->inputs);
    for (size_t t = 0; t < n_frames; t++, in += step, out += stride) {
        qrecur_input(v, in, self->inputs);
        up_qmat_one(&self->mat, (const void *)v, self->pre);
        qlstm_cells(self, h, out);
    }
}
