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

void up_dither_process(up_dither_t *self, const int16_t *in, int16_t *out, size_t n_frames) {
    for (size_t t = 0; self->channels == 1 && t < n_frames; t++) {
        out[up_qat(1, t)] = 0;
    }
    for (size_t c = 0; c < self->channels; c++) {
        dither_channel(self, self->noise + c, in, out + up_qat(c, 0), n_frames);
    }
}
