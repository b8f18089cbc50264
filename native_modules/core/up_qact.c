// SPDX-License-Identifier: MIT
// Activations and gates of integer signals; see up_qact.h.
#include "up_qact.h"

#if defined(UP_DSP) && defined(__ARM_FEATURE_MVE)
#include "up_qact_mve.h"
#define QACT_MVE 1
#endif

static inline int32_t qact_look2(const int32_t *middle, int32_t v) {
    up_pair_t y = up_qlook64(middle, v);
    return up_pack_down(y.low, 6, (int32_t)((uint32_t)y.high << 10));
}

static void qact_table(const int32_t *table, up_word_t *x, size_t n) {
    const int32_t *middle = up_qmiddle(table);
    #if defined(UP_QAVX2)
    for (; n >= 8; n -= 8, x += 8) {
        qavx2_store(x, qavx2_look2(middle, qavx2_load(x)));
    }
    #elif defined(QACT_MVE)
    for (; n >= 4; n -= 4, x += 4) {
        qmve_look2(table, (void *)x);
    }
    #endif
    for (; n >= 4; n -= 4, x += 4) {
        int32_t a = x[0], b = x[1], c = x[2], d = x[3];
        x[0] = qact_look2(middle, a);
        x[1] = qact_look2(middle, b);
        x[2] = qact_look2(middle, c);
        x[3] = qact_look2(middle, d);
    }
    for (; n; n--, x++) {
        *x = qact_look2(middle, *x);
    }
}

static inline int32_t qact_slope(int32_t slope, int32_t x) {
    return x < 0 ? up_mul15(slope, x) : x;
}

// x, or of halves below 0 their product with the slope: s two slopes, x two values.
static inline int32_t qact_slope2(int32_t s, int32_t x) {
    int32_t low = up_mac_low(s, x, 1 << 14), high = up_mac_high(s, x, 1 << 14);
    int32_t y = up_pack_down(low, 15, (int32_t)((uint32_t)high << 1));
    #if defined(UP_DSP)
    __asm ("ssub16 %1, %2, %3\n sel %0, %2, %0" : "+r" (y), "=&r" (low) : "r" (x), "r" (0) : "cc");
    return y;
    #else
    return up_pack((int16_t)x < 0 ? y : x, x < 0 ? y : x);
    #endif
}

static void qact_slopes(int32_t slopes, up_word_t *x, size_t n) {
    #if defined(UP_QAVX2)
    for (; n >= 8; n -= 8, x += 8) {
        __m256i v = qavx2_load(x), y = _mm256_mulhrs_epi16(v, _mm256_set1_epi32(slopes));
        qavx2_store(x, _mm256_blendv_epi8(v, y, _mm256_srai_epi16(v, 15)));
    }
    #elif defined(QACT_MVE)
    for (; n >= 4; n -= 4, x += 4) {
        qmve_slope2(slopes, (void *)x);
    }
    #endif
    for (; n >= 4; n -= 4, x += 4) {
        int32_t a = x[0], b = x[1], c = x[2], d = x[3];
        x[0] = qact_slope2(slopes, a);
        x[1] = qact_slope2(slopes, b);
        x[2] = qact_slope2(slopes, c);
        x[3] = qact_slope2(slopes, d);
    }
    for (; n; n--, x++) {
        *x = qact_slope2(slopes, *x);
    }
}

static void qact_positive(up_word_t *x, size_t n) {
    for (; n; n--, x++) {
        int32_t v = *x;
        *x = v & ~((v >> 31 & (int32_t)0xffff0000) | ((int32_t)((uint32_t)v << 16) >> 31 & 0xffff));
    }
}

void up_qact_process(const up_qact_t *self, int16_t *x, size_t channels, size_t n_frames) {
    const up_word_t *slopes = (const void *)self->slopes; // padded to an even number
    up_word_t *words = (void *)x;
    for (size_t i = 0; i < channels; i += 2, words += UP_CHUNK) {
        if (self->table) {
            qact_table(self->table, words, n_frames);
        } else if (slopes) {
            qact_slopes(slopes[i / 2], words, n_frames);
        } else if (self->kind == UP_ACT_RELU) {
            qact_positive(words, n_frames);
        }
    }
    for (size_t t = 0; channels == 1 && t < n_frames; t++) {
        x[up_qat(1, t)] = 0;
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

void up_qgate_process(unsigned gate, const up_qact_t *f, const up_qact_t *g, const int16_t *x, int16_t *y, size_t channels, size_t n_frames) {
    for (size_t c = 0; c < channels; c++) {
        for (size_t t = 0; t < n_frames; t++) {
            int32_t top = x[up_qat(c, t)], a = qgate_f(f, top, c), b = qgate_f(g, x[up_qat(channels + c, t)], c);
            y[up_qat(c, t)] = (int16_t)up_sat16(gate == UP_GATE_GATED ? up_mul15(a, b) : top + up_mul15(b, a - top));
            if (channels == 1) {
                y[up_qat(1, t)] = 0;
            }
        }
    }
}
