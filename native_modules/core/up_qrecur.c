// SPDX-License-Identifier: MIT
// GRU and LSTM in integers; see up_qrecur.h.
#include "up_qrecur.h"

#if defined(UP_DSP)
#include "up_qmatvec_one.h"
#include "up_qrecur_dsp.h"
enum { QGRU_START = 1 << 15 }; // see qgru_cells in up_qrecur_dsp.h
#define QRECUR_FAST 1
#else
enum { QGRU_START = 0 };
#endif

#if defined(UP_QAVX2)
#include "up_qrecur_avx2.h"
#define QRECUR_FAST 1
#endif

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

// The matrices of a frame: weights, and rows, follow on each other.
typedef struct {
    const up_qmat_t *mat[3];
    const up_word_t *v[3];
    size_t n;
    int16_t *y;
    #if defined(UP_DSP)
    qone_plan_t plan;
    #endif
} qrecur_rows_t;

static void qrecur_prepare(qrecur_rows_t *self) {
    #if defined(UP_DSP)
    qone_layout(&self->plan, self->mat, self->v, self->n, self->y);
    #else
    (void)self;
    #endif
}

static void qrecur_multiply(const qrecur_rows_t *self) {
    #if defined(UP_DSP)
    if (self->mat[self->n - 1]->rows > 1) {
        qone_run(&self->plan);
        return;
    }
    #endif
    int16_t *y = self->y;
    for (size_t i = 0; i < self->n; i++) {
        up_qmat_one(self->mat[i], self->v[i], y);
        y += up_qrows(self->mat[i]->rows);
    }
}

// Frame t of the input into v; a single channel's pad stays 0.
static inline void qrecur_input(int16_t *v, const int16_t *in, size_t inputs, size_t t) {
    for (size_t k = 0; k < inputs; k++) {
        v[k] = in[up_qat(k, t)];
    }
}

// Frame t of the output, and h for the next frame: the new units, in twos.
static inline void qrecur_output(int16_t *out, int16_t *units, int16_t *h, size_t hidden, size_t t) {
    up_word_t *from = (void *)units, *to = (up_word_t *)(void *)out + t, *keep = (void *)h;
    size_t i = (hidden + 1) / 2;
    if (hidden & 1) {
        units[hidden] = 0;
    }
    #if defined(UP_DSP)
    qrecur_output_dsp(&to, &from, &keep, i / 4);
    i %= 4;
    #endif
    for (; i; i--, to += UP_CHUNK) {
        *to = *keep++ = *from++;
    }
}

#if !defined(QRECUR_FAST)

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

#endif

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
        self->state[i] = QGRU_START;
    }
}

#if !defined(QRECUR_FAST) // see up_qrecur_dsp.h, up_qrecur_avx2.h

static inline int32_t qgru_blend(int32_t state, int32_t n, int32_t z) {
    n *= 1 << 15;
    return n + 2 * up_rq(state - n, z * (1 << 16));
}

// a + sigmoid(r) * b in place of a, two units at a time.
static void qgru_inner(const int32_t *sigmoid, const int16_t *r, int16_t *a, const int16_t *b, size_t rows) {
    const up_word_t *gate = (const void *)r, *term = (const void *)b;
    up_word_t *sum = (void *)a;
    for (const up_word_t *end = sum + rows / 2; sum < end; sum++) {
        up_pair_t open = qrecur_look(sigmoid, *gate++);
        int32_t v = *term++, low = up_mac_low(open.low, v, 1 << 14), high = up_mac_cross(open.high, v, 1 << 14);
        *sum = up_add16x2(*sum, up_pack_down(low, 15, (int32_t)((uint32_t)high << 1)));
    }
}

// The new state, and h in place of n's argument, two units at a time.
static void qgru_cells(const int32_t *sigmoid, const int32_t *tanh, const int16_t *z, int16_t *n, int32_t *state, size_t hidden) {
    const qrecur_gate_t *gate = qrecur_gate(z);
    up_word_t *to = (void *)n;
    for (const up_word_t *end = to + (hidden + 1) / 2; to < end; to++, gate++, state += 2) {
        up_pair_t keep = qrecur_look(sigmoid, gate->units), next = qrecur_look(tanh, *to);
        int32_t low = state[0] = qgru_blend(state[0], next.low, keep.low), high = state[1] = qgru_blend(state[1], next.high, keep.high);
        *to = up_pack_down(low + (1 << 14), 15, (high + (1 << 14)) * 2);
    }
}

