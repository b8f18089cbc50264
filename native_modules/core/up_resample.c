// SPDX-License-Identifier: MIT
// Polyphase resampler of the pair 44.1 and 48 kHz; see up_resample.h. The past lies in one
// stretch, moved down once every RESAMPLE_STRETCH frames, so that an output is one dot product.
#include "up_resample.h"
#include "up_matvec.h"

#define RESAMPLE_STRETCH 64
#define RESAMPLE_SPAN (2 * (int)UP_RESAMPLE_DELAY) // ticks
#define RESAMPLE_TERMS 26

// h(t) = sum_k c[k] cos(2 pi k t / span), from tools/design_resampler.py: stopband -83.9 dB from
// 24.6 kHz on, passband error -89.9 dB up to 18 kHz.
static const float resample_series[RESAMPLE_TERMS] = {
    0.0250008021f, 0.0499984007f, 0.0500015847f, 0.0499984385f, 0.0500015315f, 0.0499985046f, 0.0500014598f,
    0.0499985762f, 0.0500013996f, 0.0499986092f, 0.0500014036f, 0.049998558f, 0.0500015108f, 0.0499984124f,
    0.0500015721f, 0.0499989543f, 0.0499986998f, 0.0500500197f, 0.0486409145f, 0.0381840764f, 0.0179920841f,
    0.00350984147f, 9.3253306e-05f, 3.16901899e-06f, -9.08260786e-07f, -2.52987872e-07f,
};

// cos and sin of a, 0 <= a <= pi/4: Taylor series, the first term left out below 3e-8 and 2e-9.
static float resample_cos(float a) {
    float s = a * a, p = up_fma(s, 2.48015873e-5f, -1.38888889e-3f);
    p = up_fma(p, s, 4.16666667e-2f);
    p = up_fma(p, s, -0.5f);
    return up_fma(p, s, 1.0f);
}

static float resample_sin(float a) {
    float s = a * a, p = up_fma(s, 2.75573192e-6f, -1.98412698e-4f);
    p = up_fma(p, s, 8.33333333e-3f);
    p = up_fma(p, s, -1.66666667e-1f);
    return up_fma(p * s, a, a);
}

// (cos, sin) of 2 pi t / span for 0 <= t <= span / 2, from the first eighth of the circle.
static void resample_angle(int t, float *c, float *s) {
    const int half = RESAMPLE_SPAN / 2, quarter = half / 2;
    int mirrored = t > quarter ? half - t : t;
    int small = mirrored > quarter / 2 ? quarter - mirrored : mirrored;
    float a = (float)small * (6.283185307f / (float)RESAMPLE_SPAN);
    *c = small == mirrored ? resample_cos(a) : resample_sin(a);
    *s = small == mirrored ? resample_sin(a) : resample_cos(a);
    *c = t > quarter ? -*c : *c;
}

// h(t): the angles k t by turning on by t each time; within 1e-6 of the true value.
static float resample_prototype(int t) {
    float c, s, ck = 1.0f, sk = 0.0f, sum = resample_series[0];
    resample_angle(t, &c, &s);
    for (int k = 1; k < RESAMPLE_TERMS; k++) {
        float next = up_fma(ck, c, -(sk * s));
        sk = up_fma(sk, c, ck * s);
        ck = next;
        sum = up_fma(resample_series[k], ck, sum);
    }
    return sum;
}

up_resample_t *up_resample_layout(uint32_t from_hz, uint32_t to_hz, uint32_t extra, up_arena_t *arena) {
    uint32_t phases = UP_RESAMPLE_TICKS_HZ / from_hz;
    uint32_t taps = ((uint32_t)RESAMPLE_SPAN / phases + 7) & ~7u; // what the dot product likes: 40, 48
    up_resample_t *self = up_arena_take(arena, sizeof(up_resample_t));
    float *table = up_arena_take(arena, phases * taps * sizeof(float));
    float *past = up_arena_take(arena, (taps + UP_RESAMPLE_SLACK + RESAMPLE_STRETCH) * sizeof(float));
    if (!self || !table || !past) {
        return NULL;
    }
    *self = (up_resample_t){ table, past, self, 0, 0, 0, (uint16_t)phases, (uint16_t)taps,
        (uint16_t)(UP_RESAMPLE_TICKS_HZ / to_hz), (uint16_t)extra };
    return self;
}

