// SPDX-License-Identifier: MIT
// Audio made 8-bit with dither; see up_dither.h.
#include "up_dither.h"

void up_dither_layout(up_dither_t *self, up_arena_t *arena) {
    self->noise = up_arena_take(arena, self->channels * sizeof(up_noise_t));
}

// The generator's start: the finaliser of MurmurHash3 over the seed and the channel.
static uint32_t dither_start(uint32_t seed, uint32_t channel) {
    uint32_t s = seed + 0x9e3779b9u * (channel + 1);
    s = (s ^ s >> 16) * 0x85ebca6bu;
    s = (s ^ s >> 13) * 0xc2b2ae35u;
    s ^= s >> 16;
    return s ? s : 1;
}

void up_dither_reset(up_dither_t *self) {
    for (uint32_t c = 0; c < self->channels; c++) {
        up_noise_t start = { .s = dither_start(self->seed, c) };
        self->noise[c] = start;
    }
}

static inline int32_t dither_triangular(up_noise_t *self) {
    uint32_t s = self->s;
    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    self->s = s;
    return (int32_t)(s >> 18) - (int32_t)(s & 16383);
}

static inline int32_t dither_high_passed(const up_dither_t *self, up_noise_t *noise) {
    int32_t t = dither_triangular(noise);
    int32_t y = self->b * (t - 2 * noise->t1 + noise->t2) - self->a1 * noise->y1 - self->a2 * noise->y2;
    y = up_sat16((y + 8192) >> 14);
    noise->t2 = noise->t1;
    noise->t1 = t;
    noise->y2 = noise->y1;
    noise->y1 = y;
    return y;
}

static inline int16_t dither_limit(int32_t v) {
    v >>= 14;
    return (int16_t)(v < -128 ? -128 : v > 127 ? 127 : v);
}

// Channel by channel, so that a channel's filter stays in registers.
static void dither_channel(const up_dither_t *self, up_noise_t *noise, const int16_t *in, int16_t *out, size_t n_frames) {
    int32_t scale = 64 * (1 << self->gain);
    up_noise_t local = *noise;
    for (size_t t = 0; t < n_frames; t++, in += 2, out += 2) {
        int32_t d = 0;
        if (self->kind == UP_DITHER_SHAPED) {
            d = 2 * dither_high_passed(self, &local);
        } else if (self->kind == UP_DITHER_WHITE) {
            d = dither_triangular(&local);
        }
        *out = dither_limit(*in * scale + d + 8192);
    }
    *noise = local;
}

#if defined(UP_DSP)
#include "up_dither_dsp.h"

static inline int32_t dither_two(int32_t low, int32_t high) {
    return (int32_t)((uint32_t)high << 16 | (uint16_t)low);
}

// Two channels of shaped dither at once; false: the filter does not fit 16 bits.
static bool dither_pair(const up_dither_t *self, up_noise_t *noise, const int16_t *from, int16_t *to, size_t n_frames) {
    if (self->kind != UP_DITHER_SHAPED || self->a1 < -32767 || self->a1 > 32768 || self->a2 < -32767 || self->a2 > 32768) {
        return false;
    }
    int32_t scale = 64 * (1 << self->gain), half = 8192;
    int32_t past = dither_two(-2 * self->b, self->b), echo = dither_two(-self->a1, -self->a2);
    const int16_t *end = from + 2 * n_frames;
    register const int16_t *in __asm ("r0") = from;
    register int16_t *out __asm ("r1") = to;
    register uint32_t s0 __asm ("r2") = noise[0].s;
    register int32_t t0 __asm ("r3") = dither_two(noise[0].t1, noise[0].t2);
    register int32_t y0 __asm ("r4") = dither_two(noise[0].y1, noise[0].y2);
    register uint32_t s1 __asm ("r5") = noise[1].s;
    register int32_t t1 __asm ("r6") = dither_two(noise[1].t1, noise[1].t2);
    register int32_t y1 __asm ("r7") = dither_two(noise[1].y1, noise[1].y2);
    __asm volatile (
        "1:" DITHER_TWO "bne.w 1b\n"
        : "+r" (in), "+r" (out), "+r" (s0), "+r" (t0), "+r" (y0), "+r" (s1), "+r" (t1), "+r" (y1)
        : [past] "m" (past), [echo] "m" (echo), [scale] "m" (scale), [half] "m" (half), [end] "m" (end)
        : "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    noise[0] = (up_noise_t){ .s = s0, .t1 = (int16_t)t0, .t2 = t0 >> 16, .y1 = (int16_t)y0, .y2 = y0 >> 16 };
    noise[1] = (up_noise_t){ .s = s1, .t1 = (int16_t)t1, .t2 = t1 >> 16, .y1 = (int16_t)y1, .y2 = y1 >> 16 };
    return true;
}
#endif

void up_dither_process(up_dither_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    for (size_t t = 0; self->channels == 1 && t < n_frames; t++) {
        out[up_qat(1, t)] = 0;
    }
    for (size_t c = 0; c < self->channels; c++) {
        #if defined(UP_DSP)
        if (c % 2 == 0 && c + 1 < self->channels && dither_pair(self, self->noise + c, in, out + up_qat(c, 0), n_frames)) {
            c++;
            continue;
        }
        #endif
        dither_channel(self, self->noise + c, in, out + up_qat(c, 0), n_frames);
    }
}
