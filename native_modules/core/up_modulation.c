// SPDX-License-Identifier: MIT
// Effects that an oscillator moves; see up_modulation.h.
#include "up_modulation.h"

// A sine, driven towards a square by a clipper whose gain rises with shape.
static float tremolo_wave(float phase, float shape) {
    float s = up_sin_turns(phase), drive = up_fma(shape, 9.0f, 1.0f);
    return up_limit(s * drive, -1.0f, 1.0f);
}

static void tremolo_control(up_tremolo_t *self) {
    float turn = self->speed_hz * (float)UP_CONTROL / self->rate_hz;
    self->phase += up_limit(turn, 0.0f, 0.5f);
    self->phase -= self->phase >= 1.0f ? 1.0f : 0.0f;
    self->phase = up_limit(self->phase, 0.0f, 1.0f);
    float depth = up_limit(self->depth, 0.0f, 1.0f);
    float gain = up_fma(0.5f * depth, tremolo_wave(self->phase, up_limit(self->shape, 0.0f, 1.0f)) - 1.0f, 1.0f);
    self->gain.now = self->awake ? up_limit(self->gain.now, 0.0f, 1.0f) : gain;
    self->gain.step = (gain - self->gain.now) * (1.0f / (float)UP_CONTROL);
    self->awake = 1;
}

static void tremolo_run(up_tremolo_t *self, float *x, size_t n_frames) {
    float gain = self->gain.now, step = self->gain.step;
    for (size_t t = 0; t < n_frames; t++) {
        gain += step;
        x[t] *= gain;
    }
    self->gain.now = gain;
}

void up_tremolo(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_tremolo_t *self = state;
    UP_PIECES(self, x, n_frames, tremolo_control, tremolo_run)
}