// Tick n of the filter is phase n % phases of the tap that many frames back.
static void resample_put(up_resample_t *self, int n, float value) {
    uint32_t back = (uint32_t)n / self->phases, phase = (uint32_t)n % self->phases;
    self->table[phase * self->taps + self->taps - 1 - back] = value;
}

void up_resample_fill(up_resample_t *self) {
    float gain = (float)self->phases / 160.0f; // fewer ticks a frame: more taps in the sum
    for (size_t i = 0; i < (size_t)self->phases * self->taps; i++) {
        self->table[i] = 0.0f;
    }
    for (int t = 0; t < RESAMPLE_SPAN / 2; t++) { // at t = span / 2 it is 0
        float value = resample_prototype(t) * gain;
        resample_put(self, RESAMPLE_SPAN / 2 + t, value);
        resample_put(self, RESAMPLE_SPAN / 2 - t, value);
    }
}

void up_resample_reset(up_resample_t *self) {
    self->have = self->taps;
    self->at = self->have;
    self->phase = 0;
    if (self->extra) { // that many ticks before the first frame
        self->at--;
        self->phase = (uint32_t)self->phases - self->extra;
    }
    for (size_t i = 0; i < self->have; i++) {
        self->past[i] = 0.0f;
    }
}

size_t up_resample_ready(const up_resample_t *self, size_t n_in) {
    size_t frames = self->have + n_in;
    if (frames <= self->at) {
        return 0;
    }
    return ((frames - self->at) * self->phases - self->phase - 1) / self->step + 1;
}

// Writes what the frames at hand allow. Rows of the table are counted in floats.
static size_t resample_make(up_resample_t *self, float *restrict out, size_t n_out) {
    const size_t taps = self->taps, step = self->step * taps, size = self->phases * taps;
    const float *table = self->table, *past = self->past, *end = past + (self->have + 1 - taps);
    const float *x = past + (self->at + 1 - taps), zero = 0.0f;
    size_t row = self->phase * taps;
    float *to = out, *full = out + n_out;
    while (x < end && to < full) {
        UP_MATVEC_ONE(table + row, x, &zero, to++, taps);
        for (row += step; row >= size; row -= size) {
            x++;
        }
    }
    self->at = (uint32_t)((size_t)(x - past) + taps - 1);
    self->phase = (uint32_t)(row / taps);
    return (size_t)(to - out);
}

// Passes over outputs for which there is no room, as long as too many frames wait.
static void resample_drop(up_resample_t *self) {
    while (self->have > self->at + UP_RESAMPLE_SLACK) {
        for (self->phase += self->step; self->phase >= self->phases; self->phase -= self->phases) {
            self->at++;
        }
    }
}

// Moves the past down to what is still needed and puts up to a stretch of frames behind it.
static size_t resample_take(up_resample_t *self, const float *in, size_t n_in) {
    size_t old = self->at + 1 - self->taps, kept = self->have - old;
    size_t n = n_in < RESAMPLE_STRETCH ? n_in : RESAMPLE_STRETCH;
    float *to = self->past;
    for (size_t i = 0; i < kept; i++) {
        to[i] = to[i + old];
    }
    to += kept;
    for (size_t i = 0; i < n; i++) {
        to[i] = up_is_finite(in[i]) ? in[i] : 0.0f;
    }
    self->at -= (uint32_t)old;
    self->have = (uint32_t)(kept + n);
    return n;
}

size_t up_resample_process(up_resample_t *self, const float *in, size_t n_in, float *UP_RESTRICT out, size_t n_out) {
    size_t done = resample_make(self, out, n_out);
    while (n_in) {
        size_t n = resample_take(self, in, n_in);
        in += n;
        n_in -= n;
        done += resample_make(self, out + done, n_out - done);
        resample_drop(self);
    }
    return done;
}
