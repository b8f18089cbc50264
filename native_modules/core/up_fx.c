// SPDX-License-Identifier: MIT
// Block kernels of the effects and of audio input and output; see up_fx.h.
#include "up_fx.h"

float up_fx_peak(const float *x, size_t n_frames, float so_far) {
    uint32_t worst = up_bits(so_far) & 0x7fffffffu; // magnitudes order like their bits
    for (size_t t = 0; t < n_frames; t++) {
        uint32_t magnitude = up_bits(x[t]) & 0x7fffffffu;
        worst = magnitude > worst ? magnitude : worst;
    }
    return up_from_bits(worst > 0x7f800000u ? 0x7f800000u : worst);
}

bool up_fx_bits_ok(int bits) {
    return bits == 16 || bits == 24 || bits == 32 || bits == -32;
}

// Little-endian bytes of one sample, in the top of a word; `width` is a constant where it is inlined.
static inline uint32_t fx_read(const uint8_t *raw, int width) {
    uint32_t u = 0;
    #pragma GCC unroll 4
    for (int i = 0; i < width; i++) {
        u |= (uint32_t)raw[i] << 8 * (4 - width + i);
    }
    return u;
}

static inline void fx_unpack_pcm(const uint8_t *raw, float *out, size_t n, int width, size_t step) {
    for (size_t t = 0; t < n; t++, raw += step) {
        out[t] = (float)(int32_t)fx_read(raw, width) * (1.0f / 2147483648.0f);
    }
}

void up_fx_unpack(const uint8_t *raw, float *out, size_t n_frames, int bits, size_t channels, size_t channel) {
    size_t width = (size_t)(bits < 0 ? -bits : bits) / 8, step = channels * width;
    raw += channel * width;
    switch (bits) {
        case 16: fx_unpack_pcm(raw, out, n_frames, 2, step); break;
        case 24: fx_unpack_pcm(raw, out, n_frames, 3, step); break;
        case 32: fx_unpack_pcm(raw, out, n_frames, 4, step); break;
        default:
            for (size_t t = 0; t < n_frames; t++, raw += step) {
                out[t] = up_from_bits(fx_read(raw, 4));
            }
    }
}

// Nearest integer to x * 2^(bits-1), halves away from zero, saturating; NaN gives 0.
static int32_t fx_round(float x, int bits) {
    float full = (float)(1u << (bits - 1)), y = x * full;
    if (!(y > -full)) {
        return y <= -full ? -(int32_t)(1u << (bits - 2)) * 2 : 0;
    }
    if (y >= full) {
        return (int32_t)((1u << (bits - 1)) - 1);
    }
    int32_t i = (int32_t)y;
    float rest = y - (float)i;
    i += rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0;
    int32_t top = (int32_t)((1u << (bits - 1)) - 1);
    return i > top ? top : i;
}

static inline uint8_t *fx_write(uint8_t *raw, uint32_t u, int width, size_t channels) {
    for (size_t c = 0; c < channels; c++) {
        #pragma GCC unroll 4
        for (int i = 0; i < width; i++) {
            *raw++ = (uint8_t)(u >> 8 * i);
        }
    }
    return raw;
}

static inline void fx_pack_pcm(const float *in, uint8_t *raw, size_t n, int bits, size_t channels) {
    for (size_t t = 0; t < n; t++) {
        raw = fx_write(raw, (uint32_t)fx_round(in[t], bits), bits / 8, channels);
    }
}

void up_fx_pack(const float *in, uint8_t *raw, size_t n_frames, int bits, size_t channels) {
    switch (bits) {
        case 16: fx_pack_pcm(in, raw, n_frames, 16, channels); break;
        case 24: fx_pack_pcm(in, raw, n_frames, 24, channels); break;
        case 32: fx_pack_pcm(in, raw, n_frames, 32, channels); break;
        default:
            for (size_t t = 0; t < n_frames; t++) {
                raw = fx_write(raw, up_bits(in[t]), 4, channels);
            }
    }
}

void up_fx_pack2(const float *left, const float *right, uint8_t *raw, size_t n_frames, int bits) {
    for (size_t t = 0; t < n_frames; t++) {
        if (bits == -32) {
            raw = fx_write(fx_write(raw, up_bits(left[t]), 4, 1), up_bits(right[t]), 4, 1);
        } else {
            raw = fx_write(raw, (uint32_t)fx_round(left[t], bits), bits / 8, 1);
            raw = fx_write(raw, (uint32_t)fx_round(right[t], bits), bits / 8, 1);
        }
    }
}
