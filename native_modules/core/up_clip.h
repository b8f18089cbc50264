// SPDX-License-Identifier: MIT
// The clipper of up_drive.c, its only user: oversampling, curves, and the filters and levels around them.
//
// Up and down by polyphase half-band filters: the mean of two chains of all-pass sections
// (a + z^-1) / (1 + a z^-1), one for even and one for odd samples; elliptic, after Valenzuela and
// Constantinides, "Digital signal processing schemes for efficient interpolation and decimation", 1983.
//
// Curves f are averaged over each step from the last input p to x, (F(x) - F(p)) / (x - p) with F' = f: Parker,
// Zavalishin and Le Bivic, "Reducing the aliasing of nonlinear waveshaping using continuous-time convolution",
// 2016. The quotients are written so that nothing cancels, however small the step.
#ifndef UP_CLIP_H
#define UP_CLIP_H

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif
#include "up_drive.h"

#define DRIVE_INLINE static inline __attribute__((always_inline))
#define DRIVE_TINY 1e-18f    // added to the input: filters that ring out do not reach denormal numbers
#define DRIVE_LOW 0.4f       // where the lopsided curve's lower half ends, the upper's is 1
#define DRIVE_DC_HZ 8.0f     // below that is blocked after the curve
#define DRIVE_FADE (1.0f / 128.0f)

// Correctly rounded where there is an instruction; elsewhere within 2e-7.
static inline float drive_root(float x) {
    #if defined(__SSE2__)
    return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
    #elif (defined(__ARM_FP) && (__ARM_FP & 4)) || defined(__aarch64__)
    return __builtin_sqrtf(x); // without -fno-math-errno it needs libm
    #else
    float y = up_from_bits(0x5f3759dfu - (up_bits(x) >> 1)), half = 0.5f * x;
    for (int i = 0; i < 3; i++) {
        y *= up_fma(-half * y, y, 1.5f);
    }
    return x * y;
    #endif
}

// ---- half-band filters --------------------------------------------------------------------------

// Stopband -80 dB above 28 of 96 kHz, -89 dB above 72 of 192 kHz, -94 dB above 168 of 384 kHz.
#define DRIVE_STAGE1 { 0.0610907001f, 0.430463832f, 0.876656677f, 0.2210652f, 0.650964801f }
#define DRIVE_STAGE2 { 0.0702240593f, 0.684541359f, 0.28508628f }
#define DRIVE_STAGE3 { 0.112484668f, 0.540805537f }

// One sample through n sections; s: what went into each last time, and what came out of the last.
DRIVE_INLINE float drive_chain(float x, const float *a, float *s, int n) {
    #pragma GCC unroll 3
    for (int i = 0; i < n; i++) {
        float y = up_fma(a[i], x - s[i + 1], s[i]);
        s[i] = x;
        x = y;
    }
    s[n] = x;
    return x;
}

DRIVE_INLINE void drive_copy(float *to, const float *from, int n) {
    #pragma GCC unroll 7
    for (int i = 0; i < n; i++) {
        to[i] = from[i];
    }
}

// n frames to 2 n. `in` may be the upper half of `out`. a: the even chain's coefficients, then the odd one's.
DRIVE_INLINE void drive_double(const float *in, float *out, size_t n, const float *a, int even, int odd, float *state) {
    float s[7];
    drive_copy(s, state, even + odd + 2);
    #pragma GCC unroll 2
    for (size_t i = 0; i < n; i++) {
        float x = in[i];
        out[2 * i] = drive_chain(x, a, s, even);
        out[2 * i + 1] = drive_chain(x, a + even, s + even + 1, odd);
    }
    drive_copy(state, s, even + odd + 2);
}

// 2 n frames to n, in place or elsewhere.
DRIVE_INLINE void drive_halve(const float *in, float *out, size_t n, const float *a, int even, int odd, float *state) {
    float s[7];
    drive_copy(s, state, even + odd + 2);
    #pragma GCC unroll 2
    for (size_t i = 0; i < n; i++) {
        float x = in[2 * i], y = drive_chain(in[2 * i + 1], a, s, even);
        out[i] = 0.5f * (y + drive_chain(x, a + even, s + even + 1, odd));
    }
    drive_copy(state, s, even + odd + 2);
}

