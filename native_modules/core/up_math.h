// SPDX-License-Identifier: MIT
// The few functions effects compute their coefficients by: no libm, the same bits on every target with
// a fused multiply-add. Relative error at most 3e-7, or what a line says. Inputs that are not finite give
// finite results.
#ifndef UP_MATH_H
#define UP_MATH_H

#include "up_core.h"

#define UP_PI 3.14159265f

// Code lies in RAM on a pedal: one copy of what is called between samples only.
#define UP_ONCE static __attribute__((noinline, unused))

static inline float up_limit(float x, float low, float high) { // NaN becomes low
    return x > low ? x < high ? x : high : low;
}

// 2^x for x in -126..127, outside as at the ends: 2^n times the series of e^(f ln 2), |f| <= 1/2.
UP_ONCE float up_exp2(float x) {
    x = up_limit(x, -126.0f, 127.0f);
    int32_t n = (int32_t)(x + (x < 0.0f ? -0.5f : 0.5f));
    float f = (x - (float)n) * 0.69314718f;
    float y = up_fma(f, 1.9841270e-4f, 1.3888889e-3f);
    y = up_fma(f, y, 8.3333333e-3f);
    y = up_fma(f, y, 4.1666667e-2f);
    y = up_fma(f, y, 1.6666667e-1f);
    y = up_fma(f, y, 0.5f);
    y = up_fma(f, y, 1.0f);
    y = up_fma(f, y, 1.0f);
    return y * up_from_bits((uint32_t)(n + 127) << 23);
}

// log2(x), absolute error 2e-7 near 1; x below 2^-126 counts as that. ln m = 2 artanh((m - 1) / (m + 1)).
UP_ONCE float up_log2(float x) {
    uint32_t bits = up_bits(up_limit(x, 1.1754944e-38f, 3.4e38f));
    int32_t e = ((int32_t)bits - 0x3f3504f3) >> 23; // m in sqrt(1/2)..sqrt(2)
    float m = up_from_bits(bits - ((uint32_t)e << 23));
    float s = (m - 1.0f) / (m + 1.0f), q = s * s;
    float y = up_fma(q, 0.32059890f, 0.41219858f); // 2 / (k ln 2), k = 9, 7, 5, 3, 1
    y = up_fma(q, y, 0.57707802f);
    y = up_fma(q, y, 0.96179669f);
    y = up_fma(q, y, 2.8853901f);
    return up_fma(s, y, (float)e);
}

// sin(2 pi t), |t| <= 1e6, absolute error 2e-7: the series on a quarter turn.
UP_ONCE float up_sin_turns(float t) {
    t = up_limit(t, -1e6f, 1e6f);
    t -= (float)(int32_t)(t + (t < 0.0f ? -0.5f : 0.5f));
    t = t > 0.25f ? 0.5f - t : t < -0.25f ? -0.5f - t : t;
    float u = t * 6.2831853f, q = u * u;
    float y = up_fma(q, -2.5052108e-8f, 2.7557319e-6f);
    y = up_fma(q, y, -1.9841270e-4f);
    y = up_fma(q, y, 8.3333333e-3f);
    y = up_fma(q, y, -1.6666667e-1f);
    return up_fma(u * q, y, u);
}

static inline float up_cos_turns(float t) {
    return up_sin_turns(t + 0.25f);
}

// tan(pi t) for t in 0..0.499: the bilinear transform's warped frequency, t = f / rate.
static inline float up_tan_half_turns(float t) {
    t = 0.5f * up_limit(t, 0.0f, 0.499f);
    return up_sin_turns(t) / up_cos_turns(t);
}

static inline float up_sqrt(float x) { // 0 for what is not positive
    return x > 0.0f ? up_exp2(0.5f * up_log2(x)) : 0.0f;
}

static inline float up_from_db(float db) { // 10^(db / 20)
    return up_exp2(db * 0.16609640f);
}

static inline float up_to_db(float gain) { // 20 log10(gain), at least -758
    return up_log2(gain) * 6.0205999f;
}

#endif
