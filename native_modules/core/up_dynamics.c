// SPDX-License-Identifier: MIT
// Effects that follow the level; see up_dynamics.h.
#include "up_dynamics.h"

#define DYNAMICS_BUCKET_S 0.004f

static float dynamics_larger(float a, float b) { // a where b is not a number
    return b > a ? b : a;
}

UP_ONCE float dynamics_window(up_window_t *self, float value, uint32_t puts) {
    self->now = dynamics_larger(value, self->now);
    float most = dynamics_larger(self->now, self->past[0]);
    most = dynamics_larger(dynamics_larger(most, self->past[1]), self->past[2]);
    self->left = self->left < puts ? self->left : puts;
    if (self->left == 0) {
        self->past[2] = self->past[1];
        self->past[1] = self->past[0];
        self->past[0] = self->now;
        self->now = 0.0f;
        self->left = puts;
    }
    self->left--;
    return most;
}

static uint32_t dynamics_puts(float rate_hz, float step) { // of values that are `step` frames apart, in a bucket
    return (uint32_t)up_limit(DYNAMICS_BUCKET_S * rate_hz / step + 0.5f, 1.0f, 1e6f);
}

static float dynamics_peak(uint32_t *bits) { // 0 where it is not finite; and starts again
    float peak = up_from_bits(*bits & 0x7fffffffu);
    *bits = 0;
    return up_is_finite(peak) ? peak : 0.0f;
}

static inline uint32_t dynamics_most(uint32_t most, float x) { // magnitudes order like their bits
    uint32_t magnitude = up_bits(x) & 0x7fffffffu;
    return magnitude > most ? magnitude : most;
}

UP_ONCE float dynamics_frames(float ms, float rate_hz) { // at least 1
    return up_limit(ms * rate_hz * 1e-3f, 1.0f, 1e8f);
}

// The share of the way that one pole of `ms` goes in `step` frames: 1 - e^(-step / frames).
UP_ONCE float dynamics_share(float ms, float rate_hz, float step) {
    return 1.0f - up_exp2(-1.4426950f * step / dynamics_frames(ms, rate_hz));
}

// ---- gate ---------------------------------------------------------------------------------------

static void gate_decide(up_gate_t *self, float level) {
    float threshold = up_limit(self->threshold_db, -150.0f, 60.0f);
    if (level >= up_from_db(threshold)) {
        self->open = 1;
        self->held = 0.0f;
    } else if (level >= up_from_db(threshold - up_limit(self->hysteresis_db, 0.0f, 60.0f))) {
        self->held = 0.0f;
    } else if (self->open) {
        self->held = up_limit(self->held, 0.0f, 1e9f) + (float)UP_CONTROL;
        self->open = self->held <= self->hold_ms * self->rate_hz * 1e-3f;
    }
}

static void gate_control(up_gate_t *self) {
    float range = up_limit(self->range_db, -120.0f, 0.0f), low = up_from_db(range);
    gate_decide(self, dynamics_window(&self->window, dynamics_peak(&self->peak), dynamics_puts(self->rate_hz, UP_CONTROL)));
    float now = self->awake ? up_limit(self->gain.now, 0.0f, 1.0f) : low, goal = self->open ? 1.0f : low, next = now;
    if (now < goal) {
        next = now + (float)UP_CONTROL / dynamics_frames(self->attack_ms, self->rate_hz);
        next = next < goal ? next : goal;
    } else if (now > goal) {
        next = now * up_from_db(range * (float)UP_CONTROL / dynamics_frames(self->release_ms, self->rate_hz));
        next = dynamics_larger(goal, next);
    }
    self->gain.now = now;
    self->gain.step = (next - now) * (1.0f / (float)UP_CONTROL);
    self->awake = 1;
}

static void gate_run(up_gate_t *self, float *x, size_t n) {
    float gain = self->gain.now, step = self->gain.step;
    uint32_t most = self->peak;
    #pragma GCC unroll 2
    for (size_t t = 0; t < n; t++) {
        gain += step;
        most = dynamics_most(most, x[t]);
        x[t] *= gain;
    }
    self->gain.now = gain;
    self->peak = most;
}

void up_gate(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_gate_t *self = state;
    UP_PIECES(self, x, n_frames, gate_control, gate_run)
}

// ---- compressor ---------------------------------------------------------------------------------

