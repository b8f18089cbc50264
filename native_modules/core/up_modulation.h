// SPDX-License-Identifier: MIT
// Effects that an oscillator moves.
#ifndef UP_MODULATION_H
#define UP_MODULATION_H

#include "up_effect.h"

UP_BEGIN_C

// Tremolo: y = x (1 - depth (1 - w) / 2), w a sine or a softened square of speed_hz, -1..1.
typedef struct {
    float rate_hz, speed_hz, depth, shape; // shape: 0 sine .. 1 square
    float phase; // turns
    up_glide_t gain;
    uint32_t left, awake;
} up_tremolo_t;
void up_tremolo(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_MODULATION(X) \
    X(tremolo)

UP_END_C

#endif
