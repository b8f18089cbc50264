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

// Gates of all units from the sums in acc; c and h move on.
static inline void lstm_cells_fast(const up_lstm_t *self) {
    size_t hidden = self->hidden;
    const float *restrict a = self->acc;
    float *restrict c = self->c, *restrict h = self->v + self->inputs;
    const up_node_t *sigmoid = self->tables.sigmoid, *tanh = self->tables.tanh;
    for (size_t i = 0; i < hidden; i++) {
        float in = up_look(sigmoid, a[i]), forget = up_look(sigmoid, a[hidden + i]);
        float cell = up_look(tanh, a[2 * hidden + i]), out = up_look(sigmoid, a[3 * hidden + i]);
        c[i] = up_fma(forget, c[i], in * cell);
        h[i] = out * up_look(tanh, c[i] * UP_TANH_NODES);
    }
}

static inline void lstm_cells(const up_lstm_t *self) {
    size_t hidden = self->hidden;
    const float *restrict a = self->acc;
    float *restrict c = self->c, *restrict h = self->v + self->inputs;
    for (size_t i = 0; i < hidden; i++) {
        float in = up_sigmoid(a[i]), forget = up_sigmoid(a[hidden + i]);
        float cell = up_tanh(a[2 * hidden + i]), out = up_sigmoid(a[3 * hidden + i]);
        c[i] = up_fma(forget, c[i], in * cell);
        h[i] = out * up_tanh(c[i]);
    }
}

#if defined(UP_MATVEC_VFP)
#include "up_lstm_vfp.h"
#define LSTM_VFP 1
#endif

#if defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
#include "up_lstm_avx2.h" // lstm_frames()
#else
// Not inlined: the code of the matrix leaves the cells' loop no registers for its constants.
static __attribute__((noinline)) void lstm_sums(const up_lstm_t *self) {
    up_matvec(self->weight, self->v, self->acc, 4 * self->hidden, self->inputs + self->hidden);
}

// One frame, its inputs in v; returns the head's sample.
static inline float lstm_frame(const up_lstm_t *self) {
    lstm_sums(self);
    #if !defined(LSTM_VFP)
    if (self->tables.sigmoid) {
        lstm_cells_fast(self);
    } else
    #endif
    lstm_cells(self);
    return self->head ? up_dot(self->head, self->v + self->inputs, self->hidden) : 0.0f;
}

static void lstm_frames(const up_lstm_t *self, const float *in, float *out, size_t n_frames) {
    size_t inputs = self->inputs;
    float *v = self->v, *h = v + inputs;
    for (size_t t = 0; t < n_frames; t++, in++, out++) {
        for (size_t k = 0; k < inputs; k++) {
            v[k] = in[k * UP_CHUNK];
        }
        float y = lstm_frame(self);
        if (self->head) {
            out[0] = y;
        }
        for (size_t i = 0; !self->head && i < self->hidden; i++) {
            out[i * UP_CHUNK] = h[i];
        }
    }
}
#endif

void up_lstm_process(up_lstm_t *self, const float *in, float *out, size_t n_frames) {
    #if defined(LSTM_VFP)
    if (self->tables.sigmoid) {
        lstm_frames_vfp(self, in, out, n_frames);
        return;
    }
    #endif
    lstm_frames(self, in, out, n_frames);
}
