// SPDX-License-Identifier: MIT
// Causal dilated convolution; see up_conv1d.h. The history is a ring of frames, so a step costs
// no copying of history, whatever the dilation.
#include "up_conv1d.h"

enum { CONV1D_FEW = 8, CONV1D_GATHER = 128 };

void up_conv1d_layout(up_conv1d_t *self, up_arena_t *arena) {
    self->frames = (uint32_t)up_conv1d_history(self) + 1;
    self->ring = self->taps > 1 ? up_arena_take(arena, (size_t)self->frames * self->in * sizeof(float)) : NULL;
    self->at = 0;
}

void up_conv1d_reset(up_conv1d_t *self) {
    for (size_t i = 0; self->ring && i < (size_t)self->frames * self->in; i++) {
        self->ring[i] = 0.0f;
    }
    self->at = 0;
}

// The frame goes into the ring, over the one that no tap needs any more.
static void conv1d_push(up_conv1d_t *self, const float *in) {
    float *to = self->ring + (size_t)self->at * self->in;
    for (size_t i = 0; i < self->in; i++) {
        to[i] = in[i];
    }
    self->at = self->at + 1 == self->frames ? 0 : self->at + 1;
}

// acc = biases + all taps of one group of rows. `at` is the oldest frame, just behind the newest.
static const float *conv1d_taps(const up_conv1d_t *self, const float *w, float *acc, size_t g) {
    size_t frame = self->at, step = self->dilation, width = self->in, frames = self->frames;
    const float *from = w;
    w += g;
    if (step == 1) { // taps lie side by side: as few calls as there are stretches
        size_t first = frames - frame;
        w = up_matvec_cols(w, self->ring + frame * width, from, acc, g, first * width);
        return first == frames ? w : up_matvec_cols(w, self->ring, acc, acc, g, (frames - first) * width);
    }
    for (size_t k = 0; k < self->taps; k++) {
        w = up_matvec_cols(w, self->ring + frame * width, from, acc, g, width);
        from = acc;
        frame += step;
        frame = frame >= frames ? frame - frames : frame;
    }
    return w;
}

// All columns of a frame side by side: taps of few channels cost more in calls than in copying.
static void conv1d_gather(const up_conv1d_t *self, const float *side, float *v) {
    size_t frame = self->at, width = self->in, frames = self->frames;
    for (size_t k = self->taps; k; k--) {
        const float *x = self->ring + frame * width;
        for (size_t i = width; i; i--) {
            *v++ = *x++;
        }
        frame += self->dilation;
        frame = frame >= frames ? frame - frames : frame;
    }
    for (size_t i = self->side; i; i--) {
        *v++ = *side++;
    }
}

// One output frame, rows padded: what is beyond `out` is written over by the next frame.
static void conv1d_frame(const up_conv1d_t *self, const float *in, const float *side, float *out) {
    const float *w = self->weight;
    for (size_t left = up_rows_padded(self->out); left;) {
        size_t g = left < UP_GROUP ? left : UP_GROUP;
        w = self->ring ? conv1d_taps(self, w, out, g) : up_matvec_cols(w + g, in, w, out, g, self->in);
        if (self->side) {
            w = up_matvec_cols(w, side, out, out, g, self->side);
        }
        out += g;
        left -= g;
    }
}

void up_conv1d_process(up_conv1d_t *self, const float *in, const float *side, float *UP_RESTRICT out, size_t n_frames) {
    float v[CONV1D_GATHER];
    size_t cols = (size_t)self->taps * self->in + self->side;
    bool gather = self->ring && self->in < CONV1D_FEW && cols <= CONV1D_GATHER;
    for (size_t t = 0; t < n_frames; t++, in += self->in, side += self->side, out += self->out) {
        if (self->ring) {
            conv1d_push(self, in);
        }
        if (gather) {
            conv1d_gather(self, side, v);
            up_matvec(self->weight, v, out, self->out, cols);
        } else {
            conv1d_frame(self, in, side, out);
        }
    }
}
