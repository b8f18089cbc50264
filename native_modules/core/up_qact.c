// SPDX-License-Identifier: MIT
// Activations and gates of integer signals; see up_qact.h.
#include "up_qact.h"

// up_qlook before its last shift; `middle`: the node of 0.
static inline int32_t qact_look64(const int32_t *middle, int32_t node, int32_t rest) {
    int32_t w = middle[node];
    return up_mac_low(w, rest, 32) + (w >> 10);
}

// Two values a word, where there are as many: half the loads and stores.
static void qact_table(const int32_t *table, int16_t *x, size_t n) {
    const int32_t *middle = up_qmiddle(table);
    up_word_t *words = (void *)x;
    for (size_t i = n / 2; i; i--) {
        int32_t v = *words;
        int32_t low = qact_look64(middle, (int16_t)v >> 6, v & 63), high = qact_look64(middle, v >> 22, v >> 16 & 63);
        *words++ = up_pack(low >> 6, (int32_t)((uint32_t)high << 10));
    }
    if (n & 1) {
        x[n - 1] = (int16_t)up_qlook(middle, x[n - 1]);
    }
}

static inline int32_t qact_slope(int32_t slope, int32_t x) {
    return x < 0 ? up_mul15(slope, x) : x;
}

// x, or of halves below 0 their product with the slope: s two slopes, x two values.
static inline int32_t qact_slope2(int32_t s, int32_t x) {
    int32_t low = up_mac_low(s, x, 1 << 14) >> 15, high = up_mac_high(s, x, 1 << 14);
    int32_t y = up_pack(low, (int32_t)((uint32_t)high << 1));
    #if defined(UP_DSP)
    __asm ("ssub16 %1, %2, %3\n sel %0, %2, %0" : "+r" (y), "=&r" (low) : "r" (x), "r" (0) : "cc");
    return y;
    #else
    return up_pack((int16_t)x < 0 ? y : x, x < 0 ? y : x);
    #endif
}

static void qact_slopes(const int16_t *slopes, int16_t *x, size_t n) {
    const up_word_t *s = (const void *)slopes;
    up_word_t *words = (void *)x;
    for (size_t i = n / 2; i; i--, words++) {
        *words = qact_slope2(*s++, *words);
    }
    if (n & 1) {
        x[n - 1] = (int16_t)qact_slope(slopes[n - 1], x[n - 1]);
    }
}

static void qact_positive(int16_t *x, size_t n) {
    for (size_t c = 0; c < n; c++) {
        x[c] = x[c] < 0 ? 0 : x[c];
    }
}

void up_qact_process(const up_qact_t *self, int16_t *x, size_t first, size_t n, size_t stride, size_t n_frames) {
    if (n == stride && !self->slopes) { // no padding between frames: one run
        n *= n_frames;
        n_frames = 1;
    }
    for (x += first; n_frames; n_frames--, x += stride) {
        if (self->table) {
            qact_table(self->table, x, n);
        } else if (self->slopes) {
            qact_slopes(self->slopes, x, n);
        } else if (self->kind == UP_ACT_RELU) {
            qact_positive(x, n);
        }
    }
}

static int32_t qgate_f(const up_qact_t *self, int32_t v, size_t c) {
    if (self->table) {
        return up_qlook(up_qmiddle(self->table), v);
    }
    if (self->slopes) {
        return qact_slope(self->slopes[c], v);
    }
    return v < 0 && self->kind == UP_ACT_RELU ? 0 : v;
}

void up_qgate_process(unsigned gate, const up_qact_t *f, const up_qact_t *g, int16_t *x, int16_t *y, size_t channels, size_t n_frames) {
    size_t wide = up_qstride(2 * channels), stride = up_qstride(channels);
    for (; n_frames; n_frames--, x += wide, y += stride) {
        for (size_t c = 0; c < channels; c++) {
            int32_t top = x[c], a = qgate_f(f, top, c), b = qgate_f(g, x[channels + c], c);
            y[c] = (int16_t)up_sat16(gate == UP_GATE_GATED ? up_mul15(a, b) : top + up_mul15(b, a - top));
        }
    }
}
