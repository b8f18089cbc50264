// SPDX-License-Identifier: MIT
// Echoes: a line that a tape's head reads, and what happens in its loop.
//
//     wet  = high_pass(low_pass(line[delay]))          one pole each, at tone_hz and low_cut_hz
//     line = f(send * x + decay * wet)                  f(u) = u - 4 u^3 / 27, at most 1, from u = 1.5 on
//     y    = min(1, 2 - 2 mix) x + min(1, 2 mix) wet
//
// What the line holds is scaled by g = 2^(3 saturation - 1), so that f bends earlier, and back.
//
// change 0, tape: the head moves to a new delay, no faster than an octave up or down, so the pitch bends;
// wow moves it too. Between samples it reads by a cubic through four (Catmull-Rom).
// change 1, digital: a second head fades in at the new delay.
//
// delay2 has a second line, and its echo goes to the right: x -> line 0 -> line 1 -> line 0 ...; x holds
// the left channel, and the last UP_RIGHT words of the state the right one of the first UP_RIGHT frames.
//
// Behind the struct lies the line of each channel: a multiple of 64 frames and a copy of its first 320, so
// that a head reads on past the end.
#ifndef UP_DELAY_H
#define UP_DELAY_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_DELAY_GUARD 320

typedef struct {
    uint32_t at; // first of the four samples under the head
    float on;    // frames it has moved since the parameters were looked at
} up_head_t;

typedef struct {
    float rate_hz, delay_ms, decay, mix, tone_hz, low_cut_hz, saturation, wow_hz, wow_percent, change, division, send;
    float beat_frames;           // of the rig's clock; 0: none
    up_glide_t in, back, dry, wet;
    float low[2], high[2];       // filters
    float low_k, high_k, tone_was, low_cut_was;
    up_head_t head[2];           // the second only while it fades in
    float speed;                 // frames a head moves in a frame
    float fade, fade_step;       // of the second head
    float way, wow_frames, wow, wow_phase, flutter_phase;
    uint32_t write, fading;      // fading: looks at the parameters left
    uint32_t frames, done;       // of a line; of this block
    uint32_t right;              // words from the first line to the right channel
    uint32_t left, awake;
} up_delay_t;
typedef up_delay_t up_delay2_t;
void up_delay(float *x, size_t n_frames, void *state, size_t bytes);
void up_delay2(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_DELAY(X) \
    X(delay) \
    X(delay2)

UP_END_C

#endif
