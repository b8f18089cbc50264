// SPDX-License-Identifier: MIT
// Audio made 8-bit, many channels of it, each with noise of its own (models/SPEC.md, op dither).
// Noise is xorshift32, triangular over 2 LSB; "shaped" goes through a Butterworth high-pass:
//     y[n] = (b * (t[n] - 2 t[n-1] + t[n-2]) - a1 * y[n-1] - a2 * y[n-2] + 8192) >> 14
//     out  = limit((64 * audio + d + 8192) >> 14, -128, 127)     d: 0, t or 2 y
#ifndef UP_DITHER_H
#define UP_DITHER_H

#include "up_q.h"

UP_BEGIN_C

enum { UP_DITHER_NONE, UP_DITHER_WHITE, UP_DITHER_SHAPED, UP_DITHER_COUNT };
#define UP_DITHER_MOST_B 8192
#define UP_DITHER_MOST_A 40000 // |a1| + |a2|: with y in int16 no sum leaves int32
#define UP_DITHER_MOST_GAIN 7

typedef struct {
    uint32_t s;
    int32_t t1, t2, y1, y2; // last and last but one
} up_noise_t;

typedef struct {
    up_noise_t *noise; // [channels]
    uint32_t seed;
    int32_t b, a1, a2;
    uint16_t channels;
    uint8_t kind, gain;
} up_dither_t;

// All but noise is set.
void up_dither_layout(up_dither_t *self, up_arena_t *arena); // [setup]
void up_dither_reset(up_dither_t *self);                     // [setup]
// [audio] one channel's plane in -> planes out
void up_dither_process(up_dither_t *self, const int16_t *in, int16_t *out, size_t n_frames);

UP_END_C

#endif
