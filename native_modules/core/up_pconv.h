// SPDX-License-Identifier: MIT
// A stage of a convolution: taps `from` on, in partitions of `size`, each multiplied as a spectrum.
//
// y[t] = sum of h[k] x[t - k] for k = from .. from + parts * size - 1
//
// Uniformly partitioned overlap-add (Stockham 1966; Kulp 1988) with transforms of up_fft.h. A block of frames is
// worked on while the next one comes in: each tick, 16 frames, does an equal share, so that no tick costs much more
// than the mean. That is why a stage begins 2 size behind the newest frame: its sums are there when they are needed,
// and nothing is delayed. A stage of 16 does all its work at once, and begins 16 behind.
#ifndef UP_PCONV_H
#define UP_PCONV_H

#include "up_fft.h"

UP_BEGIN_C

#define UP_PCONV_TICK 16
#define UP_PCONV_FROM(size) ((size) > UP_PCONV_TICK ? 2 * (size) : UP_PCONV_TICK)

// Words of its spectra of taps, and of what it remembers.
#define UP_PCONV_TAPS(size, parts) (2 * (size) * (parts))
#define UP_PCONV_PAST(size, parts) (2 * (size) * (parts) + 6 * (size))

typedef struct {
    uint32_t slot; // of the newest spectrum
    uint32_t turn; // of the three sums: being made, played, before that
} up_pconv_at_t;

typedef struct {
    up_fft_t fft;
    uint32_t parts;
    float *taps;       // [four of points][part][8]; not owned, like the rest
    float *past;       // the same of the input, newest at `slot`, then older ones, round about
    float *sums;       // [3][four of points][8]
    up_pconv_at_t *at; // may hold anything
} up_pconv_t;

// [setup] The spectrum of taps, `size` of them, which are scaled by 1 / size.
void up_pconv_put(const up_pconv_t *self, uint32_t part, const float *taps);

// Before the frames of tick t, 0 .. size / 16 - 1, of a block: its share of the work on `block`, the frames before.
void up_pconv_work(const up_pconv_t *self, uint32_t tick, const float *block);

// y[0..n) += the stage's sums for the frames from `frame` on of the block.
void up_pconv_add(const up_pconv_t *self, uint32_t frame, float *y, size_t n);

UP_END_C

#endif
