// SPDX-License-Identifier: MIT
// Causal dilated convolution of integers; see up_qconv1d.h.
#include "up_qconv1d.h"

enum {
    QCONV1D_SLAB = 64,  // words of columns that a single row takes at a time
    QCONV1D_SHORT = 96, // frames of a past that is moved rather than kept in a ring,
    QCONV1D_FEW = 8,    // and its channels: each costs memory
};

static inline size_t qconv1d_words(const up_qconv1d_t *self) {
    return (self->in + 1u) / 2;
}

// Taps of a slab: an even number, as a word holds two of a single channel.
static size_t qconv1d_slab(const up_qconv1d_t *self) {
    size_t taps = 2 * QCONV1D_SLAB / up_qconv1d_tap(self->in) & ~(size_t)1;
    return taps < 2 ? 2 : taps;
}

size_t up_qconv1d_columns(const up_qconv1d_t *self) {
    #if defined(UP_QBLOCKS)
    if (self->block.on) {
        return 0;
    }
    #endif
    if (self->mat.rows > 1) {
        return self->taps > 1 || self->side ? self->mat.pairs : 0;
    }
    size_t slab = qconv1d_slab(self), taps = self->taps < slab ? self->taps : slab;
    return self->taps > 1 ? up_qconv1d_pairs(self->in, taps, 0) : 0;
}

// n frames of planes, first frame first. Not inline: it takes all registers.
static __attribute__((noinline)) void qconv1d_copy(up_word_t *to, size_t to_step, const up_word_t *from, size_t step, size_t words, size_t n) {
    for (; words; words--, to += to_step, from += step) {
        up_qcopy(to, from, n);
    }
}

// n frames of taps `tap` frames apart, into the columns. Up to seven frames more may be read and written.
#if defined(UP_DSP)
static __attribute__((noinline)) void qconv1d_gather(up_word_t *dst, const up_word_t *src, size_t step, size_t words, size_t n, size_t tap, size_t taps) {
    struct {
        size_t words, taps;
        ptrdiff_t next; // bytes from behind a tap's last plane to the next tap
    } at = { words, taps, (ptrdiff_t)((tap - words * step) * sizeof(up_word_t)) };
    size_t eights = (n + 7) / 8;
    register up_word_t *to __asm ("r0") = dst;
    register const up_word_t *from __asm ("r1") = src;
    register size_t from_on __asm ("r10") = (step - 8 * eights) * sizeof(up_word_t);
    register size_t to_on __asm ("r11") = (UP_CHUNK - 8 * eights) * sizeof(up_word_t);
    register size_t skip __asm ("r12") = (4 - eights) * 8; // bytes of code
    __asm volatile (
        "adr.w r2, 2f\n add r12, r2\n orr r12, #1\n"
        "3: ldr lr, %[words]\n"
        "1: bx r12\n"
        "2: ldmia r1!, {r2-r9}\n stmia r0!, {r2-r9}\n ldmia r1!, {r2-r9}\n stmia r0!, {r2-r9}\n"
        "ldmia r1!, {r2-r9}\n stmia r0!, {r2-r9}\n ldmia r1!, {r2-r9}\n stmia r0!, {r2-r9}\n"
        "subs lr, #1\n add r1, r10\n add r0, r11\n bne 1b\n"
        "ldr r2, %[taps]\n ldr r3, %[next]\n subs r2, #1\n str r2, %[taps]\n add r1, r3\n bne 3b"
        : "+r" (to), "+r" (from), "+r" (skip), [taps] "+m" (at.taps) : "r" (from_on), "r" (to_on), [words] "m" (at.words), [next] "m" (at.next)
        : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "lr", "cc", "memory");
}

