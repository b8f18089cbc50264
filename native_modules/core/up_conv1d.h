// SPDX-License-Identifier: MIT
// Causal dilated convolution over a stream, with an optional side input of the current frame:
//     y[o, t] = bias[o] + sum_k sum_i w[o, k, i] * x[i, t - (taps - 1 - k) * dilation]
//                       + sum_s w[o, side s] * c[s, t]
// k = 0 is the oldest tap. With taps == 1 it is a dense layer and needs no history.
#ifndef UP_CONV1D_H
#define UP_CONV1D_H

#include "up_matvec.h"

UP_BEGIN_C

typedef struct {
    const float *weight; // matrix of `out` rows, taps * in + side columns; not owned
    float *ring;         // [frames][in]; NULL when taps == 1
    uint32_t frames, at; // ring length, and where the next input frame goes
    uint16_t in, out, side, taps, dilation;
} up_conv1d_t;

// Frames of input before the current one that an output depends on.
static inline size_t up_conv1d_history(const up_conv1d_t *self) {
    return (size_t)(self->taps - 1) * self->dilation;
}

void up_conv1d_layout(up_conv1d_t *self, up_arena_t *arena); // [setup]
void up_conv1d_reset(up_conv1d_t *self);                     // [setup]
// [audio] in [n][in], side [n][side] or NULL -> out [n][out]; out overlaps neither, and has room
// for the padding of the last frame's rows behind it.
void up_conv1d_process(up_conv1d_t *self, const float *in, const float *side, float *UP_RESTRICT out, size_t n_frames);

UP_END_C

#endif
