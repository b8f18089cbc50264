// SPDX-License-Identifier: MIT
// The transform of a block of frames; see up_fft.h.
#include "up_fft.h"

#include "up_math.h"

// Of block b in turns: the angle of the number that the block's z^4L is reduced to.
static float fft_turns(uint32_t b) {
    float turns = 0.0f, scale = 1.0f;
    for (; b; b = (b - 1) / 4, scale *= 0.25f) {
        uint32_t child = (b - 1) % 4; // r, -r, ir, -ir
        turns += scale * (0.25f * (float)((child & 1) * 2 + (child >> 1)));
    }
    return turns + 0.25f * scale; // exact: a few bits
}

void up_fft_blocks(up_fft_block_t *blocks, uint32_t n) {
    for (uint32_t b = 0; b < n; b++) {
        float turns = 0.25f * fft_turns(b);
        for (int k = 0; k < 3; k++) {
            blocks[b].re[k] = up_cos_turns(turns * (float)(k + 1));
            blocks[b].im[k] = up_sin_turns(turns * (float)(k + 1));
        }
    }
}

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#include "up_fft_vfp.h"
#else
// The parts of w x.
static inline float fft_re(float w_re, float w_im, float re, float im) {
    return up_fma(-w_im, im, w_re * re);
}
static inline float fft_im(float w_re, float w_im, float re, float im) {
    return up_fma(w_im, re, w_re * im);
}

// Real frames, a quarter of the block apart.
static void fft_first(const up_fft_block_t *block, const float *in, size_t quarter, float *data, size_t step) {
    const float w1_re = block->re[0], w1_im = block->im[0], w2_re = block->re[1], w2_im = block->im[1];
    const float w3_re = block->re[2], w3_im = block->im[2];
    for (int l = 0; l < 4; l++) {
        float a = in[l], b = in[l + quarter], c = in[l + 2 * quarter], d = in[l + 3 * quarter];
        float b_re = w1_re * b, b_im = w1_im * b, c_re = w2_re * c, c_im = w2_im * c;
        float d_re = w3_re * d, d_im = w3_im * d;
        float s_re = a + c_re, t_re = a - c_re;
        float u_re = b_re + d_re, u_im = b_im + d_im, v_re = b_re - d_re, v_im = b_im - d_im;
        float *out0 = data, *out1 = data + step, *out2 = data + 2 * step, *out3 = data + 3 * step;
        out0[l] = s_re + u_re;
        out0[l + 4] = c_im + u_im;
        out1[l] = s_re - u_re;
        out1[l + 4] = c_im - u_im;
        out2[l] = t_re - v_im;
        out2[l + 4] = v_re - c_im;
        out3[l] = t_re + v_im;
        out3[l + 4] = -c_im - v_re;
    }
}

// a, b, c, d -> a + w1 b + w2 c + w3 d at r, -r, ir and -ir.
static inline void fft_four(const up_fft_block_t *block, float *q0, float *q1, float *q2, float *q3) {
    const float w1_re = block->re[0], w1_im = block->im[0], w2_re = block->re[1], w2_im = block->im[1];
    const float w3_re = block->re[2], w3_im = block->im[2];
    float b_re = fft_re(w1_re, w1_im, q1[0], q1[4]), b_im = fft_im(w1_re, w1_im, q1[0], q1[4]);
    float c_re = fft_re(w2_re, w2_im, q2[0], q2[4]), c_im = fft_im(w2_re, w2_im, q2[0], q2[4]);
    float d_re = fft_re(w3_re, w3_im, q3[0], q3[4]), d_im = fft_im(w3_re, w3_im, q3[0], q3[4]);
    float s_re = q0[0] + c_re, s_im = q0[4] + c_im, t_re = q0[0] - c_re, t_im = q0[4] - c_im;
    float u_re = b_re + d_re, u_im = b_im + d_im, v_re = b_re - d_re, v_im = b_im - d_im;
    q0[0] = s_re + u_re;
    q0[4] = s_im + u_im;
    q1[0] = s_re - u_re;
    q1[4] = s_im - u_im;
    q2[0] = t_re - v_im;
    q2[4] = t_im + v_re;
    q3[0] = t_re + v_im;
    q3[4] = t_im - v_re;
}

