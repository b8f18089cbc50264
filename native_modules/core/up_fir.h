// SPDX-License-Identifier: MIT
// Cabinets: a finite impulse response, convolved directly.
#ifndef UP_FIR_H
#define UP_FIR_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_FIR_STEP 16 // taps and frames at a time; n_taps is a multiple of it
#define UP_FIR_MAX 4096

// Words behind the struct: the taps, then a ring of n_taps + 16 inputs, twice, and 16 more.
#define UP_FIR_EXTRA(n_taps) (3 * (n_taps) + 3 * UP_FIR_STEP)

// y[t] = (1 - mix) x[t] + mix g sum_k h[k] x[t - k], each sum in one accumulator, k rising.
typedef struct {
    float rate_hz, level_db, mix;
    uint32_t n_taps; // written by Python with the taps; what does not fit in the memory passes x through
    uint32_t at;     // in the ring
    uint32_t left, awake;
    up_glide_t dry, wet;
} up_fir_t;
void up_fir(float *x, size_t n_frames, void *state, size_t bytes);

// y[p] += sum_k h[k] x[p - k], p = 0..7, k = 0..16 steps - 1 in order, each sum in one accumulator.
// Reads x from -16 steps to 7.
void up_fir_eight(const float *h, const float *x, float *y, uint32_t steps);

#define UP_FIR(X) \
    X(fir)

UP_END_C

#endif
