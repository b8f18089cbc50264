// SPDX-License-Identifier: MIT
// Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gate; PyTorch's form):
//     i, f, o = sg(W x + U h + b)   g = tanh(W x + U h + b)
//     c = f * c + i * g             h = o * tanh(c)
// and, fused, a dense layer of one output: y = head[0] + sum_i head[1 + i] * h[i].
#ifndef UP_LSTM_H
#define UP_LSTM_H

#include "up_act.h"
#include "up_matvec.h"

UP_BEGIN_C

typedef struct {
    const float *weight;  // matrix: rows i, f, g, o, [4 * hidden] x [inputs + hidden]; not owned
    const float *initial; // [2][hidden]: h, then c, before the first frame; not owned
    const float *head;    // [1 + hidden] or NULL; not owned
    float *v;             // [inputs + hidden]: the input, then h
    float *c;             // [hidden]
    float *acc;           // [4 * hidden], padded: gate sums
    up_tables_t tables;
    size_t inputs, hidden;
} up_lstm_t;

// Floats in the file: the matrix, then the initial state.
static inline size_t up_lstm_floats(size_t inputs, size_t hidden) {
    return up_matrix_floats(4 * hidden, inputs + hidden) + 2 * hidden;
}

void up_lstm_layout(up_lstm_t *self, const float *weight, up_arena_t *arena); // [setup]
void up_lstm_reset(up_lstm_t *self);                                          // [setup]
// [audio] in: planes of UP_CHUNK frames, one an input -> out: [n] through the head, or h as planes; in == out
// allowed when inputs == 1 and there is a head.
void up_lstm_process(up_lstm_t *self, const float *in, float *out, size_t n_frames);

UP_END_C

#endif