static void compressor_control(up_compressor_t *self) {
    bool at_rest = !self->awake;
    float rate_hz = self->rate_hz, step = (float)UP_COMPRESSOR_STEP;
    up_glide(&self->threshold, up_limit(self->threshold_db, -120.0f, 60.0f), rate_hz, at_rest);
    up_glide(&self->slope, 1.0f - 1.0f / up_limit(self->ratio, 1.0f, 1000.0f), rate_hz, at_rest);
    up_glide(&self->knee, up_limit(self->knee_db, 0.0f, 60.0f), rate_hz, at_rest);
    up_glide(&self->makeup, up_limit(self->makeup_db, -60.0f, 60.0f), rate_hz, at_rest);
    up_glide(&self->mix_now, up_limit(self->mix, 0.0f, 1.0f), rate_hz, at_rest);
    self->attack = dynamics_share(self->attack_ms, rate_hz, step);
    self->release = dynamics_share(self->release_ms, rate_hz, step);
    self->bucket = dynamics_puts(rate_hz, step);
    self->level = at_rest ? -1.0f : self->level; // no level yet
}

static float compressor_on(up_glide_t *glide) { // its value, moved on by a step
    float now = glide->now;
    glide->now = up_fma((float)UP_COMPRESSOR_STEP, glide->step, now);
    return now;
}

// By how many dB the curve is below the level: eq. 4, less the level.
static float compressor_curve(up_compressor_t *self, float level_db) {
    float over = level_db - compressor_on(&self->threshold), slope = compressor_on(&self->slope);
    float knee = compressor_on(&self->knee), into = over + 0.5f * knee;
    return into <= 0.0f ? 0.0f : into < knee ? slope * into * into / (2.0f * knee) : slope * over;
}

// A new gain to go to in the next UP_COMPRESSOR_STEP frames.
static void compressor_step(up_compressor_t *self) {
    float level = dynamics_window(&self->window, dynamics_peak(&self->peak), self->bucket);
    if (level != self->level) { // which mostly stands still
        self->level = level;
        self->level_db = up_to_db(up_limit(level, 1e-9f, 1e3f));
    }
    float wanted = compressor_curve(self, self->level_db), now = self->reduction_db;
    now = up_fma(wanted - now, wanted > now ? self->attack : self->release, now);
    self->reduction_db = up_limit(now, 0.0f, 120.0f);
    float gain = up_from_db(compressor_on(&self->makeup) - self->reduction_db);
    gain = up_fma(compressor_on(&self->mix_now), gain - 1.0f, 1.0f);
    if (!self->awake || !up_is_finite(self->gain.now)) {
        self->gain.now = gain;
    }
    self->gain.step = (gain - self->gain.now) * (1.0f / (float)UP_COMPRESSOR_STEP);
    self->awake = 1;
}

static void compressor_run(up_compressor_t *self, float *x, size_t n) {
    size_t at = (UP_CONTROL - self->left - n) % UP_COMPRESSOR_STEP; // frames into a step
    while (n) {
        if (at == 0) {
            compressor_step(self);
        }
        size_t m = UP_COMPRESSOR_STEP - at < n ? UP_COMPRESSOR_STEP - at : n;
        float gain = self->gain.now, step = self->gain.step;
        uint32_t most = self->peak;
        #pragma GCC unroll 2
        for (size_t t = 0; t < m; t++) {
            gain += step;
            most = dynamics_most(most, x[t]);
            x[t] *= gain;
        }
        self->gain.now = gain;
        self->peak = most;
        at = 0;
        x += m;
        n -= m;
    }
}

void up_compressor(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_compressor_t *self = state;
    UP_PIECES(self, x, n_frames, compressor_control, compressor_run)
}

// ---- limiter ------------------------------------------------------------------------------------

#define LIMITER_MARGIN 0.999999f // of the gain, for roundings; a cut at the ceiling takes the rest

static void limiter_rest(up_limiter_t *self, float ceiling) {
    for (size_t i = 0; i < UP_LIMITER_GROUPS; i++) {
        self->ceilings[i] = ceiling;
        self->needs[i] = 1.0f;
    }
    for (size_t i = 0; i < UP_LIMITER_GROUPS - 1; i++) {
        self->lows[i] = 1.0f;
    }
    self->gain.now = 1.0f;
    self->awake = 1;
}

