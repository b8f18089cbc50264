// SPDX-License-Identifier: MIT
// Causal dilated convolution of integers (models/SPEC.md, op conv1d of q15 and q7): the columns of a chunk
// are gathered in planes, then multiplied by one matrix.
#ifndef UP_QCONV1D_H
#define UP_QCONV1D_H

#include "up_qmatvec.h"

UP_BEGIN_C

#if defined(UP_DSP)
#define UP_QBLOCKS 1
// What a convolution of three channels takes along (up_qblock_dsp.h).
typedef struct {
    bool on;
    int32_t *stream;       // weights, addresses and constants in the order of their use
    const int16_t *slopes; // [3]
    int32_t factors;       // the heads' in the low half, the output's in the high
    const int32_t *mix;    // the dense layer's matrix, or NULL
    int32_t factor;        // of what is added to it; 0: nothing
} up_qblock_t;

typedef struct {
    up_word_t *head;       // planes that the output is added to
    const up_word_t *plus; // planes that are added to the dense layer, or NULL
    up_word_t *out;        // its planes, or NULL
} up_qblock_io_t;
#endif

typedef struct {
    up_qmat_t mat;
    up_word_t *ring;     // [words of a frame][step], the past; NULL when taps == 1
    up_word_t *columns;  // [up_qconv1d_columns()][UP_CHUNK], shared by all layers
    uint32_t frames, at; // of the past, and where its oldest frame is
    uint32_t step;       // frames; of a short past UP_CHUNK more: it lies in order, the chunk is written behind it
    uint16_t in, side, taps, dilation;
    bool wide;     // writes the sum itself, int32
    bool diagonal; // the matrix is, and there is nothing to gather
    #if defined(UP_QBLOCKS)
    up_qblock_t block;
    #endif
} up_qconv1d_t;

// Columns of a tap: an odd number of channels is padded, one channel is not.
static inline size_t up_qconv1d_tap(size_t in) {
    return in == 1 ? 1 : up_even(in);
}

static inline size_t up_qconv1d_pairs(size_t in, size_t taps, size_t side) {
    return (up_even(up_qconv1d_tap(in) * taps) + up_even(side)) / 2;
}

// mat, in, side, taps, dilation, wide and columns are set.
void up_qconv1d_layout(up_qconv1d_t *self, up_arena_t *arena); // [setup]
void up_qconv1d_reset(up_qconv1d_t *self);                     // [setup]
size_t up_qconv1d_columns(const up_qconv1d_t *self);           // [setup]
// [audio] planes in, side -> out and what is done behind; wide: int32 [UP_CHUNK]. At most UP_CHUNK frames.
void up_qconv1d_process(up_qconv1d_t *self, const int16_t *in, const int16_t *side, const up_qafter_t *after, void *out, size_t n_frames);
#if defined(UP_QBLOCKS)
bool up_qconv1d_is_block(const up_qconv1d_t *self, const int16_t *slopes); // [setup] before its layout: is it such a layer's?
void up_qconv1d_block(up_qconv1d_t *self, const int16_t *in, const int16_t *side, const up_qblock_io_t *io, size_t n_frames); // [audio]
#endif

UP_END_C

#endif