// x at 2^stages times the rate: in `buffer`, or x itself for no stages.
static float *drive_up(up_clipper_t *self, float *x, float *buffer, size_t n, uint32_t stages) {
    static const float a[] = DRIVE_STAGE1, b[] = DRIVE_STAGE2, c[] = DRIVE_STAGE3;
    if (stages == 0) {
        return x;
    }
    float *at = buffer + (n << stages) - 2 * n; // each stage's result is the upper half of the next one's
    drive_double(x, at, n, a, 3, 2, self->up);
    if (stages > 1) {
        float *in = at;
        at -= 2 * n;
        drive_double(in, at, 2 * n, b, 2, 1, self->up + 7);
    }
    if (stages > 2) {
        drive_double(at, buffer, 4 * n, c, 1, 1, self->up + 12);
    }
    return buffer;
}

static void drive_down(up_clipper_t *self, float *buffer, float *x, size_t n, uint32_t stages) {
    static const float a[] = DRIVE_STAGE1, b[] = DRIVE_STAGE2, c[] = DRIVE_STAGE3;
    if (stages > 2) {
        drive_halve(buffer, buffer, 4 * n, c, 1, 1, self->down + 12);
    }
    if (stages > 1) {
        drive_halve(buffer, buffer, 2 * n, b, 2, 1, self->down + 7);
    }
    if (stages) {
        drive_halve(buffer, x, n, a, 3, 2, self->down);
    }
}

// ---- curves -------------------------------------------------------------------------------------

// f = x / sqrt(1 + x^2), F = sqrt(1 + x^2): the mean is (x + p) / (F(x) + F(p)).
static void drive_soft(up_clipper_t *self, float *u, size_t n) {
    float p = self->x, rp = self->root;
    for (size_t i = 0; i < n; i++) {
        float x = u[i], r = drive_root(up_fma(x, x, 1.0f));
        u[i] = (x + p) / (r + rp);
        p = x, rp = r;
    }
    self->x = p, self->root = rp;
}

// The last input, its root, and where its half of the curve ends.
typedef struct {
    float x, root, end;
} drive_lopsided_t;

static drive_lopsided_t drive_lopsided_from(const up_clipper_t *self) {
    return (drive_lopsided_t){ self->x, self->root, self->x < 0.0f ? DRIVE_LOW : 1.0f };
}

// The same, but for x < 0 it is l f(x / l), l = DRIVE_LOW: F = l x^2 / (l + sqrt(l^2 + x^2)) on either side.
DRIVE_INLINE float drive_lopsided(drive_lopsided_t *last, float x) {
    drive_lopsided_t p = *last;
    float l = x < 0.0f ? DRIVE_LOW : 1.0f, r = drive_root(up_fma(x, x, l * l));
    *last = (drive_lopsided_t){ x, r, l };
    if (l == p.end) {
        return l * (x + p.x) / (r + p.root);
    }
    float a = l + r, b = p.end + p.root;
    return up_fma(l * x * x, b, -(p.end * p.x * p.x * a)) / (a * b * (x - p.x));
}

static void drive_asymmetric(up_clipper_t *self, float *u, size_t n) {
    drive_lopsided_t last = drive_lopsided_from(self);
    for (size_t i = 0; i < n; i++) {
        u[i] = drive_lopsided(&last, u[i]);
    }
    self->x = last.x, self->root = last.root;
}

// f = x between -1 and 1, which it does not leave. What is over the edge counts in F as it is.
static void drive_hard(up_clipper_t *self, float *u, size_t n) {
    float p = self->x, cp = self->root, over_p = p * cp > 0.0f ? (p - cp) * cp : 0.0f;
    for (size_t i = 0; i < n; i++) {
        float x = u[i], c = x > 1.0f ? 1.0f : x < -1.0f ? -1.0f : x, over = (x - c) * c;
        if (c == cp || over + over_p == 0.0f) {
            u[i] = 0.5f * (c + cp);
        } else {
            u[i] = (up_fma(0.5f * (c - cp), c + cp, over) - over_p) / (x - p);
        }
        p = x, cp = c, over_p = over;
    }
    self->x = p, self->root = cp;
}