// qconv1d_copy where up to seven frames more may be read and written.
static __attribute__((noinline)) void qconv1d_eights(up_word_t *dst, size_t to_step, const up_word_t *src, size_t step, size_t words, size_t n) {
    for (; n; n -= n < 32 ? n : 32, dst += 32, src += 32) {
        size_t eights = n < 32 ? (n + 7) / 8 : 4;
        register up_word_t *to __asm ("r0") = dst;
        register const up_word_t *from __asm ("r1") = src;
        register size_t from_on __asm ("r10") = (step - 8 * eights) * sizeof(up_word_t);
        register size_t to_on __asm ("r11") = (to_step - 8 * eights) * sizeof(up_word_t);
        register size_t skip __asm ("r12") = (4 - eights) * 8; // bytes of code
        register size_t left __asm ("lr") = words;
        __asm volatile (
            "adr.w r2, 2f\n add r12, r2\n orr r12, #1\n"
            "1: bx r12\n"
            "2: ldmia r1!, {r2-r9}\n stmia r0!, {r2-r9}\n ldmia r1!, {r2-r9}\n stmia r0!, {r2-r9}\n"
            "ldmia r1!, {r2-r9}\n stmia r0!, {r2-r9}\n ldmia r1!, {r2-r9}\n stmia r0!, {r2-r9}\n"
            "add r1, r10\n add r0, r11\n subs lr, #1\n bne 1b"
            : "+r" (to), "+r" (from), "+r" (skip), "+r" (left) : "r" (from_on), "r" (to_on)
            : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "cc", "memory");
    }
}
#else
#define qconv1d_eights qconv1d_copy
static void qconv1d_gather(up_word_t *to, const up_word_t *from, size_t step, size_t words, size_t n, size_t tap, size_t taps) {
    for (; taps; taps--, to += words * UP_CHUNK, from += tap) {
        qconv1d_copy(to, UP_CHUNK, from, step, words, n);
    }
}
#endif

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
        qconv1d_copy(to, UP_CHUNK, self->ring + first, frames, words, run);
    }
    if (old > run) {
        qconv1d_copy(to + run, UP_CHUNK, self->ring, frames, words, old - run);
    }
    if (n > old) {
        qconv1d_copy(to + old, UP_CHUNK, in, UP_CHUNK, words, n - old);
    }
}

static inline bool qconv1d_in_order(const up_qconv1d_t *self) {
    return self->step != self->frames;
}

// How many of the next taps lie whole in the ring, one behind the other.
static size_t qconv1d_whole(const up_qconv1d_t *self, size_t taps, size_t back, size_t first, size_t n) {
    size_t whole = 0;
    for (size_t on = n; whole < taps && first + on <= self->frames && on <= back; on += self->dilation) {
        whole++;
    }
    return whole;
}

