// SPDX-License-Identifier: MIT
// Reverb: a feedback delay network of eight lines (Jot and Chaigne, "Digital delay networks for designing
// artificial reverberators", 1991), their outputs joined by a Hadamard matrix, which loses nothing.
//
//     spring (0): low-pass at 4.5 kHz twice, ten stretched all-passes whose highs come late, network
//     plate (1):  four all-passes that make one sound many, short lines, network
//     hall (2):   the same, long lines
//
// Behind each line lies a one-pole low-pass b / (1 - p z^-1) whose gain at 1 kHz is 10^(-3 delay / decay_s), so
// a tone falls by 60 dB in decay_s, and at 6 kHz what makes that 1 - 0.9 damp times as long. Two lines of
// plate and hall are read by heads that drift, against ringing.
//
// type, decay_s, damp, predelay_ms, mix, send. The longest predelay and the lines shrink to the memory that there is.
// reverb2 leaves the right channel in the last UP_RIGHT words of the state, as delay2.
#ifndef UP_REVERB_H
#define UP_REVERB_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_REVERB_LINES 8
#define UP_REVERB_RINGS 13 // the lines, four all-passes, the predelay

typedef struct {
    float rate_hz, type, decay_s, damp, predelay_ms, mix, send;
    up_glide_t in, dry, wet;
    float gain[UP_REVERB_LINES], pole[UP_REVERB_LINES];       // of the low-passes, now
    float gain_to[UP_REVERB_LINES], pole_to[UP_REVERB_LINES]; // on their way to
    float z[UP_REVERB_LINES];
    up_glide_t drift[2];           // frames that a drifting head is ahead
    float phase[2], low[2];        // turns; of the spring's low-pass
    float decay_was, damp_was, level;
    float fade;                    // of the second tap
    uint32_t at[UP_REVERB_RINGS];
    uint32_t tap, next_tap, row;   // predelay, frames; of the spring's all-passes
    uint32_t stale, gliding;       // lines whose low-pass is due; looks until they all stand still
    uint32_t type_now;             // 1 + type
    uint32_t left, awake;
} up_reverb_t;
typedef up_reverb_t up_reverb2_t;
void up_reverb(float *x, size_t n_frames, void *state, size_t bytes);
void up_reverb2(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_REVERB(X) \
    X(reverb) \
    X(reverb2)

UP_END_C

#endif