// f = sin(pi x / 16): the mean over the step is f in its middle times sin(h) / h, h = pi (x - p) / 32.
static void drive_fold(up_clipper_t *self, float *u, size_t n) {
    float p = self->x;
    for (size_t i = 0; i < n; i++) {
        float x = u[i], t = (1.0f / 64.0f) * (x - p), q = t * t; // t: h in turns
        float sinc = q < 1e-4f ? up_fma(q, -6.5797363f, 1.0f) : up_sin_turns(t) / (t * 6.2831853f);
        u[i] = up_sin_turns((1.0f / 64.0f) * (x + p)) * sinc;
        p = x;
    }
    self->x = p;
}

static void drive_curve(up_clipper_t *self, float *u, size_t n, uint32_t clip) {
    switch (clip & 3u) {
        case UP_CLIP_SOFT: drive_soft(self, u, n); break;
        case UP_CLIP_HARD: drive_hard(self, u, n); break;
        case UP_CLIP_ASYMMETRIC: drive_asymmetric(self, u, n); break;
        default: drive_fold(self, u, n);
    }
}

// ---- around the curve ---------------------------------------------------------------------------

// First-order low-pass by the trapezoidal rule; its share is t / (1 + t), t = tan(pi corner / rate).
DRIVE_INLINE float drive_low(float x, float *s, float share) {
    float v = (x - *s) * share, y = *s + v;
    *s = y + v;
    return y;
}

UP_ONCE float drive_share(float hz, float rate_hz) {
    float t = up_tan_half_turns(up_limit(hz / rate_hz, 1e-5f, 0.45f));
    return t / (1.0f + t);
}

UP_ONCE float drive_slow_share(float hz, float rate_hz) { // for a corner that is low, tan a = a
    float t = up_limit(UP_PI * hz / rate_hz, 1e-6f, 0.2f);
    return t / (1.0f + t);
}

UP_ONCE float drive_gain(float db) {
    return up_from_db(up_limit(db, -80.0f, 80.0f));
}

static void drive_rest(up_clipper_t *self) {
    *self = (up_clipper_t){ .mode = self->mode };
    self->root = ((self->mode - 1u) >> 2) == UP_CLIP_HARD ? 0.0f : 1.0f;
}

// A new curve or another oversampling: fade out, change, fade in.
static void drive_choose(up_clipper_t *self, float clip, float oversample) {
    uint32_t mode = 4u * (uint32_t)(up_limit(clip, 0.0f, 3.0f) + 0.5f) + (uint32_t)(up_limit(oversample, 0.0f, 3.0f) + 0.5f) + 1u;
    bool at_rest = self->mode == 0, gone = !(self->fade < 1.0f);
    if (mode != self->mode && (at_rest || gone)) {
        self->mode = mode;
        drive_rest(self);
        self->fade = at_rest ? 0.0f : 1.0f;
    }
    self->fade = up_limit(self->fade, 0.0f, 1.0f);
    self->fade_step = mode != self->mode ? DRIVE_FADE : self->fade > 0.0f ? -DRIVE_FADE : 0.0f;
}

// After the curve: no DC, low-pass, level. Puts the state right if it is not finite.
static void drive_after(up_clipper_t *self, float *x, size_t n, float dc_share, up_glide_t *corner, up_glide_t *level) {
    float dc = self->dc, post = self->post, share = corner->now, gain = level->now;
    float share_step = corner->step, gain_step = level->step;
    #pragma GCC unroll 2
    for (size_t i = 0; i < n; i++) {
        share += share_step;
        gain += gain_step;
        float y = x[i] - drive_low(x[i], &dc, dc_share);
        x[i] = gain * drive_low(y, &post, share);
    }
    self->dc = dc, self->post = post, corner->now = share, level->now = gain;
    if (self->fade_step != 0.0f || self->fade != 0.0f) {
        for (size_t i = 0; i < n; i++) {
            self->fade += self->fade_step;
            x[i] *= 1.0f - self->fade;
        }
    }
    if (!up_is_finite(x[n - 1])) {
        drive_rest(self);
        for (size_t i = 0; i < n; i++) {
            x[i] = 0.0f;
        }
    }
}

// x through the curve at the higher rate.
UP_ONCE void drive_clip(up_clipper_t *self, float *x, size_t n) {
    float buffer[8 * UP_CONTROL];
    uint32_t stages = (self->mode - 1u) & 3u;
    float *u = drive_up(self, x, buffer, n, stages);
    drive_curve(self, u, n << stages, (self->mode - 1u) >> 2);
    drive_down(self, u, x, n, stages);
}

#endif
