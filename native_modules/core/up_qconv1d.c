// SPDX-License-Identifier: MIT
// Causal dilated convolution of integers; see up_qconv1d.h.
#include "up_qconv1d.h"

void up_qconv1d_layout(up_qconv1d_t *self, up_arena_t *arena) {
    self->frames = (uint32_t)(self->taps - 1) * self->dilation + 2; // two frames are computed at a time
    size_t bytes = ((size_t)self->frames + 1) * up_qstride(self->in) * sizeof(int16_t);
    self->ring = self->taps > 1 ? up_arena_take(arena, bytes) : NULL;
    self->at = 0;
}

void up_qconv1d_reset(up_qconv1d_t *self) {
    for (size_t i = 0; self->ring && i < (self->frames + 1) * up_qstride(self->in); i++) {
        self->ring[i] = 0;
    }
    self->at = 0;
}

// A frame of up_qstride: one int16, or words in twos.
static inline void qconv1d_copy(int16_t *to, const int16_t *from, size_t stride) {
    if (stride == 1) {
        *to = *from;
        return;
    }
    up_word_t *t = (void *)to;
    const up_word_t *f = (const void *)from;
    if (stride & 4) {
        int32_t a = f[0], b = f[1];
        t[0] = a;
        t[1] = b;
        t += 2;
        f += 2;
    }
    for (size_t i = stride / 8; i; i--, t += 4, f += 4) {
        int32_t a = f[0], b = f[1], c = f[2], d = f[3];
        t[0] = a;
        t[1] = b;
        t[2] = c;
        t[3] = d;
    }
}

static inline void qconv1d_push(up_qconv1d_t *self, const int16_t *in, size_t stride) {
    qconv1d_copy(self->ring + self->at * stride, in, stride);
    if (self->at == 0) {
        qconv1d_copy(self->ring + self->frames * stride, in, stride);
    }
    self->at = self->at + 1 == self->frames ? 0 : self->at + 1;
}

static inline void qconv1d_two_words(up_word_t *v, const up_word_t *a, const up_word_t *b) {
    int32_t a0 = a[0], a1 = a[1], b0 = b[0], b1 = b[1];
    v[0] = a0;
    v[1] = b0;
    v[2] = a1;
    v[3] = b1;
}

// Words of two frames side by side.
static inline up_word_t *qconv1d_words(up_word_t *v, const up_word_t *a, const up_word_t *b, size_t words) {
    for (size_t i = words / 4; i; i--, v += 8, a += 4, b += 4) {
        qconv1d_two_words(v, a, b);
        qconv1d_two_words(v + 4, a + 2, b + 2);
    }
    if (words & 2) {
        qconv1d_two_words(v, a, b);
        v += 4;
        a += 2;
        b += 2;
    }
    if (words & 1) {
        v[0] = *a;
        v[1] = *b;
        v += 2;
    }
    return v;
}

// All taps, `words` a frame, from frame `first` on: the ring's copy of its first frame makes the frame behind
// any frame lie behind it.
static inline up_word_t *qconv1d_taps(const up_qconv1d_t *self, up_word_t *v, size_t first, size_t words) {
    size_t stride = up_qstride(self->in) / 2, step = self->dilation * stride, size = self->frames * stride;
    const up_word_t *from = (const void *)self->ring, *end = from + size, *p = from + first * stride;
    for (size_t k = self->taps; k; k--) {
        v = qconv1d_words(v, p, p + stride, words);
        p += step;
        p = p >= end ? p - size : p;
    }
    return v;
}

// One channel: two taps a word.
static up_word_t *qconv1d_taps_mono(const up_qconv1d_t *self, up_word_t *v, size_t first) {
    int16_t *half = (int16_t *)(void *)v;
    for (size_t k = 0; k < self->taps; k++) {
        half[0] = self->ring[first];
        half[2] = self->ring[first + 1];
        half += k & 1 ? 3 : 1;
        first += self->dilation;
        first = first >= self->frames ? first - self->frames : first;
    }
    if (self->taps & 1) {
        half[0] = half[2] = 0;
    }
    return v + up_even(self->taps);
}

// The columns of two frames, `first` being the oldest tap of the earlier one: [pairs][2].
static inline void qconv1d_gather(const up_qconv1d_t *self, size_t first, const int16_t *side, size_t side_step) {
    up_word_t *v = self->columns;
    switch (self->in == 1 ? 0 : (self->in + 1) / 2) { // constants: the copying unrolls
        case 0: v = qconv1d_taps_mono(self, v, first); break;
        case 2: v = qconv1d_taps(self, v, first, 2); break;
        case 4: v = qconv1d_taps(self, v, first, 4); break;
        default: v = qconv1d_taps(self, v, first, (self->in + 1u) / 2);
    }
    if (self->side == 1) {
        v[0] = (uint16_t)side[0];
        v[1] = (uint16_t)side[side_step];
    } else if (self->side) {
        qconv1d_words(v, (const void *)side, (const void *)(side + side_step), (self->side + 1u) / 2);
    }
}

