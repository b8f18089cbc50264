// SPDX-License-Identifier: MIT
// Causal dilated convolution over a stream, with an optional side input of the current frame:
//     y[o, t] = bias[o] + sum_k sum_i w[o, k, i] * x[i, t - (taps - 1 - k) * dilation]
//                       + sum_s w[o, side s] * c[s, t]
// k = 0 is the oldest tap. With taps == 1 it is a dense layer and needs no history.
// Signals lie in planes of UP_CHUNK frames, a plane a channel.
#ifndef UP_CONV1D_H
#define UP_CONV1D_H

#include "up_act.h"
#include "up_matvec.h"

UP_BEGIN_C

enum { UP_FINISH_LINEAR, UP_FINISH_LEAKY, UP_FINISH_LOOK };

// What may be done to the sums of a tile while they are at hand: an activation, then planes that are added.
typedef struct {
    const up_node_t *table; // UP_FINISH_LOOK
    const float *plus;      // NULL: none
    float slope;            // UP_FINISH_LEAKY: above 0, at most 1
    uint8_t act;            // UP_FINISH_
} up_finish_t;

typedef struct {
    const float *weight; // matrix of `out` rows, taps * in + side columns; not owned
    float *past;         // [in] planes: history and, but for a ring, a chunk; NULL when taps == 1
    const float **table; // [taps * in + side]: where each column lies, where that mostly stays; else NULL
    float *cut;          // [in] planes of UP_CHUNK for a tap that the end of a ring cuts; not owned, shared by layers
    uint32_t frames, at; // length of a plane, and where the next input frame goes
    uint16_t in, out, side, taps, dilation;
} up_conv1d_t;

// Frames of input before the current one that an output depends on.
static inline size_t up_conv1d_history(const up_conv1d_t *self) {
    return (size_t)(self->taps - 1) * self->dilation;
}

// One that needs `cut`, which the caller sets.
static inline bool up_conv1d_is_ring(const up_conv1d_t *self) {
    return self->taps > 1 && self->dilation >= UP_CHUNK;
}

void up_conv1d_layout(up_conv1d_t *self, up_arena_t *arena); // [setup]
void up_conv1d_reset(up_conv1d_t *self);                     // [setup]
// [audio] n_frames, up to UP_CHUNK, of planes; out overlaps neither in nor side and has as many planes as the
// matrix has rows with its padding. in and side are read, and out is written, up to the next multiple of 8 frames.
// finish: what follows, or NULL; false: it is still to be done.
bool up_conv1d_process(up_conv1d_t *self, const float *in, const float *side, const up_finish_t *finish,
    float *UP_RESTRICT out, size_t n_frames);

// Where convolutions of 2 to 4 outputs can take what follows them along.
#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#define UP_CONV1D_BLOCKS 1
#endif

// What is done to the outputs y of a convolution while they are at hand: activation, then to = sum + y, then
// out = mix . y + plus. Planes as above; to and out may be none of those that the convolution reads.
typedef struct {
    up_finish_t finish; // plus: of the mix
    const float *sum;   // NULL: none
    float *to;
    const float *mix;   // a square matrix, or NULL: neither mix nor out
    float *out;
} up_block_t;

// Has it few enough outputs and columns for up_conv1d_block?
bool up_conv1d_is_block(const up_conv1d_t *self);
void up_conv1d_block(up_conv1d_t *self, const float *in, const float *side, const up_block_t *block, size_t n_frames); // [audio]

UP_END_C

#endif
