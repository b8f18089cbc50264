// SPDX-License-Identifier: MIT
// Integer matrix times vector; see up_qmatvec.h. Plain C, the reference; where a core has the DSP
// instructions up_qmatvec_dsp.h replaces the groups of four rows.
#include "up_qmatvec.h"

static inline int32_t qmat_limit(int32_t v, int limit) {
    static const int16_t lowest[4] = { -32768, 0, -128, 0 }, highest[4] = { 32767, 32767, 127, 127 };
    return v < lowest[limit] ? lowest[limit] : v > highest[limit] ? highest[limit] : v;
}

static inline int32_t qmat_finish(const up_qmat_t *self, int32_t sum, int32_t mult) {
    if (self->left) {
        sum = (sum < -512 ? -512 : sum > 512 ? 512 : sum) * (1 << self->left);
    }
    return qmat_limit(up_rq(sum, mult), self->limit);
}

// sum + the two products of a word of weights and a word of signal.
static inline int32_t qmat_mac(int32_t w, int32_t v, int32_t sum) {
    #if defined(UP_DSP)
    __asm ("smlad %0, %1, %2, %0" : "+r" (sum) : "r" (w), "r" (v));
    return sum;
    #else
    return sum + (int16_t)w * (int16_t)v + (w >> 16) * (v >> 16);
    #endif
}

int32_t up_qmat_sum(const up_qmat_t *self, const up_word_t *v) {
    const int32_t *w = self->w;
    int32_t sum = *w++;
    size_t c = self->pairs;
    for (; c >= 4; c -= 4, w += 4, v += 4) {
        sum = qmat_mac(w[0], v[0], sum);
        sum = qmat_mac(w[1], v[1], sum);
        sum = qmat_mac(w[2], v[2], sum);
        sum = qmat_mac(w[3], v[3], sum);
    }
    for (; c; c--) {
        sum = qmat_mac(*w++, *v++, sum);
    }
    return sum;
}

// One group of four rows, n frames (1 or 2) side by side in v [pairs][n].
static inline const int32_t *qmat_group_c(const up_qmat_t *self, const int32_t *w, const up_word_t *v, int16_t *const *y, size_t n) {
    int32_t sum[2][4];
    for (size_t f = 0; f < n; f++) {
        for (int r = 0; r < 4; r++) {
            sum[f][r] = w[r];
        }
    }
    w += 4;
    for (size_t c = self->pairs; c; c--, w += 4) {
        for (size_t f = 0; f < n; f++, v++) {
            for (int r = 0; r < 4; r++) {
                sum[f][r] = qmat_mac(w[r], *v, sum[f][r]);
            }
        }
    }
    for (size_t f = 0; f < n; f++) {
        for (int r = 0; r < 4; r++) {
            y[f][r] = (int16_t)qmat_finish(self, sum[f][r], w[r]);
        }
    }
    return w + 4;
}

#if defined(UP_DSP)
#include "up_qmatvec_dsp.h"
#define qmat_group qmat_group_c
#elif defined(__SSE2__) && !defined(UP_NO_ASM)
#include "up_qmatvec_sse2.h"
#else
#define qmat_group qmat_group_c
#endif

void up_qmat_one(const up_qmat_t *self, const up_word_t *v, int16_t *y) {
    const int32_t *w = self->w;
    if (self->rows == 1) {
        *y = (int16_t)qmat_finish(self, up_qmat_sum(self, v), w[self->pairs + 1]);
        return;
    }
    #if defined(UP_DSP)
    if (qmat_one_fast(self, v, y)) {
        return;
    }
    #endif
    for (size_t r = 0; r < self->rows; r += 4, y += 4) {
        w = qmat_group(self, w, v, &y, 1);
    }
}

void up_qmat_two(const up_qmat_t *self, const up_word_t *v, int16_t *y0, int16_t *y1) {
    #if defined(UP_DSP)
    if (qmat_two_fast(self, v, y0, y1)) {
        return;
    }
    #endif
    int16_t *y[2] = { y0, y1 };
    const int32_t *w = self->w;
    for (size_t r = 0; r < self->rows; r += 4, y[0] += 4, y[1] += 4) {
        w = qmat_group(self, w, v, y, 2);
    }
}