static void qconv1d_store(const up_qconv1d_t *self, const up_word_t *v, void *out, size_t t) {
    if (self->wide) {
        ((int32_t *)out)[t] = up_qmat_sum(&self->mat, v);
    } else {
        up_qmat_one(&self->mat, v, (int16_t *)out + t * up_qstride(self->mat.rows));
    }
}

// The last frame of an odd number, and every frame of a single row: every other word of two frames'.
static void qconv1d_single(up_qconv1d_t *self, const int16_t *in, const int16_t *side, void *out, size_t t) {
    qconv1d_push(self, in, up_qstride(self->in));
    size_t back = (size_t)(self->taps - 1) * self->dilation, newest = self->at ? self->at - 1 : self->frames - 1;
    qconv1d_gather(self, newest >= back ? newest - back : newest + self->frames - back, side, 0);
    up_word_t *v = self->columns;
    for (size_t c = 1; c < self->mat.pairs; c++) {
        v[c] = v[2 * c];
    }
    qconv1d_store(self, v, out, t);
}

// Taps: two frames at a time.
static void qconv1d_gathered(up_qconv1d_t *self, const int16_t *in, const int16_t *side, void *out, size_t n_frames) {
    size_t step = up_qstride(self->in), side_step = self->side ? up_qstride(self->side) : 0, t = 0;
    size_t rows = up_qstride(self->mat.rows);
    int16_t *y = out;
    for (; self->mat.rows > 1 && t + 1 < n_frames; t += 2, in += 2 * step, side += 2 * side_step, y += 2 * rows) {
        qconv1d_push(self, in, step);
        qconv1d_push(self, in + step, step);
        qconv1d_gather(self, self->at, side, side_step); // the ring is as long as both frames' memory
        up_qmat_two(&self->mat, self->columns, y, y + rows);
    }
    for (; t < n_frames; t++, in += step, side += side_step) {
        qconv1d_single(self, in, side, out, t);
    }
}

// A single wide row with a side input, such as a net's head with the audio added: two sums, no copying.
static void qconv1d_wide_sides(const up_qconv1d_t *self, const int16_t *in, const int16_t *side, int32_t *out, size_t n_frames) {
    size_t step = up_qstride(self->in), side_step = up_qstride(self->side), words = self->in / 2u;
    up_qmat_t mat = self->mat;
    mat.pairs = (uint32_t)words;
    for (size_t t = 0; t < n_frames; t++, in += step, side += side_step) {
        int32_t sum = up_qmat_sum(&mat, (const void *)in);
        const int16_t *w = (const void *)(self->mat.w + 1 + words);
        for (size_t i = 0; i < self->side; i++) {
            sum += w[i] * side[i];
        }
        out[t] = sum;
    }
}

// Dense, with a side input, or of one channel, which fills half a word: columns one behind the other.
static void qconv1d_joined(const up_qconv1d_t *self, const int16_t *in, const int16_t *side, void *out, size_t n_frames) {
    size_t step = up_qstride(self->in), side_step = self->side ? up_qstride(self->side) : 0;
    for (size_t t = 0; t < n_frames; t++, in += step, side += side_step) {
        int16_t *to = (int16_t *)(void *)self->columns, *behind = to + up_even(self->in);
        to[up_even(self->in) - 1] = 0;
        for (size_t i = 0; i < self->in; i++) {
            to[i] = in[i];
        }
        for (size_t i = 0; i < self->side; i++) {
            behind[i] = side[i];
        }
        if (self->side & 1) {
            behind[self->side] = 0;
        }
        qconv1d_store(self, self->columns, out, t);
    }
}

// Dense: a frame is its own columns; of several rows two frames at a time.
static void qconv1d_dense(const up_qconv1d_t *self, const int16_t *in, void *out, size_t n_frames) {
    size_t step = up_qstride(self->in), rows = up_qstride(self->mat.rows), words = self->mat.pairs, t = 0;
    int16_t *y = out;
    for (; rows > 1 && t + 1 < n_frames; t += 2, in += 2 * step, y += 2 * rows) {
        qconv1d_words(self->columns, (const void *)in, (const void *)(in + step), words);
        up_qmat_two(&self->mat, self->columns, y, y + rows);
    }
    for (; t < n_frames; t++, in += step) {
        qconv1d_store(self, (const void *)in, out, t);
    }
}

void up_qconv1d_process(up_qconv1d_t *self, const int16_t *in, const int16_t *side, void *out, size_t n_frames) {
    if (self->ring) {
        qconv1d_gathered(self, in, side, out, n_frames);
    } else if (self->wide && self->side && self->in % 2 == 0) {
        qconv1d_wide_sides(self, in, side, out, n_frames);
    } else if (self->in == 1 || self->side) {
        qconv1d_joined(self, in, side, out, n_frames);
    } else {
        qconv1d_dense(self, in, out, n_frames);
    }
}
