// SPDX-License-Identifier: MIT
// Effects that follow the level. All look at the largest magnitude of the last 12 to 16 ms: half a period of
// the lowest string lies in there, so the level of a held note stands still, and falls at once when it ends.
#ifndef UP_DYNAMICS_H
#define UP_DYNAMICS_H

#include "up_effect.h"

UP_BEGIN_C

// The largest value put in lately: three buckets of 4 ms that are full, and one being filled.
typedef struct {
    float past[3], now;
    uint32_t left; // puts until the bucket is full
} up_window_t;

// Gate: opens at threshold_db; closes when the level was hysteresis_db lower for hold_ms. The gain rises in a
// straight line over attack_ms, and falls by equal ratios to range_db in release_ms.
typedef struct {
    float rate_hz, threshold_db, hysteresis_db, attack_ms, hold_ms, release_ms, range_db;
    up_window_t window;
    up_glide_t gain;
    float held;          // frames below the closing threshold
    uint32_t open, peak; // peak: bits of the largest magnitude since the last look
    uint32_t left, awake;
} up_gate_t;
void up_gate(float *x, size_t n_frames, void *state, size_t bytes);

// Compressor: Giannoulis, Massberg and Reiss, "Digital dynamic range compressor design", 2012: feed-forward,
// soft knee (eq. 4), smoothed in dB with one pole for attack and one for release (eq. 16).
typedef struct {
    float rate_hz, threshold_db, ratio, knee_db, attack_ms, release_ms, makeup_db, mix;
    float reduction_db; // positive; Python reads it
    up_window_t window;
    up_glide_t gain, threshold, slope, knee, makeup, mix_now;
    float level, level_db; // the last one, and in dB
    float attack, release; // shares of the way in UP_COMPRESSOR_STEP frames
    uint32_t bucket, peak, left, awake;
} up_compressor_t;
#define UP_COMPRESSOR_STEP 8 // frames between two gains
void up_compressor(float *x, size_t n_frames, void *state, size_t bytes);

// Limiter: the delay is 5 groups of UP_CONTROL frames. Of each group the gain it needs is known; the least
// of 5 in a row, let rise no faster than release_ms, and the mean of 4 of those: lines between such means are
// nowhere above what the group under them needs.
#define UP_LIMITER_GROUPS 5
typedef struct {
    float rate_hz, ceiling_db, release_ms;
    float reduction; // the lowest gain now; Python reads it
    float past[UP_LIMITER_GROUPS * UP_CONTROL], ceilings[UP_LIMITER_GROUPS]; // rings of groups
    float needs[UP_LIMITER_GROUPS], lows[UP_LIMITER_GROUPS - 1];             // newest first
    up_glide_t gain, ceiling;
    uint32_t slot, peak, left, awake;
} up_limiter_t;
void up_limiter(float *x, size_t n_frames, void *state, size_t bytes);

// Meter: changes nothing. peak falls by fall_db_s, mean_square forgets in rms_ms.
typedef struct {
    float rate_hz, rms_ms, fall_db_s;
    float peak, mean_square, highest, clips; // Python reads them; clips: frames at or over full scale
    float sum;                               // of squares since the last look
    uint32_t largest, over, left, awake;     // since the last look: bits of a magnitude, frames
} up_meter_t;
void up_meter(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_DYNAMICS(X) \
    X(gate) X(compressor) X(limiter) X(meter)

UP_END_C

#endif
