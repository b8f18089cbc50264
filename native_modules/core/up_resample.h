// SPDX-License-Identifier: MIT
// A stream of 44.1 kHz to 48 kHz, or back: a polyphase filter of the fixed ratio 160/147.
//     y[i] = gain * sum_k x[k] * h(i * to - k * from - extra)
// in ticks of 1/7056000 s, of which a frame at 44.1 kHz has 160 and one at 48 kHz 147. h spans 6400
// ticks (40 taps at 44.1 kHz; 44, stored as 48, at 48 kHz). Measured: within 0.07 dB to 19.5 kHz, within 0.001 dB to
// 18 kHz; images and aliases that reach below 19.5 kHz are 80 dB down or more.
// The coefficients are computed into the arena: as constants they would be 50 kB of code.
#ifndef UP_RESAMPLE_H
#define UP_RESAMPLE_H

#include "up_core.h"

UP_BEGIN_C

#define UP_RESAMPLE_TICKS_HZ 7056000u
#define UP_RESAMPLE_DELAY 3200u // ticks, without `extra`
#define UP_RESAMPLE_SLACK 4u    // frames of input that may wait for room in the output

typedef struct {
    float *table;         // [phases][taps], oldest tap first
    float *past;          // [taps + UP_RESAMPLE_SLACK + one stretch]
    const void *home;     // own address, to notice a move
    uint32_t at, phase;   // next output: its newest frame in `past`, and ticks after that frame
    uint32_t have;        // frames in `past`
    uint16_t phases, taps, step, extra; // ticks an input frame; taps; ticks an output frame; added delay
} up_resample_t;

// Whether the two rates are the pair, in either order.
static inline bool up_resample_ok(uint32_t from_hz, uint32_t to_hz) {
    return (from_hz == 44100 && to_hz == 48000) || (from_hz == 48000 && to_hz == 44100);
}

// [setup] The state lies at the arena's start, the rest behind it; NULL when measuring or full.
// extra: ticks of delay to add, less than an input frame's.
up_resample_t *up_resample_layout(uint32_t from_hz, uint32_t to_hz, uint32_t extra, up_arena_t *arena);
void up_resample_fill(up_resample_t *self);  // [setup] the table, once
void up_resample_reset(up_resample_t *self); // [setup] silence behind

// [audio] Output frames there will be once n_in more have come in.
size_t up_resample_ready(const up_resample_t *self, size_t n_in);
// [audio] Takes all of `in`, writes what is ready, at most n_out; returns the frames written. Where
// more than UP_RESAMPLE_SLACK frames would have to wait for room, output is dropped. A frame that
// is not finite counts as silence. in and out do not overlap.
size_t up_resample_process(up_resample_t *self, const float *in, size_t n_in, float *UP_RESTRICT out, size_t n_out);

UP_END_C

#endif
