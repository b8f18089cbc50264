// SPDX-License-Identifier: MIT
// Partitioned convolution; see up_pconv.h.
#include "up_pconv.h"

// Instructions on a Cortex-M with FPU, measured: by them the work is shared out. Nothing else hangs on them.
#define PCONV_PIECE 165 // four butterflies
#define PCONV_FOUR 32   // of points: multiplied, and each part's share
#define PCONV_PART 20

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#include "up_pconv_vfp.h"
#else
static inline void pconv_run(float *re, float *im, const float *x, const float *h, uint32_t n) {
    for (; n; n--, x += 8, h += 8) {
        for (int l = 0; l < 4; l++) {
            re[l] = up_fma(-x[l + 4], h[l + 4], up_fma(x[l], h[l], re[l]));
            im[l] = up_fma(x[l + 4], h[l], up_fma(x[l], h[l + 4], im[l]));
        }
    }
}

// Four points: the sum over `n` parts of x from here and `rest` from `back` floats before their end, times h.
static inline void pconv_four(float *y, const float *x, const float *h, uint32_t n, uint32_t rest, size_t back) {
    float sums[8] = { 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f };
    pconv_run(sums, sums + 4, x, h, n);
    pconv_run(sums, sums + 4, x + 8 * n - back, h + 8 * n, rest);
    for (int l = 0; l < 8; l++) {
        y[l] = sums[l];
    }
}

// y += re + im: n times four frames, from fours of points.
static inline void pconv_add_fours(const float *re, const float *im, float *y, uint32_t n) {
    for (; n; n--, re += 8, im += 8, y += 4) {
        for (int l = 0; l < 4; l++) {
            y[l] += re[l] + im[l];
        }
    }
}
#endif

void up_pconv_put(const up_pconv_t *self, uint32_t part, const float *taps) {
    const up_fft_t *fft = &self->fft;
    up_fft_forward(fft, taps, self->taps + 8 * part, 8 * self->parts, 0, fft->passes * fft->size / 16);
}

static void pconv_multiply(const up_pconv_t *self, float *sums, uint32_t slot, uint32_t from, uint32_t to) {
    size_t round = 8 * self->parts;
    const float *x = self->past + round * from + 8 * slot, *h = self->taps + round * from;
    for (float *y = sums + 8 * from; from < to; from++, x += round, h += round, y += 8) {
        pconv_four(y, x, h, self->parts - slot, slot, round);
    }
}

// How many of `n` units of work `cost` pays for; what is left of it goes on to the next kind.
static uint32_t pconv_paid(uint32_t *cost, uint32_t n, uint32_t each) {
    uint32_t paid = *cost / each;
    paid = paid < n ? paid : n;
    *cost -= paid < n ? *cost : n * each;
    return paid;
}

// What is done before tick t: pieces of the forward transform, fours multiplied, pieces of the inverse one.
static void pconv_done(const up_pconv_t *self, uint32_t tick, uint32_t *done) {
    uint32_t pieces = self->fft.passes * self->fft.size / 16, fours = self->fft.size / 4;
    uint32_t each = PCONV_FOUR + PCONV_PART * self->parts, whole = 2 * pieces * PCONV_PIECE + fours * each;
    uint32_t cost = whole * tick / (self->fft.size / UP_PCONV_TICK);
    done[0] = pconv_paid(&cost, pieces, PCONV_PIECE);
    done[1] = pconv_paid(&cost, fours, each);
    done[2] = pconv_paid(&cost, pieces, PCONV_PIECE);
}

void up_pconv_work(const up_pconv_t *self, uint32_t tick, const float *block) {
    up_pconv_at_t *at = self->at;
    uint32_t from[3], to[3];
    if (tick == 0) {
        at->slot = (at->slot - 1 < self->parts ? at->slot : self->parts) - 1;
        at->turn = at->turn < 2 ? at->turn + 1 : 0;
    }
    uint32_t slot = at->slot < self->parts ? at->slot : 0;
    float *sums = self->sums + 2 * self->fft.size * (at->turn < 3 ? at->turn : 0);
    pconv_done(self, tick, from);
    pconv_done(self, tick + 1, to);
    up_fft_forward(&self->fft, block, self->past + 8 * slot, 8 * self->parts, from[0], to[0]);
    pconv_multiply(self, sums, slot, from[1], to[1]);
    up_fft_inverse(&self->fft, sums, 8, from[2], to[2]);
}

static inline float pconv_sum(const float *now, const float *before, uint32_t frame) {
    uint32_t at = 2 * frame - frame % 4; // real parts of four frames, then imaginary ones
    return now[at] + before[at + 4];
}

void up_pconv_add(const up_pconv_t *self, uint32_t frame, float *y, size_t n) {
    uint32_t size = self->fft.size, turn = self->at->turn < 3 ? self->at->turn : 0, end = frame + (uint32_t)n;
    turn = size > UP_PCONV_TICK ? turn + 2 : turn; // the last that is whole
    const float *now = self->sums + 2 * size * (turn % 3), *before = self->sums + 2 * size * ((turn + 2) % 3);
    for (; frame % 4 && frame < end; frame++) {
        *y++ += pconv_sum(now, before, frame);
    }
    uint32_t fours = (end - frame) / 4;
    if (fours) {
        pconv_add_fours(now + 2 * frame, before + 2 * frame + 4, y, fours);
    }
    frame += 4 * fours;
    y += 4 * fours;
    for (; frame < end; frame++) {
        *y++ += pconv_sum(now, before, frame);
    }
}
