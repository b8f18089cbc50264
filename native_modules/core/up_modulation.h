// SPDX-License-Identifier: MIT
// Effects that an oscillator moves: tremolo, phaser, and delay lines read at a moving place.
//
// Oscillators count their phase in 2^-32 turns, a whole number every UP_MODULATION_CONTROL
// frames, so they never drift; what they move goes in straight lines in between. Parameters are looked at as often.
#ifndef UP_MODULATION_H
#define UP_MODULATION_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_MODULATION_CONTROL 32 // 0.7 ms at 48 kHz: these effects' controls cost more than others'

// Tremolo: y = x (1 - depth (1 - w) / 2), w a sine or a rounded square of speed_hz, -1..1.
typedef struct {
    float rate_hz, speed_hz, depth, shape; // shape: 0 sine .. 1 square
    uint32_t phase, left, awake;
    float deep, square; // depth and shape on their way
    up_glide_t gain;
} up_tremolo_t;
void up_tremolo(float *x, size_t n_frames, void *state, size_t bytes);

// Phaser: y = x + mix (A(w) - x), w = x + feedback A(w) one frame ago, A a chain of first-order all-passes
// (a + 1/z) / (1 + a/z), a = (g - 1) / (g + 1), g = tan(pi f / rate), each 90 degrees at
// f = frequency_hz 2^(2 depth sin). stages: 0..5 for 2, 4 .. 12.
#define UP_PHASER_STAGES 12
typedef struct {
    float rate_hz, speed_hz, frequency_hz, depth, feedback, stages, mix;
    uint32_t phase, left, awake, pairs;
    float known_hz, aim;       // frequency_hz as last seen, its log2
    float pitch, wide;         // that and depth in octaves, on their way
    up_glide_t a, loop, wet;
    float last, z[UP_PHASER_STAGES];
} up_phaser_t;
void up_phaser(float *x, size_t n_frames, void *state, size_t bytes);

// A place in a delay line that moves, in 2^-16 frames behind the newest.
typedef struct {
    int32_t delay, step;
} up_tap_t;

// What effects with a delay line keep; the line lies behind the struct, with UP_LINE_TAIL frames more.
typedef struct {
    uint32_t phase, left, awake;
    uint32_t frames, at; // length, made anew each call; where the next frame goes
} up_line_t;
#define UP_LINE_TAIL 96 // the first 64 to 95 frames once more behind the last: no read within a control wraps

// Chorus: y = (1 - mix) x + mix / sqrt(voices) sum x(t - delay_ms - depth_ms sin(...)); voices (0..3 for 1..4) are
// a half, a quarter and three quarters of a turn behind the first.
#define UP_CHORUS_VOICES 4
typedef struct {
    float rate_hz, speed_hz, delay_ms, depth_ms, voices, mix;
    up_line_t line;
    uint32_t count, settled; // voices that sound, and whether they are where they belong
    up_glide_t dry, wet;
    up_tap_t tap[UP_CHORUS_VOICES];
    float middle, deep; // delay_ms and depth_ms on their way
} up_chorus_t;
void up_chorus(float *x, size_t n_frames, void *state, size_t bytes);

// Vibrato: y = x(t - depth_ms (1 + sin)): the pitch deviates by a factor of 1 -+ 2 pi speed_hz depth_ms / 1000.
typedef struct {
    float rate_hz, speed_hz, depth_ms;
    up_line_t line;
    up_tap_t tap;
    float deep;
} up_vibrato_t;
void up_vibrato(float *x, size_t n_frames, void *state, size_t bytes);

// Flanger: w = x + feedback v, v = w(t - delay), y = (1 - mix) d + mix v; delay = delay_ms (1 + depth sin), d = x; or,
// through zero, delay = 5 ms + delay_ms depth sin, d = w(t - 5 ms).
#define UP_FLANGER_ZERO_MS 5.0f
typedef struct {
    float rate_hz, speed_hz, delay_ms, depth, feedback, through_zero, mix;
    up_line_t line;
    up_tap_t tap;
    float middle, deep; // delay and its swing in ms, on their way
    float energy, last; // of what came round since the last control; the last of it
    up_glide_t dry, late, wet, loop;
} up_flanger_t;
void up_flanger(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_MODULATION(X) \
    X(tremolo) \
    X(phaser) \
    X(chorus) \
    X(vibrato) \
    X(flanger)

UP_END_C

#endif
