// SPDX-License-Identifier: MIT
// Activations and gates of integer signals, in place over planes.
#ifndef UP_QACT_H
#define UP_QACT_H

#include "up_act.h"
#include "up_q.h"

UP_BEGIN_C

typedef struct {
    const int32_t *table;  // [UP_QTABLE], or NULL; not owned
    const int16_t *slopes; // [channels] of leaky ReLU and PReLU, or NULL; not owned
    uint8_t kind;          // UP_ACT_
} up_qact_t;

// Is it a table's? The others are computed, or are the limit of int16 itself.
static inline bool up_qact_has_table(unsigned kind) {
    return kind != UP_ACT_LINEAR && kind != UP_ACT_RELU && kind != UP_ACT_LEAKY_RELU && kind != UP_ACT_PRELU
           && kind != UP_ACT_HARD_TANH;
}

static inline bool up_qact_has_slopes(unsigned kind) {
    return kind == UP_ACT_LEAKY_RELU || kind == UP_ACT_PRELU;
}

// [audio] x [up_qplanes(channels)][UP_CHUNK]
void up_qact_process(const up_qact_t *self, int16_t *x, size_t channels, size_t n_frames);
// [audio] planes x, f's channels then g's -> planes y
void up_qgate_process(unsigned gate, const up_qact_t *f, const up_qact_t *g, const int16_t *x, int16_t *y, size_t channels, size_t n_frames);

UP_END_C

#endif
