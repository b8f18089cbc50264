// SPDX-License-Identifier: MIT
// A causal convolutional net, forward and backward, for training on a CPU: a list of steps
//
//   z = bias + sum over taps k of W[k] . in[t - (taps - 1 - k) dilation] + side . x
//   p = f(z)                               "gated": tanh(upper half) * sigmoid(lower half)
//   total += p                             where CONV_ADD
//   out = mix . p + its bias (or p), + in where CONV_RESIDUAL
//
// Steps read and write the stream, which begins as the input x, or (CONV_TOTAL) the total. The last
// step's output is the net's. One sequence at a time, time is the direction of the vectors:
// arrays are [channel][frame]. What the frames before the first held comes in as a tail of every
// step's input, (taps - 1) dilation frames long; no gradient goes there.
#ifndef UPEDAL_TRAIN_CONV_H
#define UPEDAL_TRAIN_CONV_H

#include <stddef.h>
#include <stdint.h>

#define CONV_MAX_STEPS 256
#define CONV_MAX_TERMS 8192
#define CONV_NUMBERS 7 // that describe a step: the first seven fields of conv_step_t

enum { CONV_LINEAR, CONV_TANH, CONV_RELU, CONV_LEAKY, CONV_SOFTSIGN, CONV_GATED, CONV_CLAMP,
    CONV_CLAMP_POSITIVE, CONV_KINDS }; // leaky: 0.01 z below 0; clamp: -1 or 0 to 127/128
enum { CONV_TOTAL = 1, CONV_ADD = 2, CONV_RESIDUAL = 4, CONV_SIDE = 8, CONV_MIX = 16,
    CONV_BIAS = 32, CONV_FLAGS = 63 };
enum { CONV_NOWHERE = -2, CONV_OUTPUT = -1 };

typedef struct {
    uint32_t inputs, wide, outputs, taps, dilation, kind, flags;
    size_t half;  // rows of p
    size_t reach; // frames of the tail
    size_t terms; // products a row of z is the sum of, but for the bias
    size_t weight, bias, side, mix, mix_bias, tail; // offsets; gradients lie as the weights do
    size_t in, in_stride; // the input: frame 0 of row 0 in the workspace, and between rows
    size_t act, act_stride; // f(z), gated: both factors
    size_t p;               // the same, gated: their products; rows lie as those of act
    int to, add; // the step whose input out and p go to, CONV_OUTPUT or CONV_NOWHERE
    int add_first; // nothing has been written to the total before
} conv_step_t;

typedef struct {
    conv_step_t step[CONV_MAX_STEPS];
    size_t steps, inputs, outputs, frames, padded;
    size_t out, out_stride; // the net's output in the workspace
    size_t widest, largest, longest; // rows, terms of any product; reach
    int keep;
    size_t weights, tails; // floats
    size_t workspace, scratch; // floats of one sequence; scratch for either pass
} conv_net_t;

// numbers: [steps][CONV_NUMBERS]. keep: the workspace lasts until the backward pass. Returns NULL
// or what is wrong.
const char *conv_setup(conv_net_t *self, const int32_t *numbers, size_t steps, size_t inputs,
    size_t frames, int keep);

// x [inputs][frames], tails_in [tails] or NULL for silence, y [outputs][frames], tails_out [tails].
// workspace and scratch should begin at multiples of 64 bytes.
void conv_forward(const conv_net_t *self, const float *weights, const float *x,
    const float *tails_in, float *y, float *tails_out, float *workspace, float *scratch);

// dy [outputs][frames]; workspace as the forward pass left it. Writes grads [weights] and, where it
// is not NULL, dx [inputs][frames].
void conv_backward(const conv_net_t *self, const float *weights, const float *workspace,
    const float *dy, float *grads, float *dx, float *scratch);

// For tests: no wider vectors than those of level 2 (AVX-512), 1 (AVX2) or 0 (of any CPU).
void conv_limit(int level);

#endif
