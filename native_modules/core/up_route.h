// SPDX-License-Identifier: MIT
// What joins effects: dry and wet, two branches, and what moves parameters. Kernels as up_effect.h says.
#ifndef UP_ROUTE_H
#define UP_ROUTE_H

#include "up_effect.h"

UP_BEGIN_C

// Where a position 0..1 takes a parameter: low + (high - low) p, with curve > 0 low (high / low)^p, with curve < 0
// the nearest whole number, 0..255: a choice.
typedef struct {
    float index, low, high, curve; // index: of the word in the effect's state
} up_route_t;

// Writes the parameter; nothing where index is outside 1..n_words-1.
void up_route_put(const up_route_t *self, float *words, size_t n_words, float position);

// Level: x *= 10^(db / 20); silence at -150 dB and below.
typedef struct {
    float rate_hz, db;
    up_glide_t gain;
    uint32_t left, awake;
} up_gain_t;
void up_gain(float *x, size_t n_frames, void *state, size_t bytes);

// A model's knobs glide: x, their present values, moves towards the targets behind the struct, once a block.
// Behind the targets comes one more word, the block's frames.
typedef struct {
    float rate_hz;
} up_knobs_t;
void up_knobs(float *x, size_t n_words, void *state, size_t bytes);

// Bypass and mix. keep() holds the block back, blend() then makes x = dry (1 - wet) + x wet. Block by block:
// one keep(), one blend(). `held` frames lie behind the struct; longer blocks are blended as far as it goes.
typedef struct {
    float rate_hz, wet, fade_ms; // fade_ms: of a change from 0 to 1, linear
    float now;
    uint32_t awake;
} up_blend_t;
void up_keep(float *x, size_t n_frames, void *state, size_t bytes);
void up_blend(float *x, size_t n_frames, void *state, size_t bytes);

// fork() copies the block to the other branch, join() mixes it in: x = a x + b other.
typedef struct {
    float rate_hz, a, b;
    up_glide_t glide_a, glide_b;
    uint32_t left, awake;
} up_join_t; // behind it: the other branch's block
void up_fork(float *x, size_t n_frames, void *state, size_t bytes);
void up_join(float *x, size_t n_frames, void *state, size_t bytes);

// A low-frequency oscillator, a step of `frames` a call. x is here the state of the effect it moves.
enum { UP_LFO_SINE, UP_LFO_TRIANGLE, UP_LFO_SQUARE, UP_LFO_RISING, UP_LFO_FALLING, UP_LFO_RANDOM };
typedef struct {
    float rate_hz, speed_hz, shape, offset, frames; // offset: turns
    up_route_t route;
    float phase, held;
    uint32_t random;
} up_lfo_t;
void up_lfo(float *x, size_t n_words, void *state, size_t bytes);

// An envelope follower: follow() listens to a block, send() moves the parameter (x: the effect's state).
typedef struct {
    float rate_hz, attack_ms, release_ms, floor_db, top_db; // positions 0 and 1
    up_route_t route;
    float level; // the rectified signal, smoothed
} up_follow_t;
void up_follow(float *x, size_t n_frames, void *state, size_t bytes);
void up_send(float *x, size_t n_words, void *state, size_t bytes);

#define up_keep_t up_blend_t
#define up_fork_t up_join_t
#define up_send_t up_follow_t
#define UP_ROUTE(X) X(gain) X(knobs) X(keep) X(blend) X(fork) X(join) X(lfo) X(follow) X(send)

UP_END_C

#endif