#endif

void up_qgru_process(up_qgru_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    size_t pad = up_even(self->inputs), hidden = self->hidden, rows = up_qrows(hidden);
    int16_t *v = self->v, *r = self->pre, *a = r + up_qrows(2 * hidden);
    const int32_t *sigmoid = up_qmiddle(self->sigmoid), *tanh = up_qmiddle(self->tanh);
    const up_word_t *words = (const void *)v;
    qrecur_rows_t matrices = {
        .mat = { &self->rz, &self->n_in, &self->n_h }, .v = { words, words, words + pad / 2 }, .n = 3, .y = r,
    };
    qrecur_prepare(&matrices);
    for (size_t t = 0; t < n_frames; t++) {
        qrecur_input(v, in, self->inputs, t);
        qrecur_multiply(&matrices);
        qgru_inner(sigmoid, r, a, a + rows, rows);
        qgru_cells(sigmoid, tanh, r + hidden, a, self->state, hidden);
        qrecur_output(out, a, v + pad, hidden, t);
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

#if !defined(QRECUR_FAST)

// C of a unit.
static inline int32_t qlstm_state(int32_t exponent, int32_t state, int32_t in, int32_t g, int32_t forget) {
    int32_t fed = up_mac_low(in, g, (1 << exponent) >> 1) >> exponent;
    return up_sat31(2 * up_rq(state, forget * (1 << 16)) + fed);
}

// The new states, two units at a time. i: the gates i, f and g, `hidden` int16 each.
static void qlstm_inner(const int32_t *sigmoid, const int32_t *tanh, const int16_t *i, int32_t *state, size_t hidden, int32_t exponent) {
    const qrecur_gate_t *gate = qrecur_gate(i), *f = qrecur_gate(i + hidden), *g = qrecur_gate(i + 2 * hidden);
    for (const qrecur_gate_t *end = gate + (hidden + 1) / 2; gate < end; gate++, f++, g++, state += 2) {
        up_pair_t in = qrecur_look(sigmoid, gate->units), fed = qrecur_look(tanh, g->units), keep = qrecur_look(sigmoid, f->units);
        state[0] = qlstm_state(exponent, state[0], in.low, fed.low, keep.low);
        state[1] = qlstm_state(exponent, state[1], in.high, fed.high, keep.high);
    }
}

// h from the states and the gate o.
static void qlstm_cells(const int32_t *sigmoid, const int32_t *tanh, const int16_t *o, const int32_t *state, int16_t *h,
    size_t hidden, int32_t exponent) {
    const qrecur_gate_t *gate = qrecur_gate(o);
    up_word_t *to = (void *)h;
    int32_t down = 1 << (14 + exponent);
    for (const up_word_t *end = to + (hidden + 1) / 2; to < end; to++, gate++, state += 2) {
        up_pair_t out = qrecur_look(sigmoid, gate->units);
        int32_t low = up_qlook(tanh, up_sat16(up_rq(state[0], down))), high = up_qlook(tanh, up_sat16(up_rq(state[1], down)));
        low = up_mac_low(out.low, low, 1 << 14);
        *to = up_pack_down(low, 15, up_mac_low(out.high, high, 1 << 14) * 2);
    }
}

#endif

void up_qlstm_process(up_qlstm_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    size_t hidden = self->hidden;
    int32_t exponent = self->exponent;
    int16_t *v = self->v, *i = self->pre, *h = v + up_even(self->inputs);
    const int32_t *sigmoid = up_qmiddle(self->sigmoid), *tanh = up_qmiddle(self->tanh), *tanh_c = up_qmiddle(self->tanh_c);
    qrecur_rows_t matrices = { .mat = { &self->mat }, .v = { (const void *)v }, .n = 1, .y = i };
    qrecur_prepare(&matrices);
    for (size_t t = 0; t < n_frames; t++) {
        qrecur_input(v, in, self->inputs, t);
        qrecur_multiply(&matrices);
        qlstm_inner(sigmoid, tanh, i, self->c, hidden, exponent);
        qlstm_cells(sigmoid, tanh_c, i + 3 * hidden, self->c, i, hidden, exponent);
        qrecur_output(out, i, h, hidden, t);
    }
}
