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

// Two units of a gate, which may begin at an odd int16.
typedef struct __attribute__((packed, may_alias)) {
    int32_t units;
} qrecur_gate_t;

static inline const qrecur_gate_t *qrecur_gate(const int16_t *first) {
    return (const void *)first;
}

static inline up_pair_t qrecur_look(const int32_t *middle, int32_t v) {
    up_pair_t y = up_qlook64(middle, v);
    y.low >>= 6;
    y.high >>= 6;
    return y;
}

// Frame t of the input into v; a single channel's pad stays 0.
static inline void qrecur_input(int16_t *v, const int16_t *in, size_t inputs, size_t t) {
    for (size_t k = 0; k < inputs; k++) {
        v[k] = in[up_qat(k, t)];
    }
}

static inline void qrecur_output(int16_t *out, const int16_t *h, size_t hidden, size_t t) {
    const up_word_t *from = (const void *)h;
    up_word_t *to = (up_word_t *)(void *)out + t;
    size_t i = (hidden + 1) / 2;
    for (; i >= 4; i -= 4, from += 4, to += 4 * UP_CHUNK) {
        to[0] = from[0];
        to[UP_CHUNK] = from[1];
        to[2 * UP_CHUNK] = from[2];
        to[3 * UP_CHUNK] = from[3];
    }
    for (; i; i--, from++, to += UP_CHUNK) {
        *to = *from;
    }
}

void up_qgru_layout(up_qgru_t *self, const int32_t *weight, up_arena_t *arena) {
    size_t hidden = self->hidden, in = up_even(self->inputs), h = up_even(hidden);
    self->rz = qrecur_mat(&weight, 2 * hidden, in + h);
    self->n_in = qrecur_mat(&weight, hidden, in);
    self->n_h = qrecur_mat(&weight, hidden, h);
    self->v = qrecur_take(arena, in + h);
    self->pre = qrecur_take(arena, up_qrows(2 * hidden) + 2 * up_qrows(hidden));
    self->state = up_arena_take(arena, h * sizeof(int32_t));
}

void up_qgru_reset(up_qgru_t *self) {
    qrecur_clear(self->v, up_even(self->inputs) + up_even(self->hidden));
    for (size_t i = 0; i < up_even(self->hidden); i++) { // units go in twos
        self->state[i] = 0;
    }
}

static inline int32_t qgru_blend(int32_t state, int32_t n, int32_t z) {
    n *= 1 << 15;
    return n + 2 * up_rq(state - n, z * (1 << 16));
}

// a + sigmoid(r) * b, two units at a time, in place of a.
static void qgru_inner(const up_qgru_t *self) {
    size_t hidden = self->hidden, step = up_qrows(hidden) / 2;
    const up_word_t *r = (const void *)self->pre;
    const int32_t *sigmoid = up_qmiddle(self->sigmoid);
    up_word_t *a = (void *)(self->pre + up_qrows(2 * hidden));
    for (const up_word_t *end = a + (hidden + 1) / 2; a < end; r++, a++) {
        up_pair_t open = qrecur_look(sigmoid, *r);
        int32_t b = a[step], low = up_mac_low(open.low, b, 1 << 14), high = up_mac_cross(open.high, b, 1 << 14);
        *a = up_add16x2(*a, up_pack_down(low, 15, (int32_t)((uint32_t)high << 1)));
    }
}

// Two units at a time: the new state, and h, which lies behind the input in v.
static void qgru_cells(const up_qgru_t *self, int16_t *h) {
    size_t hidden = self->hidden;
    const qrecur_gate_t *z = qrecur_gate(self->pre + hidden);
    const up_word_t *inner = (const void *)(self->pre + up_qrows(2 * hidden)), *end = inner + (hidden + 1) / 2;
    const int32_t *sigmoid = up_qmiddle(self->sigmoid), *tanh = up_qmiddle(self->tanh);
    int32_t *state = self->state;
    for (up_word_t *to = (void *)h; inner < end; z++, inner++, state += 2) {
        up_pair_t keep = qrecur_look(sigmoid, z->units), n = qrecur_look(tanh, *inner);
        int32_t low = state[0] = qgru_blend(state[0], n.low, keep.low), high = state[1] = qgru_blend(state[1], n.high, keep.high);
        *to++ = up_pack_down(low + (1 << 14), 15, (high + (1 << 14)) * 2);
    }
    if (hidden & 1) {
        h[hidden] = 0;
    }
}