// What the group that has just been heard needs -> the least of all that wait, rising slowly.
static float limiter_low(up_limiter_t *self, float need) {
    float low = need, before = up_limit(self->lows[0], 0.0f, 1.0f);
    for (size_t i = UP_LIMITER_GROUPS - 1; i; i--) {
        self->needs[i] = self->needs[i - 1];
        low = self->needs[i] < low ? self->needs[i] : low;
    }
    self->needs[0] = need;
    if (low < before + 1e-6f) {
        return low;
    }
    return up_fma(low - before, dynamics_share(self->release_ms, self->rate_hz, (float)UP_CONTROL), before);
}

static void limiter_control(up_limiter_t *self) {
    up_glide(&self->ceiling, up_from_db(up_limit(self->ceiling_db, -60.0f, 0.0f)), self->rate_hz, !self->awake);
    self->ceiling.now = up_limit(up_fma((float)UP_CONTROL, self->ceiling.step, self->ceiling.now), 0.0f, 1.0f);
    float ceiling = self->ceiling.now, peak = dynamics_peak(&self->peak);
    if (!self->awake) {
        limiter_rest(self, ceiling);
    }
    uint32_t slot = self->slot < UP_LIMITER_GROUPS ? self->slot : 0;
    self->ceilings[slot] = ceiling;
    self->slot = slot + 1 < UP_LIMITER_GROUPS ? slot + 1 : 0;
    float low = limiter_low(self, peak > ceiling ? LIMITER_MARGIN * ceiling / peak : 1.0f), sum = low;
    for (size_t i = UP_LIMITER_GROUPS - 2; i; i--) {
        self->lows[i] = self->lows[i - 1];
        sum += self->lows[i];
    }
    self->lows[0] = low;
    self->reduction = low;
    self->gain.now = up_limit(self->gain.now, 0.0f, 1.0f);
    float gain = sum * (1.0f / (float)(UP_LIMITER_GROUPS - 1));
    self->gain.step = (gain - self->gain.now) * (1.0f / (float)UP_CONTROL);
}

static void limiter_run(up_limiter_t *self, float *x, size_t n) {
    size_t slot = self->slot < UP_LIMITER_GROUPS ? self->slot : 0;
    float *past = self->past + slot * UP_CONTROL + (UP_CONTROL - self->left - n);
    float gain = self->gain.now, step = self->gain.step, ceiling = self->ceilings[slot];
    uint32_t most = self->peak;
    for (size_t t = 0; t < n; t++) {
        float in = up_clean(x[t]), y = past[t] * (gain += step);
        past[t] = in;
        most = dynamics_most(most, in);
        x[t] = y > ceiling ? ceiling : y < -ceiling ? -ceiling : y;
    }
    self->gain.now = gain;
    self->peak = most;
}

void up_limiter(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_limiter_t *self = state;
    UP_PIECES(self, x, n_frames, limiter_control, limiter_run)
}

// ---- meter --------------------------------------------------------------------------------------

static void meter_control(up_meter_t *self) {
    float peak = dynamics_peak(&self->largest), frames = (float)UP_CONTROL;
    float fall = up_from_db(up_limit(self->fall_db_s, 0.0f, 1e4f) * -frames / up_limit(self->rate_hz, 1.0f, 1e6f));
    self->peak = dynamics_larger(peak, up_clean(self->peak * fall));
    self->highest = dynamics_larger(peak, up_clean(self->highest));
    if (self->awake && up_is_finite(self->sum)) {
        float share = dynamics_share(self->rms_ms, self->rate_hz, frames);
        self->mean_square = up_clean(up_fma(up_fma(self->sum, 1.0f / frames, -self->mean_square), share, self->mean_square));
    }
    self->clips += (float)self->over;
    self->sum = 0.0f;
    self->over = 0;
    self->awake = 1;
}

static void meter_run(up_meter_t *self, float *x, size_t n) {
    float sum = self->sum;
    uint32_t most = self->largest, over = self->over;
    for (size_t t = 0; t < n; t++) {
        uint32_t magnitude = up_bits(x[t]) & 0x7fffffffu;
        most = magnitude > most ? magnitude : most;
        over += magnitude >= 0x3f800000u;
        sum = up_fma(x[t], x[t], sum);
    }
    self->sum = sum;
    self->largest = most;
    self->over = over;
}

void up_meter(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_meter_t *self = state;
    UP_PIECES(self, x, n_frames, meter_control, meter_run)
}
