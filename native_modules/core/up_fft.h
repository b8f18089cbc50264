// SPDX-License-Identifier: MIT
// A fast Fourier transform for convolving real signals in blocks of P = 16, 64 or 256 frames.
//
// A block x[0..P) is the polynomial sum x[n] z^n; its transform are the values at the P roots of z^P = i. What
// multiplies the transforms of two blocks multiplies the polynomials modulo z^P - i: of the 2P - 1 frames that
// convolving gives, the first P come back as real parts, and those from P on, times i, as imaginary ones. So
// 2P real frames are one complex transform of P points, without a pass that untangles them, and no bin is special.
// (Right-angle convolution: Crandall and Fagin, "Discrete weighted transforms and large-integer arithmetic", 1994.)
//
// Radix 4, in place, each pass by the factors of z^4L - r^4 = (z^L - r)(z^L + r)(z^L - ir)(z^L + ir): the twisted
// form of Gentleman and Sande's (Bernstein, "Multidigit multiplication for mathematicians", 2001). All butterflies
// of a block share three factors r, r^2, r^3; P points come out in the order of the tree of blocks, which a
// convolution does not mind.
#ifndef UP_FFT_H
#define UP_FFT_H

#include "up_core.h"

UP_BEGIN_C

// r, r^2 and r^3 of a block. Blocks are numbered as in a tree: the whole is 0, those of block b are 4 b + 1 to 4 b + 4.
typedef struct {
    float re[3], im[3];
} up_fft_block_t;

#define UP_FFT_BLOCKS(size) (((size) - 1) / 3) // of a transform: 5, 21 or 85

// [setup] The same for all sizes, as far as n goes.
void up_fft_blocks(up_fft_block_t *blocks, uint32_t n);

// Complex points lie in fours: four real parts, then four imaginary ones. From one four to the next are `stride`
// floats. A pass is made of size / 16 pieces of four butterflies; `from` and `to` say which of them are done.
typedef struct {
    uint32_t size, passes;
    const up_fft_block_t *blocks;
} up_fft_t;

// Pass 0 reads real frames, one behind the other; the others work in place.
void up_fft_forward(const up_fft_t *self, const float *in, float *data, size_t stride, uint32_t from, uint32_t to);

// Back, times P.
void up_fft_inverse(const up_fft_t *self, float *data, size_t stride, uint32_t from, uint32_t to);

UP_END_C

#endif
