// SPDX-License-Identifier: MIT
// Causal dilated convolution over a stream:
//     y[o, t] = bias[o] + sum_k sum_i w[o, k, i] * x[i, t - (taps - 1 - k) * dilation]
// k = 0 is the oldest tap. With taps == 1 it is a dense layer and needs no history.
#ifndef UP_CONV1D_H
#define UP_CONV1D_H

#include "up_matvec.h"

typedef struct {
    const float *weight; // matrix of `out` rows, taps * in columns; not owned
    float *ring;         // [frames][in]; NULL when taps == 1
    size_t in, out, taps, dilation;
    size_t frames;       // ring length: the history plus one chunk
    size_t at;           // where the next input frame goes
} up_conv1d_t;

// Frames of input before the current one that an output depends on.
static inline size_t up_conv1d_history(const up_conv1d_t *self) {
    return (self->taps - 1) * self->dilation;
}

void up_conv1d_layout(up_conv1d_t *self, up_arena_t *arena, size_t max_frames); // [setup]
void up_conv1d_reset(up_conv1d_t *self);                                        // [setup]
// [audio] in [n][in] -> out [n][out]; n <= max_frames; in != out.
void up_conv1d_process(up_conv1d_t *self, const float *restrict in, float *restrict out, size_t n_frames);

#endif