// q0..q3 at r, -r, ir, -ir -> a, b, c, d, times 4.
static inline void back_four(const up_fft_block_t *block, float *q0, float *q1, float *q2, float *q3) {
    const float w1_re = block->re[0], w1_im = -block->im[0], w2_re = block->re[1], w2_im = -block->im[1];
    const float w3_re = block->re[2], w3_im = -block->im[2];
    float s_re = q0[0] + q1[0], s_im = q0[4] + q1[4], u_re = q0[0] - q1[0], u_im = q0[4] - q1[4];
    float t_re = q2[0] + q3[0], t_im = q2[4] + q3[4], v_re = q2[4] - q3[4], v_im = q3[0] - q2[0];
    float b_re = u_re + v_re, b_im = u_im + v_im, c_re = s_re - t_re, c_im = s_im - t_im;
    float d_re = u_re - v_re, d_im = u_im - v_im;
    q0[0] = s_re + t_re;
    q0[4] = s_im + t_im;
    q1[0] = fft_re(w1_re, w1_im, b_re, b_im);
    q1[4] = fft_im(w1_re, w1_im, b_re, b_im);
    q2[0] = fft_re(w2_re, w2_im, c_re, c_im);
    q2[4] = fft_im(w2_re, w2_im, c_re, c_im);
    q3[0] = fft_re(w3_re, w3_im, d_re, d_im);
    q3[4] = fft_im(w3_re, w3_im, d_re, d_im);
}

// Blocks of four points, a butterfly each; and four butterflies of one block.
#define FFT_SMALL(name, four) \
    static void name(const up_fft_block_t *block, float *data, size_t stride) { \
        for (int n = 0; n < 4; n++, block++, data += stride) { \
            four(block, data, data + 1, data + 2, data + 3); \
        } \
    }
#define FFT_WIDE(name, four) \
    static void name(const up_fft_block_t *block, float *data, size_t step) { \
        const up_fft_block_t here = *block; \
        float *q0 = data, *q1 = data + step, *q2 = data + 2 * step, *q3 = data + 3 * step; \
        _Pragma("GCC unroll 4") \
        for (int l = 0; l < 4; l++) { \
            four(&here, q0 + l, q1 + l, q2 + l, q3 + l); \
        } \
    }
FFT_SMALL(fft_last, fft_four)
FFT_SMALL(back_first, back_four)
FFT_WIDE(fft_next, fft_four)
FFT_WIDE(back_next, back_four)
#endif

void up_fft_forward(const up_fft_t *self, const float *in, float *data, size_t stride, uint32_t from, uint32_t to) {
    uint32_t pieces = self->size / 16, first = 0, quarter = pieces, pass = 0;
    for (uint32_t end = pieces; from < to; from++) {
        for (; from >= end; end += pieces) { // the next pass: blocks a quarter as long, behind the larger ones
            first = 4 * first + 1;
            quarter /= 4;
            pass++;
        }
        uint32_t piece = from - (end - pieces);
        if (pass == self->passes - 1) {
            fft_last(self->blocks + first + 4 * piece, data + 4 * piece * stride, stride);
            continue;
        }
        uint32_t block = piece / quarter;
        float *at = data + (piece + 3 * block * quarter) * stride;
        if (pass) {
            fft_next(self->blocks + first + block, at, quarter * stride);
        } else {
            fft_first(self->blocks, in + 4 * piece, self->size / 4, at, quarter * stride);
        }
    }
}

void up_fft_inverse(const up_fft_t *self, float *data, size_t stride, uint32_t from, uint32_t to) {
    uint32_t pieces = self->size / 16, first = UP_FFT_BLOCKS(self->size / 4), quarter = 0;
    for (uint32_t end = pieces; from < to; from++) {
        for (; from >= end; end += pieces) { // the next pass: blocks four times as long
            first = (first - 1) / 4;
            quarter = quarter ? 4 * quarter : 1;
        }
        uint32_t piece = from - (end - pieces);
        if (!quarter) {
            back_first(self->blocks + first + 4 * piece, data + 4 * piece * stride, stride);
        } else {
            uint32_t block = piece / quarter;
            back_next(self->blocks + first + block, data + (piece + 3 * block * quarter) * stride, quarter * stride);
        }
    }
}
