// SPDX-License-Identifier: MIT
// Filters: tone controls, parametric equaliser, one filter that moves, wah.
//
// All of them are made of one second-order section, the state variable filter with trapezoidal integrators:
//
//     v1 = (s1 + g (x - s2)) / (1 + g (g + k)),  v2 = s2 + g v1,  s1' = 2 v1 - s1,  s2' = 2 v2 - s2
//     y = m0 x + m1 v1 + m2 v2,    g = tan(pi f / rate), k = 1 / Q
//
// (Andrew Simper, "Solving the continuous SVF equations using trapezoidal integration and equivalent
// currents", 2013.) v1 is the band-pass divided by k, v2 the low-pass. Its states are the capacitors'
// charges, so its coefficients may move while it runs.
#ifndef UP_FILTER_H
#define UP_FILTER_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_FILTER_CONTROL 32 // frames between two looks at the parameters

typedef struct {
    float a1, a2, g, m0, m1, m2; // a1 = 1 / (1 + g (g + k)), a2 = g a1
} up_svf_coef_t;

// A section. Pitch, level and damping are on their way to the parameters, a step every UP_FILTER_CONTROL
// frames; in between the coefficients move along straight lines.
typedef struct {
    uint32_t seen[3], moving;    // parameters as last seen; 0: stands still, 1: arrived, else on its way
    float pitch, level, k;       // log2 of the frequency in Hz, dB or share, 1 / Q
    up_svf_coef_t now, step;
    float s1, s2;
} up_svf_t;

// Tone: low shelf at 160 Hz, peak at mid_hz (Q 0.7), high shelf at 2800 Hz.
typedef struct {
    float rate_hz, bass_db, mid_db, treble_db, mid_hz;
    uint32_t left, awake, moving;
    float known_hz;
    up_svf_t band[3];
} up_tone_t;
void up_tone(float *x, size_t n_frames, void *state, size_t bytes);

// Equaliser: low cut, low shelf, peak, peak, high shelf, high cut; cuts of 12 dB an octave (Butterworth).
typedef struct {
    float rate_hz, low_cut_hz;
    float shelf[4][3]; // Hz, dB, Q of low, mid1, mid2, high
    float high_cut_hz;
    uint32_t left, awake, moving; // moving: 1 the first three sections, 2 the others
    float known_hz;
    up_svf_t band[6];
} up_eq_t;
void up_eq(float *x, size_t n_frames, void *state, size_t bytes);

// Filter: low-pass, high-pass, band-pass (peak 0 dB) or notch (mode 0..3).
typedef struct {
    float rate_hz, mode, frequency_hz, q, mix;
    uint32_t left, awake, moving;
    float known_hz, low, band, high; // of its outputs, on their way
    up_svf_t svf;
} up_filter_t;
void up_filter(float *x, size_t n_frames, void *state, size_t bytes);

// Wah: band-pass with a peak of +10 dB at low_hz (high_hz / low_hz)^p. p is the pedal's position (mode 0), or
// min(1, 10^(sensitivity_db / 20) envelope) (mode 1), or one less that (mode 2).
typedef struct {
    float rate_hz, mode, position, low_hz, high_hz, q, sensitivity_db, attack_ms, release_ms, mix;
    uint32_t left, awake, moving, peak; // peak: the bits of the largest magnitude since the last control
    float known_hz, envelope;
    uint32_t seen[3], known[3];
    float heel, toe, rise, fall, gain; // log2 of Hz; the follower's coefficients
    up_svf_t svf;
} up_wah_t;
void up_wah(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_FILTER(X) \
    X(tone) \
    X(eq) \
    X(filter) \
    X(wah)

UP_END_C

#endif
