// SPDX-License-Identifier: MIT
// Block kernels of the effects and of audio input and output.
#ifndef UP_FX_H
#define UP_FX_H

#include "up_core.h"

UP_BEGIN_C

// The larger of `so_far` and max |x|; infinite if a sample is not finite.
float up_fx_peak(const float *x, size_t n_frames, float so_far);

// Little-endian PCM of 16, 24 or 32 bits, or float32 (bits == -32), full scale 1.0.
// One channel of interleaved frames to float; float to every channel, rounded, saturating.
bool up_fx_bits_ok(int bits);
void up_fx_unpack(const uint8_t *raw, float *out, size_t n_frames, int bits, size_t channels, size_t channel);
void up_fx_pack(const float *in, uint8_t *raw, size_t n_frames, int bits, size_t channels);

// Two signals to the two channels of stereo frames.
void up_fx_pack2(const float *left, const float *right, uint8_t *raw, size_t n_frames, int bits);

UP_END_C

#endif
