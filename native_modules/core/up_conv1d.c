// SPDX-License-Identifier: MIT
// Causal dilated convolution; see up_conv1d.h. The history is a ring of frames, so a step costs
// no copying of history, whatever the dilation.
#include "up_conv1d.h"

void up_conv1d_layout(up_conv1d_t *self, up_arena_t *arena, size_t max_frames) {
    self->frames = up_conv1d_history(self) + max_frames;
    self->ring = self->taps > 1 ? up_arena_take(arena, self->frames * self->in * sizeof(float)) : NULL;
    self->at = 0;
}

void up_conv1d_reset(up_conv1d_t *self) {
    for (size_t i = 0; self->ring && i < self->frames * self->in; i++) {
        self->ring[i] = 0.0f;
    }
    self->at = 0;
}

// Copies the chunk into the ring; returns where it begins there.
static size_t conv1d_push(up_conv1d_t *self, const float *in, size_t n_frames) {
    size_t at = self->at, begin = at, width = self->in;
    for (size_t t = 0; t < n_frames; t++) {
        float *to = self->ring + at * width;
        for (size_t i = 0; i < width; i++) {
            to[i] = *in++;
        }
        at = at + 1 == self->frames ? 0 : at + 1;
    }
    self->at = at;
    return begin;
}

// acc = biases + all taps of one group of rows, for the output whose newest input is ring frame `now`.
static const float *conv1d_taps(const up_conv1d_t *self, const float *w, float *acc, size_t g, size_t now) {
    size_t back = up_conv1d_history(self), step = self->dilation, width = self->in;
    size_t frame = now >= back ? now - back : now + self->frames - back;
    const float *from = w;
    w += g;
    for (size_t k = 0; k < self->taps; k++) {
        w = up_matvec_cols(w, self->ring + frame * width, from, acc, g, width);
        from = acc;
        frame += step;
        frame = frame >= self->frames ? frame - self->frames : frame;
    }
    return w;
}

// One output frame; `now` as above. Rows added by padding are computed, not written.
static void conv1d_frame(const up_conv1d_t *self, const float *in, float *out, size_t now) {
    const float *w = self->weight;
    float spare[UP_GROUP];
    size_t want = self->out;
    for (size_t left = up_rows_padded(want); left;) {
        size_t g = left < UP_GROUP ? left : UP_GROUP;
        float *acc = g <= want ? out : spare;
        w = self->ring ? conv1d_taps(self, w, acc, g, now) : up_matvec_cols(w + g, in, w, acc, g, self->in);
        for (size_t r = 0; acc == spare && r < want; r++) {
            out[r] = spare[r];
        }
        out += g;
        want -= g <= want ? g : want;
        left -= g;
    }
}

void up_conv1d_process(up_conv1d_t *self, const float *restrict in, float *restrict out, size_t n_frames) {
    size_t now = self->ring ? conv1d_push(self, in, n_frames) : 0;
    for (size_t t = 0; t < n_frames; t++, in += self->in, out += self->out) {
        conv1d_frame(self, in, out, now);
        now = now + 1 == self->frames ? 0 : now + 1;
    }
}