void up_qgru_process(up_qgru_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    size_t pad = up_even(self->inputs);
    int16_t *v = self->v, *h = v + pad, *a = self->pre + up_qrows(2u * self->hidden);
    const up_word_t *words = (const void *)v;
    for (size_t t = 0; t < n_frames; t++) {
        qrecur_input(v, in, self->inputs, t);
        up_qmat_one(&self->rz, words, self->pre);
        up_qmat_one(&self->n_in, words, a);
        up_qmat_one(&self->n_h, words + pad / 2, a + up_qrows(self->hidden));
        qgru_inner(self);
        qgru_cells(self, h);
        qrecur_output(out, h, self->hidden, t);
    }
}

void up_qlstm_layout(up_qlstm_t *self, const int32_t *weight, up_arena_t *arena) {
    size_t hidden = self->hidden, in = up_even(self->inputs), h = up_even(hidden);
    self->mat = qrecur_mat(&weight, 4 * hidden, in + h);
    self->first_c = weight;
    self->v = qrecur_take(arena, in + h);
    self->pre = qrecur_take(arena, up_qrows(4 * hidden));
    self->c = up_arena_take(arena, h * sizeof(int32_t));
}

void up_qlstm_reset(up_qlstm_t *self) {
    const int16_t *first_h = (const void *)(self->first_c + self->hidden);
    qrecur_clear(self->v, up_even(self->inputs) + up_even(self->hidden));
    for (size_t i = 0; i < self->hidden; i++) {
        self->v[up_even(self->inputs) + i] = first_h[i];
        self->c[i] = self->first_c[i];
    }
    if (self->hidden & 1) { // units go in twos
        self->c[self->hidden] = 0;
    }
}

// What the shifts of a state need: fed = (i * g + half) >> exponent, tanh's argument = rq(C, down).
typedef struct {
    int32_t exponent, half, down;
} qlstm_shifts_t;

// C of a unit; returns tanh's argument, limited to int16.
static inline int32_t qlstm_state(qlstm_shifts_t s, int32_t *state, int32_t in, int32_t g, int32_t forget) {
    int32_t fed = up_mac_low(in, g, s.half) >> s.exponent;
    int32_t c = *state = up_sat31(2 * up_rq(*state, forget * (1 << 16)) + fed);
    return up_sat16(up_rq(c, s.down));
}

// Two units at a time: the new states, and tanh's arguments in place of i.
static void qlstm_inner(const up_qlstm_t *self) {
    size_t hidden = self->hidden;
    up_word_t *i = (void *)self->pre;
    const qrecur_gate_t *f = qrecur_gate(self->pre + hidden), *g = qrecur_gate(self->pre + 2 * hidden);
    const int32_t *sigmoid = up_qmiddle(self->sigmoid), *tanh = up_qmiddle(self->tanh);
    const qlstm_shifts_t shifts = { self->exponent, (1 << self->exponent) >> 1, 1 << (14 + self->exponent) };
    int32_t *state = self->c;
    for (const up_word_t *end = i + (hidden + 1) / 2; i < end; i++, f++, g++, state += 2) {
        up_pair_t in = qrecur_look(sigmoid, *i), fed = qrecur_look(tanh, g->units), keep = qrecur_look(sigmoid, f->units);
        int32_t low = qlstm_state(shifts, state, in.low, fed.low, keep.low);
        *i = up_pack_low(low, qlstm_state(shifts, state + 1, in.high, fed.high, keep.high));
    }
}

static void qlstm_cells(const up_qlstm_t *self, int16_t *h) {
    size_t hidden = self->hidden;
    const up_word_t *inner = (const void *)self->pre, *end = inner + (hidden + 1) / 2;
    const qrecur_gate_t *o = qrecur_gate(self->pre + 3 * hidden);
    const int32_t *sigmoid = up_qmiddle(self->sigmoid), *tanh_c = up_qmiddle(self->tanh_c);
    for (up_word_t *to = (void *)h; inner < end; inner++, o++) {
        up_pair_t out = qrecur_look(sigmoid, o->units), c = qrecur_look(tanh_c, *inner);
        int32_t low = up_mac_low(out.low, c.low, 1 << 14);
        *to++ = up_pack_down(low, 15, up_mac_low(out.high, c.high, 1 << 14) * 2);
    }
    if (hidden & 1) {
        h[hidden] = 0;
    }
}

void up_qlstm_process(up_qlstm_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    int16_t *v = self->v, *h = v + up_even(self->inputs);
    for (size_t t = 0; t < n_frames; t++) {
        qrecur_input(v, in, self->inputs, t);
        up_qmat_one(&self->mat, (const void *)v, self->pre);
        qlstm_inner(self);
        qlstm_cells(self, h);
        qrecur_output(out, h, self->hidden, t);
    }
}
