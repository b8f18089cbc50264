// SPDX-License-Identifier: MIT
// Effects that know or change the pitch: octave, pitch shift, tuner.
#ifndef UP_PITCH_H
#define UP_PITCH_H

#include "up_effect.h"

UP_BEGIN_C

// Octaves of one note. Down: a flip-flop, turned over by each period, changes the sign of the band-passed
// fundamental where it rises through zero. Up: a full-wave rectifier.
typedef struct {
    float rate_hz, dry, up, down, tone_hz; // levels 0..2, low-pass of the octave down
    float slow;                 // high-pass
    float first, sum, poles[6]; // what leaves the fundamental: each frame, of UP_CONTROL frames, each such sum
    float band, low;            // state variable filter that follows the note
    float smooth, soft, mean;   // octave down behind its tone; octave up before and behind
    float sign;                 // the flip-flop
    uint32_t last, armed;       // bits of the filter's last output; 1 << 31 where the next rise turns over
    uint32_t since, wait;       // frames since it turned over, and before it is armed again
    uint32_t count, turn;       // looks since the last period; to the next one at the coefficients
    float note_hz;
    float b1, b2, b3, k_tone, k_slow, k_first, k_pole, k_drift, k_soft; // coefficients
    uint32_t left, awake;
    up_glide_t g_dry, g_up, g_down;
} up_octave_t;
void up_octave(float *x, size_t n_frames, void *state, size_t bytes);

// Pitch by a reading head that runs faster or slower than the writing one. Before it runs out of its stretch of
// the line it jumps back by a whole number of periods: where the line looks most like what lies at the head.
// Behind the struct: the line of n frames, a power of two, and 4 of its first ones again; sums of eight frames
// of it, twice, and 8 again; what is looked for, of UP_SHIFT_WINDOW such sums.
typedef struct {
    float rate_hz, semitones, cents, mix, window_ms, overlap_ms;
    uint32_t at;              // where the next frame is written
    int32_t delay, old_delay; // of the head and of the one that fades out, frames * 65536
    int32_t step;             // of the delay, a frame
    float fade, fade_step;    // share of the old head
    uint32_t stage, here;     // of the search; the sum behind the head when it began
    uint32_t tried, best;     // lags tried, and which of them differed least
    float least, before, after, last; // differences: of the best, of those beside it, of the last one
    float energy;             // of the sums that the next lag compares
    float lag;                // the best, in frames
    uint32_t left, awake;
    float pitch; // semitones, gliding
    uint32_t turn; // to the next look at it where it stands still
    up_glide_t dry, wet;
} up_pitchshift_t;
#define UP_SHIFT_WINDOW 64
#define UP_SHIFT_EXTRA(n) ((n) + 4 + 2 * ((n) / 8) + 8 + UP_SHIFT_WINDOW)
void up_pitchshift(float *x, size_t n_frames, void *state, size_t bytes);

// Tuner: the period of what it hears, by the normalised square difference function of McLeod and Wyvill
// ("A smarter way to find pitch", 2005) at about 6 kHz, made exact at a multiple of the period.
#define UP_TUNER_RING 1024   // the low-passed signal; also the number of its words
#define UP_TUNER_WINDOW 384  // products a lag
#define UP_TUNER_LAGS 216    // 0..215: down to 28 Hz
#define UP_TUNER_FAR 416     // the longest multiple of the period
#define UP_TUNER_HELD 832    // newest of the ring, held while it is looked at
#define UP_TUNER_EXTRA (UP_TUNER_RING + UP_TUNER_HELD + UP_TUNER_WINDOW + UP_TUNER_LAGS)
typedef struct {
    float rate_hz, mute, a4_hz; // mute: 0 or 1
    float frequency_hz, confidence; // what it found: 0 where there is none
    float low1, low2, slow, sum;
    float low;                    // coefficient of the low-pass
    uint32_t decimation, phase;   // frames a word of the ring, and of the next one
    uint32_t at;                  // in the ring
    uint32_t from;                // where in the ring the held part begins
    uint32_t stage, base, part;   // of the search: smallest lag of eight, parts of the window done
    float sums[8];
    float whole, moved;           // energy of the window, and of the one `base` behind
    float period, height;         // in samples of the ring
    uint32_t times;               // periods in the lag that is looked at
    uint32_t left, awake;
    up_glide_t gain;
} up_tuner_t;
void up_tuner(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_PITCH(X) \
    X(octave) \
    X(pitchshift) \
    X(tuner)

UP_END_C

#endif
