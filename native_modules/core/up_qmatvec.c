// SPDX-License-Identifier: MIT
// Integer matrix times vector; see up_qmatvec.h. Plain C, the reference; where a core has the DSP
// instructions up_qmatvec_dsp.h replaces most of it.
#include "up_qmatvec.h"

static const int16_t QMAT_LOWEST[4] = { -32768, 0, -128, 0 }, QMAT_HIGHEST[4] = { 32767, 32767, 127, 127 }; // UP_QLIMIT_

static inline int32_t qmat_limit(int32_t v, int limit) {
    return v < QMAT_LOWEST[limit] ? QMAT_LOWEST[limit] : v > QMAT_HIGHEST[limit] ? QMAT_HIGHEST[limit] : v;
}

static inline int32_t qmat_finish(const up_qmat_t *self, int32_t sum, int32_t mult) {
    if (self->halves) {
        return qmat_limit(sum >> 16, self->limit);
    }
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

#if defined(__SSE2__) && !defined(UP_NO_ASM)
#include "up_qmatvec_sse2.h"
#elif defined(UP_DSP)
// Sums of a group of four rows and n frames (1 or 2) side by side, words of a frame `step` apart.
static inline void qmat_sums(const int32_t *w, size_t pairs, const up_word_t *v, size_t step, size_t n, int32_t sum[2][4]) {
    for (size_t f = 0; f < n; f++) {
        for (int r = 0; r < 4; r++) {
            sum[f][r] = w[r];
        }
    }
    for (w += 4; pairs; pairs--, w += 4, v += step) {
        for (size_t f = 0; f < n; f++) {
            for (int r = 0; r < 4; r++) {
                sum[f][r] = qmat_mac(w[r], v[f], sum[f][r]);
            }
        }
    }
}
#else
// Two int16 of a word, one after the other.
typedef struct __attribute__((may_alias)) {
    int16_t low, high;
} qmat_halves_t;

static inline int32_t qmat_mac_halves(const qmat_halves_t *w, int32_t low, int32_t high, int32_t sum) {
    return sum + w->low * low + w->high * high;
}

// The same for cores without SMLAD: they load halves rather than take words apart, two frames share each weight, and
// all sums stay in registers.
static inline void qmat_sums(const int32_t *w, size_t pairs, const up_word_t *v, size_t step, size_t n, int32_t sum[2][4]) {
    int32_t a0 = w[0], a1 = w[1], a2 = w[2], a3 = w[3], b0 = a0, b1 = a1, b2 = a2, b3 = a3;
    const qmat_halves_t *at = (const void *)(w + 4), *x = (const void *)v;
    for (const qmat_halves_t *end = at + 4 * pairs; at < end; at += 4, x += step) {
        int32_t x0 = x[0].low, x1 = x[0].high, y0 = x[n - 1].low, y1 = x[n - 1].high;
        a0 = qmat_mac_halves(at, x0, x1, a0);
        a1 = qmat_mac_halves(at + 1, x0, x1, a1);
        a2 = qmat_mac_halves(at + 2, x0, x1, a2);
        a3 = qmat_mac_halves(at + 3, x0, x1, a3);
        if (n > 1) {
            b0 = qmat_mac_halves(at, y0, y1, b0);
            b1 = qmat_mac_halves(at + 1, y0, y1, b1);
            b2 = qmat_mac_halves(at + 2, y0, y1, b2);
            b3 = qmat_mac_halves(at + 3, y0, y1, b3);
        }
    }
    sum[0][0] = a0, sum[0][1] = a1, sum[0][2] = a2, sum[0][3] = a3;
    sum[1][0] = b0, sum[1][1] = b1, sum[1][2] = b2, sum[1][3] = b3;
}
#endif

#if defined(UP_DSP)
#include "up_qmatvec_dsp.h"
#include "up_qtile_dsp.h"
#if defined(__ARM_FEATURE_MVE)
#include "up_qmatvec_mve.h"
#endif
#elif defined(UP_QAVX2)
#include "up_qmatvec_avx2.h"
#endif

void up_qmat_one(const up_qmat_t *self, const up_word_t *v, int16_t *y) {
    const int32_t *w = self->w, *mult = w + 4 + 4 * self->pairs;
    if (self->rows == 1) {
        int32_t sum = w[0];
        for (size_t c = 0; c < self->pairs; c++) {
            sum = qmat_mac(w[1 + c], v[c], sum);
        }
        *y = (int16_t)qmat_finish(self, sum, w[1 + self->pairs]);
        return;
    }
    #if defined(UP_QAVX2)
    if (qmat_one_fast(self, v, y)) {
        return;
    }
    #endif
    for (size_t r = 0; r < self->rows; r += 4, y += 4, w = mult + 4, mult = w + 4 + 4 * self->pairs) {
        int32_t sum[2][4];
        qmat_sums(w, self->pairs, v, 1, 1, sum);
        for (int k = 0; k < 4; k++) {
            y[k] = (int16_t)qmat_finish(self, sum[0][k], mult[k]);
        }
    }
}

static void qmat_two(const up_qmat_t *self, const int32_t *w, const up_word_t *v, up_word_t *y, size_t n) {
    const int32_t *mult = w + 4 + 4 * self->pairs;
    int32_t sum[2][4];
    if (n == 1) {
        qmat_sums(w, self->pairs, v, UP_CHUNK, 1, sum);
    } else {
        qmat_sums(w, self->pairs, v, UP_CHUNK, 2, sum);
    }
    for (size_t f = 0; f < n; f++) {
        for (int r = 0; r < 4; r += 2) {
            int32_t low = qmat_finish(self, sum[f][r], mult[r]), high = qmat_finish(self, sum[f][r + 1], mult[r + 1]);
            y[f + r / 2 * UP_CHUNK] = up_pack_low(low, high);
        }
    }
}

void up_qmat_mix(const up_word_t *a, const up_word_t *b, up_word_t *out, size_t planes, size_t n, int32_t factors) {
    if (n == UP_CHUNK) { // planes lie behind each other
        n *= planes;
        planes = 1;
    }
    for (; planes; planes--, a += UP_CHUNK, b += UP_CHUNK, out += UP_CHUNK) {
        if (factors == (UP_QONE << 16 | UP_QONE)) {
            up_qadd(a, b, out, n);
        } else {
            #if defined(UP_DSP_DUAL)
            qtile_mix(a, b, out, n, factors);
            #else
            up_qmix(a, b, out, n, factors);
            #endif
        }
    }
}

void up_qmat_after(const up_qafter_t *after, up_word_t *y, size_t rows, size_t n) {
    const up_qact_t *act = after->act;
    const up_word_t *plus = after->plus;
    if (act && (act->table || act->slopes)) {
        up_qact_process(act, (void *)y, rows, n);
    }
    if (plus) {
        up_qmat_mix(y, plus, y, up_qplanes(rows), n, UP_QONE | after->factor * 65536);
    }
}

void up_qmat_frames(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_qafter_t *after, size_t n) {
    #if defined(UP_DSP)
    #if defined(__ARM_FEATURE_MVE)
    if (qmve_frames(self, v, y, after, n)) {
        return;
    }
    #endif
    if (qtile_frames(self, v, y, after, n)) {
        return;
    }
    #elif defined(UP_QAVX2)
    if (qmat_frames_fast(self, v, y, after, n)) {
        return;
    }
    #endif
    const int32_t *w = self->w;
    up_word_t *first = y;
    for (size_t r = 0; r < self->rows; r += 4, w += 8 + 4 * self->pairs, y += 2 * UP_CHUNK) {
        for (size_t t = 0; t < n; t += 2) {
            qmat_two(self, w, v + t, y + t, n - t < 2 ? 1 : 2);
        }
    }
    up_qmat_after(after, first, self->rows, n);
}

bool up_qmat_is_diagonal(const up_qmat_t *self) {
    const int32_t *w = self->w + 4;
    if (self->rows == 1 || self->left || self->limit != UP_QLIMIT_S16) {
        return false;
    }
    for (size_t r = 0; r < self->rows; r += 4, w += 8) {
        for (size_t c = 0; c < self->pairs; c++, w += 4) {
            for (size_t k = 0; k < 4; k++) {
                uint32_t other = 2 * c == ((r + k) & ~(size_t)1) ? k & 1 ? 0xffffu : 0xffff0000u : 0xffffffffu;
                if ((uint32_t)w[k] & other) {
                    return false;
                }
            }
        }
    }
    return true;
}

// Two rows of a diagonal matrix: their weights, biases and multipliers.
typedef struct {
    int32_t w[2], bias[2], mult[2];
} qmat_two_t;

static inline __attribute__((unused)) int32_t qmat_diagonal_word(const qmat_two_t *m, int32_t x) {
    int32_t low = up_mac_low(m->w[0], x, m->bias[0]), high = up_mac_high(m->w[1], x, m->bias[1]);
    return up_pack_low(up_sat16(up_rq(low, m->mult[0])), up_sat16(up_rq(high, m->mult[1])));
}

void up_qmat_diagonal(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_qafter_t *after, size_t n) {
    bool bent = after->act && (after->act->table || after->act->slopes), apart = bent || after->factor != UP_QONE;
    const up_word_t *plus = apart ? NULL : after->plus;
    up_word_t *first = y;
    for (size_t r = 0; r < self->rows; r += 2, v += UP_CHUNK, y += UP_CHUNK, plus += plus ? UP_CHUNK : 0) {
        const int32_t *bias = self->w + r / 4 * (8 + 4 * self->pairs) + r % 4, *mult = bias + 4 + 4 * self->pairs;
        bool there = r / 2 < self->pairs; // more rows than columns: zero rows' sums are their biases
        qmat_two_t m = { { there ? bias[4 + 2 * r] : 0, there ? bias[5 + 2 * r] : 0 }, { bias[0], bias[1] }, { mult[0], mult[1] } };
        #if defined(UP_QAVX2)
        qavx2_diagonal(m.w, m.bias, m.mult, v, y, plus, n);
        #else
        if (plus) {
            for (size_t t = 0; t < n; t += 2) { // of an odd number one more, as there is room
                int32_t a = qmat_diagonal_word(&m, v[t]), b = qmat_diagonal_word(&m, v[t + 1]);
                y[t] = up_add16x2(a, plus[t]);
                y[t + 1] = up_add16x2(b, plus[t + 1]);
            }
        } else {
            for (size_t t = 0; t < n; t += 2) {
                int32_t a = qmat_diagonal_word(&m, v[t]), b = qmat_diagonal_word(&m, v[t + 1]);
                y[t] = a;
                y[t + 1] = b;
            }
        }
        #endif
    }
    if (apart) {
        up_qmat_after(after, first, self->rows, n);
    }
}

void up_qmat_row(const int32_t *w, size_t pairs, const up_word_t *v, int32_t *sums, size_t n) {
    #if defined(UP_DSP)
    qdsp_row(w, pairs, v, sums, n);
    #elif defined(UP_QAVX2)
    (void)n;
    qavx2_row(w, pairs, v, sums);
    #else
    for (; pairs; pairs--, w++, v += UP_CHUNK) {
        for (size_t t = 0; t < n; t++) {
            sums[t] = qmat_mac(*w, v[t], sums[t]);
        }
    }
    #endif
}

void up_qmat_row_finish(const up_qmat_t *self, const int32_t *sums, up_word_t *y, size_t n) {
    int32_t mult = self->w[self->pairs + 1];
    for (size_t t = 0; t < n; t++) {
        y[t] = (uint16_t)qmat_finish(self, sums[t], mult);
    }
}
