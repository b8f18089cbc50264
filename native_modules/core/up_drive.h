// SPDX-License-Identifier: MIT
// Effects that bend the waveform. All but the boost share one clipper: the signal at 1, 2, 4 or 8 times the
// rate, through a curve whose steps are averaged, and back.
#ifndef UP_DRIVE_H
#define UP_DRIVE_H

#include "up_effect.h"

UP_BEGIN_C

enum { UP_CLIP_SOFT, UP_CLIP_HARD, UP_CLIP_ASYMMETRIC, UP_CLIP_FOLD };

// Half-band filters up and down, the curve, and the one-pole filters around it. All zeros is at rest.
typedef struct {
    float up[16], down[16]; // of the stages: 7, 5, 4
    float x, root;          // the curve's last input; its square root or clipped value
    float pre, mean, dc, post;
    float fade, fade_step; // of the output, while mode changes; fade is 1 - gain
    uint32_t mode;         // 1 + 4 * clip + log2(oversample), as it is running; 0 at rest
} up_clipper_t;

// Boost: y = g (x + (t - 1) h), h = x through a first-order high-pass of frequency_hz, t = treble_db as a gain.
typedef struct {
    float rate_hz, gain_db, treble_db, frequency_hz;
    up_glide_t gain, treble, corner;
    float low;
    uint32_t left, awake;
} up_boost_t;
void up_boost(float *x, size_t n_frames, void *state, size_t bytes);

// Overdrive: u = x + (g - 1) h, h = x above 720 Hz; u clipped; a low-pass that tone opens.
typedef struct {
    float rate_hz, drive_db, tone, level_db, clipping, oversample; // clipping: 0 symmetric, 1 asymmetric
    up_glide_t drive, corner, level;
    up_clipper_t clip;
    float low; // share of the 720 Hz low-pass
    uint32_t left, awake;
} up_overdrive_t;
void up_overdrive(float *x, size_t n_frames, void *state, size_t bytes);

// Distortion: gain, curve, low-pass, gain.
typedef struct {
    float rate_hz, drive, pre_gain_db, post_gain_db, mode, tone_hz, oversample;
    up_glide_t pre, corner, level;
    up_clipper_t clip;
    uint32_t left, awake;
} up_distortion_t;
void up_distortion(float *x, size_t n_frames, void *state, size_t bytes);

// Fuzz: gain, part of the signal turned positive, an offset that follows it, a dead zone, a lopsided clipper,
// low-pass.
typedef struct {
    float rate_hz, sustain_db, bias, octave, tone_hz, level_db, oversample;
    up_glide_t pre, dead, octave_now, corner, level;
    up_clipper_t clip;
    float before; // the dead zone's last input
    uint32_t left, awake;
} up_fuzz_t;
void up_fuzz(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_DRIVE(X) \
    X(boost) X(overdrive) X(distortion) X(fuzz)

UP_END_C

#endif
