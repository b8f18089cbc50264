// SPDX-License-Identifier: MIT
// GRU and LSTM in integers (models/SPEC.md, paragraphs 15 and 16): int16 signals, int32 states.
#ifndef UP_QRECUR_H
#define UP_QRECUR_H

#include "up_qmatvec.h"

UP_BEGIN_C

typedef struct {
    up_qmat_t rz, n_in, n_h;
    const int32_t *sigmoid, *tanh; // tables; not owned
    int16_t *v;                    // [even inputs + even hidden]: the input, then h
    int16_t *pre;                  // r and z (padded), then a, then b
    int32_t *state;                // [hidden], h * 2^30
    uint16_t inputs, hidden;
} up_qgru_t;

typedef struct {
    up_qmat_t mat;                          // rows i, f, g, o
    const int32_t *sigmoid, *tanh, *tanh_c; // tables; not owned
    const int32_t *first_c;                 // [hidden], then int16 h: the state at the start; not owned
    int16_t *v;                             // [even inputs + even hidden]
    int16_t *pre;                           // [4 * hidden padded]
    int32_t *c;                             // [hidden], c * 2^(30 - exponent)
    uint16_t inputs, hidden;
    uint8_t exponent;
} up_qlstm_t;

// Words in the file.
static inline size_t up_qgru_words(size_t inputs, size_t hidden) {
    size_t in = up_even(inputs) / 2, h = up_even(hidden) / 2;
    return up_qmat_words(2 * hidden, in + h) + up_qmat_words(hidden, in) + up_qmat_words(hidden, h);
}

static inline size_t up_qlstm_words(size_t inputs, size_t hidden) {
    return up_qmat_words(4 * hidden, (up_even(inputs) + up_even(hidden)) / 2) + hidden + up_even(hidden) / 2;
}

// [setup] inputs, hidden, tables and exponent are set.
void up_qgru_layout(up_qgru_t *self, const int32_t *weight, up_arena_t *arena);
void up_qgru_reset(up_qgru_t *self);
void up_qlstm_layout(up_qlstm_t *self, const int32_t *weight, up_arena_t *arena);
void up_qlstm_reset(up_qlstm_t *self);
// [audio] planes in -> planes out
void up_qgru_process(up_qgru_t *self, const int16_t *in, int16_t *out, size_t n_frames);
void up_qlstm_process(up_qlstm_t *self, const int16_t *in, int16_t *out, size_t n_frames);

UP_END_C

#endif
