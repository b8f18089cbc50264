// SPDX-License-Identifier: MIT
// Causal dilated convolution; see up_conv1d.h. The history is a ring of frames, so a step costs
// no copying of history, whatever the dilation.
#include "up_conv1d.h"

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

// One output frame. Rows added by padding are computed, not written.
static void conv1d_frame(const up_conv1d_t *self, const float *in, const float *side, float *out) {
    const float *w = self->weight;
    float spare[UP_GROUP];
    size_t want = self->out;
    for (size_t left = up_rows_padded(want); left;) {
        size_t g = left < UP_GROUP ? left : UP_GROUP;
        float *acc = g <= want ? out : spare;
        w = self->ring ? conv1d_taps(self, w, acc, g) : up_matvec_cols(w + g, in, w, acc, g, self->in);
        if (self->side) {
            w = up_matvec_cols(w, side, acc, acc, g, self->side);
        }
        for (size_t r = 0; acc == spare && r < want; r++) {
            out[r] = spare[r];
        }
        out += g;
        want -= g <= want ? g : want;
        left -= g;
    }
}

void up_conv1d_process(up_conv1d_t *self, const float *in, const float *side, float *restrict out, size_t n_frames) {
    for (size_t t = 0; t < n_frames; t++, in += self->in, side += self->side, out += self->out) {
        if (self->ring) {
            conv1d_push(self, in);
        }
        conv1d_frame(self, in, side, out);
    }
}
