// SPDX-License-Identifier: MIT
// GRU and LSTM of one layer with a linear head, forward and backward through time, for training
// on a CPU. torch.nn's equations; a = W [1; x; h] is one product for all gates of a frame:
//
//   GRU   rows u, r, z, n of a           LSTM  rows i, f, g, o of a
//   r = sigmoid(r), z = sigmoid(z)       i, f, o = sigmoid(i, f, o), g = tanh(g)
//   n = tanh(n + r u)                    c' = f c + i g
//   h' = n + z (h - n)                   h' = o tanh(c')             y = head . h' + bias
//
// u = Un h + bn has no columns of x, the row n none of h: the packed W holds zeros there, and
// their gradients mean nothing. `hidden` is a multiple of 4: the caller pads with zero weights,
// which leaves the padded units at 0.
//
// TRAIN_LANES sequences run side by side, one a SIMD lane: every array is [frame][row][lane], so
// that a step is the product of a small matrix with rows of lanes.
#ifndef UPEDAL_TRAIN_RNN_H
#define UPEDAL_TRAIN_RNN_H

#include <stddef.h>

#define TRAIN_LANES 32

typedef struct {
    int lstm;      // 0: GRU
    size_t inputs; // columns of x
    size_t hidden; // a multiple of 4
} train_net_t;

// Rows of [1; x; h], which are columns of W.
static inline size_t train_depth(const train_net_t *net) {
    return 1 + net->inputs + net->hidden;
}

// Floats of the packed weights: W [4 hidden][depth], head [hidden], bias. Gradients likewise.
static inline size_t train_weights(const train_net_t *net) {
    return 4 * net->hidden * train_depth(net) + net->hidden + 1;
}

// Rows of state: h, and c of an LSTM.
static inline size_t train_states(const train_net_t *net) {
    return (net->lstm ? 2 : 1) * net->hidden;
}

// Floats of what the forward pass keeps for the backward pass: [1; x; h] and c of every frame and
// of the one after, and the gates of every frame. keep 0: one frame of each.
size_t train_history(const train_net_t *net, size_t frames, int keep);

// Floats of scratch for any of the passes.
size_t train_scratch(const train_net_t *net);

// The kernels are compiled for several kinds of CPU; each is a number, 0 for any CPU.
enum { TRAIN_PLAIN, TRAIN_AVX2, TRAIN_AVX512 };

// The best kind this machine runs.
int train_cpu(void);

// One chunk of TRAIN_LANES sequences. x [frames][inputs][lane], state [states][lane] in and out,
// y [frames][lane]. history and scratch: 64-byte aligned.
void train_forward(const train_net_t *net, int cpu, const float *weights, size_t frames, int keep,
    const float *x, float *state, float *history, float *y, float *scratch);

// dy: [frames][lane], the loss's gradient by y. Writes grads, summed over frames and lanes.
void train_backward(const train_net_t *net, int cpu, const float *weights, size_t frames,
    const float *history, const float *dy, float *grads, float *scratch);

// One sequence alone, units in place of lanes: x [frames][inputs], state [states], y [frames].
void train_solo(const train_net_t *net, int cpu, const float *weights, size_t frames,
    const float *x, float *state, float *y, float *scratch);

#endif
