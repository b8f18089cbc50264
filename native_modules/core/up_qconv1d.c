// SPDX-License-Identifier: MIT
// Causal dilated convolution of integers; see up_qconv1d.h.
#include "up_qconv1d.h"

enum { QCONV1D_SLAB = 64 }; // words of columns that a single row takes at a time

static inline size_t qconv1d_words(const up_qconv1d_t *self) {
    return (self->in + 1u) / 2;
}

void up_qconv1d_layout(up_qconv1d_t *self, up_arena_t *arena) {
    self->frames = (uint32_t)(self->taps - 1) * self->dilation;
    self->ring = self->frames ? up_arena_take(arena, self->frames * qconv1d_words(self) * sizeof(up_word_t)) : NULL;
    self->at = 0;
    self->diagonal = false;
}

void up_qconv1d_reset(up_qconv1d_t *self) {
    for (size_t i = 0; self->ring && i < self->frames * qconv1d_words(self); i++) {
        self->ring[i] = 0;
    }
    self->at = 0;
    self->diagonal = self->taps == 1 && !self->side && up_qmat_is_diagonal(&self->mat);
}

// Taps of a slab: an even number, as a word holds two of a single channel.
static size_t qconv1d_slab(const up_qconv1d_t *self) {
    size_t taps = 2 * QCONV1D_SLAB / up_qconv1d_tap(self->in) & ~(size_t)1;
    return taps < 2 ? 2 : taps;
}

size_t up_qconv1d_columns(const up_qconv1d_t *self) {
    if (self->mat.rows > 1) {
        return self->taps > 1 || self->side ? self->mat.pairs : 0;
    }
    size_t slab = qconv1d_slab(self), taps = self->taps < slab ? self->taps : slab;
    return self->taps > 1 ? up_qconv1d_pairs(self->in, taps, 0) : 0;
}

// n frames of planes `step` words apart. Not inline: it takes all registers.
static __attribute__((noinline)) void qconv1d_copy(up_word_t *to, const up_word_t *from, size_t step, size_t words, size_t n) {
    for (; words; words--, to += UP_CHUNK, from += step) {
        up_qcopy(to, from, n);
    }
}

// The second tap of a word, of a single channel: into the high halves.
static void qconv1d_high(up_word_t *to, const up_word_t *from, size_t n) {
    for (; n; n--, to++) {
        *to = up_pack_low(*to, *from++);
    }
}

// A tap `back` frames ago: from the ring, from frame `first` on and cut somewhere, and what is not that long
// ago from `in`.
static inline void qconv1d_tap(const up_qconv1d_t *self, up_word_t *to, const up_word_t *in, size_t back, size_t first, size_t n, bool high) {
    size_t frames = self->frames, words = qconv1d_words(self), old = back < n ? back : n;
    size_t run = frames - first < old ? frames - first : old;
    if (high) {
        qconv1d_high(to, self->ring + first, run);
        qconv1d_high(to + run, self->ring, old - run);
        qconv1d_high(to + old, in, n - old);
        return;
    }
    if (run) {
        qconv1d_copy(to, self->ring + first, frames, words, run);
    }
    if (old > run) {
        qconv1d_copy(to + run, self->ring, frames, words, old - run);
    }
    if (n > old) {
        qconv1d_copy(to + old, in, UP_CHUNK, words, n - old);
    }
}

// Taps k to last - 1.
static up_word_t *qconv1d_taps(const up_qconv1d_t *self, const up_word_t *in, size_t k, size_t last, size_t n) {
    size_t frames = self->frames, dilation = self->dilation, plane = qconv1d_words(self) * UP_CHUNK;
    size_t back = frames - k * dilation, first = self->at + k * dilation;
    up_word_t *to = self->columns;
    bool mono = self->in == 1, high = false;
    for (; k < last; k++, back -= dilation, first += dilation) {
        first -= first >= frames ? frames : 0;
        qconv1d_tap(self, to, in, back, first, n, high);
        high = mono && !high;
        to += high ? 0 : plane;
    }
    return to + (high ? UP_CHUNK : 0);
}

static void qconv1d_push(up_qconv1d_t *self, const up_word_t *in, size_t n) {
    size_t frames = self->frames, skip = n > frames ? n - frames : 0, at = skip ? 0 : self->at;
    n -= skip;
    size_t run = frames - at < n ? frames - at : n;
    in += skip;
    for (size_t w = 0; w < qconv1d_words(self); w++) {
        up_qcopy(self->ring + w * frames + at, in + w * UP_CHUNK, run);
        if (run < n) {
            up_qcopy(self->ring + w * frames, in + w * UP_CHUNK + run, n - run);
        }
    }
    self->at = (uint32_t)(at + n < frames ? at + n : at + n - frames);
}

// A single row, slab by slab, then the side.
static void qconv1d_row(const up_qconv1d_t *self, const up_word_t *in, const up_word_t *side, void *out, size_t n) {
    const int32_t *w = self->mat.w, bias = *w++;
    int32_t own[UP_CHUNK], *sums = self->wide ? out : own;
    for (size_t t = 0; t < UP_CHUNK; t++) {
        sums[t] = bias;
    }
    for (size_t k = 0, taps = qconv1d_slab(self), pairs; k < self->taps; k += taps, w += pairs) {
        size_t last = k + taps < self->taps ? k + taps : self->taps;
        pairs = up_qconv1d_pairs(self->in, last - k, 0);
        if (self->taps > 1) {
            qconv1d_taps(self, in, k, last, n);
        }
        up_qmat_row(w, pairs, self->taps > 1 ? self->columns : in, sums, n);
    }
    if (self->side) {
        up_qmat_row(w, up_even(self->side) / 2, side, sums, n);
    }
    if (!self->wide) {
        up_qmat_row_finish(&self->mat, sums, out, n);
    }
}

static void qconv1d_rows(const up_qconv1d_t *self, const up_word_t *in, const up_word_t *side, const up_word_t *plus,
    up_word_t *out, size_t n) {
    const up_word_t *v = in;
    if (self->taps > 1 || self->side) {
        up_word_t *behind = qconv1d_taps(self, in, 0, self->taps, n);
        qconv1d_copy(behind, side, UP_CHUNK, up_even(self->side) / 2, n);
        v = self->columns;
    }
    up_qmat_frames(&self->mat, v, out, plus, n);
}

void up_qconv1d_process(up_qconv1d_t *self, const int16_t *in, const int16_t *side, const int16_t *plus, void *out, size_t n_frames) {
    const up_word_t *words = (const void *)in, *more = (const void *)plus;
    if (self->diagonal) {
        up_qmat_diagonal(&self->mat, words, out, more, n_frames);
    } else if (self->mat.rows > 1) {
        qconv1d_rows(self, words, (const void *)side, more, out, n_frames);
    } else {
        qconv1d_row(self, words, (const void *)side, out, n_frames);
        if (more) {
            up_qadd(out, more, out, n_frames);
        }
    }
    if (self->ring) {
        qconv1d_push(self, words, n_frames);
    }
}
