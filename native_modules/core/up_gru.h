// SPDX-License-Identifier: MIT
// Gated recurrent unit (Cho et al. 2014, in the form of PyTorch and cuDNN):
//     r = sg(W_r x + U_r h + b_r)      z = sg(W_z x + U_z h + b_z)
//     n = tanh(W_n x + b_in + r * (U_n h + b_hn))
//     h = n + z * (h - n)
// and, fused, a dense layer of one output: y = head[0] + sum_i head[1 + i] * h[i].
#ifndef UP_GRU_H
#define UP_GRU_H

#include "up_act.h"
#include "up_matvec.h"

UP_BEGIN_C

typedef struct {
    const float *rz;   // matrix: rows r then z, [2 * hidden] x [inputs + hidden]; not owned
    const float *n;    // matrix: [hidden] x [hidden], biases b_hn; not owned
    const float *cell; // [hidden][1 + inputs]: b_in, W_n; not owned
    const float *head; // [1 + hidden] or NULL; not owned
    float *v;          // [inputs + hidden]: the input, then h
    float *acc;        // gate sums: r, z (padded), then n
    // For vector code, where inputs > 1; else NULL. The matrix: for each unit a row b_in, W_n but for the last input,
    // and a row of that one's weight as a bias. Its sums: [hidden][2], as `cell` is where there is one input.
    float *inner, *pairs;
    up_tables_t tables;
    size_t inputs, hidden;
} up_gru_t;

// Floats in the file: rz, n, cell, in this order.
static inline size_t up_gru_floats(size_t inputs, size_t hidden) {
    return up_matrix_floats(2 * hidden, inputs + hidden) + up_matrix_floats(hidden, hidden)
           + hidden * (1 + inputs);
}

void up_gru_layout(up_gru_t *self, const float *weight, up_arena_t *arena); // [setup]
void up_gru_reset(up_gru_t *self);                                          // [setup]
// [audio] in: planes of UP_CHUNK frames, one an input -> out: [n] through the head, or h as planes; in == out
// allowed when inputs == 1 and there is a head.
void up_gru_process(up_gru_t *self, const float *in, float *out, size_t n_frames);

UP_END_C

#endif
