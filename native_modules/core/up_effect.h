// SPDX-License-Identifier: MIT
// What every effect's kernel shares. A kernel changes one block in place:
//
//     void up_NAME(float *x, size_t n_frames, void *state, size_t bytes);
//
// Its state is a flat struct in the caller's memory, 4-byte aligned, at least sizeof(struct) long (the
// binding checks); delay lines and the like lie behind the struct, as far as `bytes` goes. The first word
// is the sample rate in Hz, then come the parameters in users' units, in the order of the Python class's
// PARAMS, then what the kernel keeps. Python clears what it keeps to zeros: that is "at rest", and the
// kernel then takes its parameters without gliding.
//
// Python can write any bytes there. A kernel may then sound wrong, but must neither read nor write outside
// x and its state, nor stay silent or infinite for ever: positions are checked where they are used.
//
// Parameters are looked at every UP_CONTROL frames of the stream (or a multiple), whatever the blocks, so any split of a
// signal into blocks gives the same bits.
#ifndef UP_EFFECT_H
#define UP_EFFECT_H

#include "up_core.h"
#include "up_math.h"

UP_BEGIN_C

#define UP_CONTROL 16      // frames between two looks at the parameters
#define UP_GLIDE_MS 8.0f   // time constant of a parameter on its way to a new value
#define UP_RIGHT 512       // words at the end of a stereo kernel's state: the right channel of the longest block

typedef void up_kernel_t(float *x, size_t n_frames, void *state, size_t bytes);

// A parameter on its way: now += step a frame.
typedef struct {
    float now, step;
} up_glide_t;

// Every UP_CONTROL frames: aim at target, and get there at once if the state is at rest.
UP_ONCE void up_glide(up_glide_t *self, float target, float rate_hz, bool at_rest) {
    // Steps far below the value's own last bit would not move it: the last -88 dB are one.
    float rest = target - self->now, small = up_fma(target < 0.0f ? -target : target, 4e-5f, 1e-7f);
    if (at_rest || !up_is_finite(rest) || (rest < small && -rest < small)) {
        self->now = up_is_finite(target) ? target : 0.0f;
        self->step = 0.0f;
        return;
    }
    float share = (float)UP_CONTROL / ((float)UP_CONTROL + rate_hz * (UP_GLIDE_MS * 1e-3f));
    self->step = rest * share * (1.0f / (float)UP_CONTROL);
}

// How many of n frames can be run until the parameters are due again; *left counts down over blocks.
static inline size_t up_until_control(uint32_t *left, size_t n) {
    size_t m = *left < n ? *left : n;
    *left -= (uint32_t)m;
    return m;
}

// Look at the parameters where they are due: at 0, and where `left` holds garbage, so no piece is longer than a period.
#define UP_DUE(period, left, control) \
    if ((left) - 1u >= (period)) { \
        control; \
        (left) = (period); \
    }

// A block in pieces that end where the parameters are due. `self` has `left` (uint32_t); control(self) and
// run(self, x, m) are static functions of the kernel.
#define UP_PIECES_OF(period, self, x, n, control, run) \
    while (n) { \
        UP_DUE(period, (self)->left, control(self)) \
        size_t m_ = up_until_control(&(self)->left, n); \
        run(self, x, m_); \
        x += m_; \
        n -= m_; \
    }
#define UP_PIECES(self, x, n, control, run) UP_PIECES_OF(UP_CONTROL, self, x, n, control, run)

// Keeps recursion from values that are not numbers, and from denormal ones, which are slow on a PC.
static inline float up_clean(float x) {
    uint32_t magnitude = up_bits(x) & 0x7fffffffu;
    return magnitude - 0x0d800000u < 0x7f800000u - 0x0d800000u ? x : 0.0f; // 2^-100 .. infinity
}

UP_END_C

#endif