// Taps k to last - 1.
static up_word_t *qconv1d_taps(const up_qconv1d_t *self, const up_word_t *in, size_t k, size_t last, size_t n) {
    size_t frames = self->frames, dilation = self->dilation, plane = qconv1d_words(self) * UP_CHUNK;
    size_t back = frames - k * dilation, first = self->at + k * dilation;
    up_word_t *to = self->columns;
    bool mono = self->in == 1, high = false;
    if (qconv1d_in_order(self)) {
        qconv1d_gather(to, self->ring + k * dilation, self->step, qconv1d_words(self), n, dilation, last - k);
        return to + (last - k) * plane;
    }
    for (; k < last; k++, back -= dilation, first += dilation) {
        first -= first >= frames ? frames : 0;
        size_t whole = mono ? 0 : qconv1d_whole(self, last - k, back, first, n);
        if (whole) {
            qconv1d_gather(to, self->ring + first, frames, qconv1d_words(self), n, dilation, whole);
            to += whole * plane;
            whole--;
            k += whole;
            back -= whole * dilation;
            first += whole * dilation;
            continue;
        }
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
    if (run == UP_CHUNK) {
        qconv1d_eights(self->ring + at, frames, in, UP_CHUNK, qconv1d_words(self), run);
    } else {
        qconv1d_copy(self->ring + at, frames, in, UP_CHUNK, qconv1d_words(self), run);
        qconv1d_copy(self->ring, frames, in + run, UP_CHUNK, qconv1d_words(self), n - run);
    }
    self->at = (uint32_t)(at + n < frames ? at + n : at + n - frames);
}

#if defined(UP_QBLOCKS)
#include "up_qblock_dsp.h"

bool up_qconv1d_is_block(const up_qconv1d_t *self, const int16_t *slopes) {
    bool fits = self->in == 3 && self->mat.rows == 3 && self->taps > 1 && self->side <= 2 && !self->wide && self->mat.limit == UP_QLIMIT_S16;
    for (size_t r = 0; fits && slopes && r < 3; r++) {
        fits = slopes[r] < 1 << 14 && slopes[r] >= -(1 << 14); // else 2^17 times it does not fit
    }
    return fits && slopes;
}

void up_qconv1d_block(up_qconv1d_t *self, const int16_t *in, const int16_t *side, const up_qblock_io_t *io, size_t n_frames) {
    qblock_process(self, (const void *)in, (const void *)side, io, n_frames);
}
#endif

void up_qconv1d_layout(up_qconv1d_t *self, up_arena_t *arena) {
    self->frames = (uint32_t)(self->taps - 1) * self->dilation;
    self->step = self->frames + (self->in > 1 && self->frames && self->frames <= QCONV1D_SHORT && self->in <= QCONV1D_FEW ? UP_CHUNK : 0);
    #if defined(UP_QBLOCKS)
    if (self->block.on) {
        self->step += self->step == self->frames ? UP_CHUNK + 2 : 0;
        self->block.stream = up_arena_take(arena, qblock_stream_words(self) * sizeof(int32_t));
    }
    #endif
    self->ring = self->frames ? up_arena_take(arena, self->step * qconv1d_words(self) * sizeof(up_word_t)) : NULL;
    self->at = 0;
    self->diagonal = false;
}

void up_qconv1d_reset(up_qconv1d_t *self) {
    #if defined(UP_QBLOCKS)
    if (self->block.on) {
        qblock_reset(self);
    }
    #endif
    for (size_t i = 0; self->ring && i < self->step * qconv1d_words(self); i++) {
        self->ring[i] = 0;
    }
    self->at = 0;
    self->diagonal = self->taps == 1 && !self->side && up_qmat_is_diagonal(&self->mat);
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

static void qconv1d_rows(const up_qconv1d_t *self, const up_word_t *in, const up_word_t *side, const up_qafter_t *after,
    up_word_t *out, size_t n) {
    const up_word_t *v = in;
    if (self->taps > 1 || self->side) {
        up_word_t *behind = qconv1d_taps(self, in, 0, self->taps, n);
        if (self->side) {
            qconv1d_eights(behind, UP_CHUNK, side, UP_CHUNK, up_even(self->side) / 2, n);
        }
        v = self->columns;
    }
    up_qmat_frames(&self->mat, v, out, after, n);
}

void up_qconv1d_process(up_qconv1d_t *self, const int16_t *in, const int16_t *side, const up_qafter_t *after, void *out, size_t n_frames) {
    const up_word_t *words = (const void *)in;
    bool in_order = qconv1d_in_order(self);
    if (in_order) {
        qconv1d_eights(self->ring + self->frames, self->step, words, UP_CHUNK, qconv1d_words(self), n_frames);
    }
    if (self->diagonal) {
        up_qmat_diagonal(&self->mat, words, out, after, n_frames);
    } else if (self->mat.rows > 1) {
        qconv1d_rows(self, words, (const void *)side, after, out, n_frames);
    } else {
        qconv1d_row(self, words, (const void *)side, out, n_frames);
        if (!self->wide) {
            up_qmat_after(after, out, 1, n_frames);
        }
    }
    if (in_order) {
        qconv1d_eights(self->ring, self->step, self->ring + n_frames, self->step, qconv1d_words(self), self->frames);
    } else if (self->ring) {
        qconv1d_push(self, words, n_frames);
    }
}
