// SPDX-License-Identifier: MIT
// GRU of one input with a linear head, forward and backward through time, for training on a CPU.
//
//   r = sigmoid(Wr x + cr + Ur h + br)          y = w . h' + b
//   z = sigmoid(Wz x + cz + Uz h + bz)          h' = n + z (h - n)
//   n = tanh(Wn x + cn + r (Un h + bn))         (torch.nn.GRU's equations)
//
// TRAIN_LANES sequences run side by side, one a SIMD lane. Every array is [frame][row][lane], so
// each step is products of a small matrix with rows of lanes. `hidden` is a multiple of 4: the
// caller pads with zero weights, which leaves the padded units at 0.
#ifndef UPEDAL_TRAIN_GRU_H
#define UPEDAL_TRAIN_GRU_H

#include <stddef.h>

#define TRAIN_LANES 32

// Offsets into the packed weights, in floats; gradients have the same layout.
typedef struct {
    size_t w_ih; // [3 hidden]
    size_t b_ih; // [3 hidden]
    size_t b_hh; // [3 hidden]
    size_t w_hh; // [3 hidden][hidden]
    size_t head; // [hidden], then the head's bias
    size_t size;
} train_pack_t;

static inline train_pack_t train_pack(size_t hidden) {
    train_pack_t p = {0, 3 * hidden, 6 * hidden, 9 * hidden, 9 * hidden + 3 * hidden * hidden, 0};
    p.size = p.head + hidden + 1;
    return p;
}

// Floats of scratch that either pass needs.
size_t train_scratch(size_t hidden);

// One chunk of TRAIN_LANES sequences. x, y: [frames][lane]. h: [frames + 1][hidden][lane], h[0]
// given. gates: [frames][4 hidden][lane], kept for the backward pass: r, z, n, Un h + bn.
// keep 0: h and gates hold one frame only, h is updated in place.
void train_gru_forward(const float *weights, size_t hidden, size_t frames, int keep,
    const float *x, float *h, float *gates, float *y, float *scratch);

// dy: [frames][lane], the loss's gradient by y. Writes grads, summed over frames and lanes.
void train_gru_backward(const float *weights, size_t hidden, size_t frames, const float *x,
    const float *h, const float *gates, const float *dy, float *grads, float *scratch);

#endif
