// SPDX-License-Identifier: MIT
// Cabinets: a finite impulse response, without latency. Short ones are convolved directly; of long ones the
// first taps are, and what lies behind them goes in stages by spectra (up_pconv.h).
#ifndef UP_FIR_H
#define UP_FIR_H

#include "up_effect.h"
#include "up_pconv.h"

UP_BEGIN_C

#define UP_FIR_STEP 16 // taps and frames at a time; n_taps is a multiple of it
#define UP_FIR_MAX 8192
#define UP_FIR_STAGES 3 // of 16, 64 and 256 frames

// y[t] = (1 - mix) x[t] + mix g sum_k h[k] x[t - k], each sum of direct taps in one accumulator, k rising, on top
// of the stages' sums.
typedef struct {
    float rate_hz, level_db, mix;
    uint32_t n_taps; // written by Python
    uint32_t words;  // behind the struct: what n_taps take; where there are fewer, x passes through
    uint32_t past;   // the first of them that is no constant, as all behind it
    uint32_t loaded; // taps so far
    uint32_t at;     // in the ring of direct taps
    uint32_t tick;   // in the ring of the stages' input, 16 frames each
    uint32_t left, awake;
    up_glide_t dry, wet;
    up_pconv_at_t stages[UP_FIR_STAGES];
} up_fir_t;
void up_fir(float *x, size_t n_frames, void *state, size_t bytes);

// [setup] Writes `words` and `past`, and if there are so many words, takes x as the next taps. `loaded` is 0 at first.
typedef up_fir_t up_fir_load_t;
void up_fir_load(float *x, size_t n_frames, void *state, size_t bytes);

// y[p] += sum_k h[k] x[p - k], p = 0..7, k = 0..16 steps - 1 in order, each sum in one accumulator.
// Reads x from -16 steps to 7.
void up_fir_eight(const float *h, const float *x, float *y, uint32_t steps);

#define UP_FIR(X) \
    X(fir) X(fir_load)

UP_END_C

#endif
