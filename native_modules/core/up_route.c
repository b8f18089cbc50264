// SPDX-License-Identifier: MIT
// What joins effects, and what moves their parameters; see up_route.h.
#include "up_route.h"

void up_route_put(const up_route_t *self, float *words, size_t n_words, float position) {
    float p = up_limit(position, 0.0f, 1.0f), value;
    if (!(self->index >= 1.0f && self->index < 256.0f) || (size_t)self->index >= n_words) {
        return;
    }
    if (self->curve > 0.0f) {
        value = self->low * up_exp2(p * up_log2(self->high / self->low));
    } else {
        value = up_fma(self->high - self->low, p, self->low);
    }
    value = p >= 1.0f ? self->high : p <= 0.0f ? self->low : value; // the ends exactly
    if (self->curve < 0.0f) {
        value = (float)(int32_t)(up_limit(value, 0.0f, 255.0f) + 0.5f);
    }
    words[(size_t)self->index] = up_is_finite(value) ? value : self->low;
}

static void gain_control(up_gain_t *self) {
    float target = self->db > -150.0f ? up_from_db(up_limit(self->db, -150.0f, 150.0f)) : 0.0f;
    up_glide(&self->gain, target, self->rate_hz, !self->awake);
    self->awake = 1;
}

static void gain_run(up_gain_t *self, float *x, size_t n_frames) {
    float gain = self->gain.now, step = self->gain.step;
    if (step == 0.0f) {
        for (size_t t = 0; t < n_frames; t++) {
            x[t] *= gain;
        }
        return;
    }
    for (size_t t = 0; t < n_frames; t++) {
        gain += step;
        x[t] *= gain;
    }
    self->gain.now = gain;
}

void up_gain(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_gain_t *self = state;
    UP_PIECES(self, x, n_frames, gain_control, gain_run)
}

void up_knobs(float *x, size_t n_words, void *state, size_t bytes) {
    const up_knobs_t *self = state;
    const float *target = (const float *)(self + 1);
    if (bytes < sizeof(up_knobs_t) + (n_words + 1) * sizeof(float)) {
        return;
    }
    float frames = up_limit(target[n_words], 1.0f, 65536.0f);
    float share = frames / up_fma(self->rate_hz, UP_GLIDE_MS * 1e-3f, frames);
    for (size_t i = 0; i < n_words; i++) {
        float rest = target[i] - x[i], size = rest < 0.0f ? -rest : rest;
        x[i] = size > 1e-5f ? up_fma(share, rest, x[i]) : target[i];
    }
}

// Frames of a block held behind a struct of so many bytes.
static float *route_held(void *state, size_t size, size_t bytes, size_t *n_frames) {
    size_t room = (bytes - size) / sizeof(float);
    *n_frames = *n_frames < room ? *n_frames : room;
    return (float *)state + size / sizeof(float);
}

void up_keep(float *x, size_t n_frames, void *state, size_t bytes) {
    float *held = route_held(state, sizeof(up_blend_t), bytes, &n_frames);
    for (size_t t = 0; t < n_frames; t++) {
        held[t] = x[t];
    }
}

void up_blend(float *x, size_t n_frames, void *state, size_t bytes) {
    up_blend_t *self = state;
    const float *held = route_held(state, sizeof(up_blend_t), bytes, &n_frames);
    float target = up_limit(self->wet, 0.0f, 1.0f), now = self->awake ? up_limit(self->now, 0.0f, 1.0f) : target;
    float step = 1.0f / up_limit(self->fade_ms * 1e-3f * self->rate_hz, 1.0f, 1e7f);
    for (size_t t = 0; t < n_frames; t++) {
        float rest = target - now;
        now = rest > step ? now + step : rest < -step ? now - step : target;
        x[t] = up_fma(now, x[t] - held[t], held[t]);
    }
    self->now = now;
    self->awake = 1;
}

void up_fork(float *x, size_t n_frames, void *state, size_t bytes) {
    float *other = route_held(state, sizeof(up_join_t), bytes, &n_frames);
    for (size_t t = 0; t < n_frames; t++) {
        other[t] = x[t];
    }
}

static void join_control(up_join_t *self) {
    up_glide(&self->glide_a, self->a, self->rate_hz, !self->awake);
    up_glide(&self->glide_b, self->b, self->rate_hz, !self->awake);
    self->awake = 1;
}

void up_join(float *x, size_t n_frames, void *state, size_t bytes) {
    up_join_t *self = state;
    const float *other = route_held(state, sizeof(up_join_t), bytes, &n_frames);
    while (n_frames) {
        UP_DUE(UP_CONTROL, self->left, join_control(self))
        size_t m = up_until_control(&self->left, n_frames);
        float a = self->glide_a.now, b = self->glide_b.now;
        for (size_t t = 0; t < m; t++) {
            a += self->glide_a.step;
            b += self->glide_b.step;
            x[t] = up_fma(b, other[t], a * x[t]);
        }
        self->glide_a.now = a;
        self->glide_b.now = b;
        x += m;
        other += m;
        n_frames -= m;
    }
}

static float lfo_wave(up_lfo_t *self, float phase) {
    switch ((int)up_limit(self->shape, 0.0f, 5.0f)) {
        case UP_LFO_SINE: return up_fma(0.5f, up_sin_turns(phase), 0.5f);
        case UP_LFO_TRIANGLE: return phase < 0.5f ? 2.0f * phase : 2.0f - 2.0f * phase;
        case UP_LFO_SQUARE: return phase < 0.5f ? 1.0f : 0.0f;
        case UP_LFO_RISING: return phase;
        case UP_LFO_FALLING: return 1.0f - phase;
        default: return self->held;
    }
}

// A new value for UP_LFO_RANDOM; the generator is Marsaglia's xorshift with shifts 13, 17, 5.
static void lfo_draw(up_lfo_t *self) {
    uint32_t r = self->random ? self->random : 2463534242u;
    r ^= r << 13;
    r ^= r >> 17;
    r ^= r << 5;
    self->random = r;
    self->held = (float)(r >> 8) * (1.0f / 16777216.0f);
}

void up_lfo(float *x, size_t n_words, void *state, size_t bytes) {
    (void)bytes;
    up_lfo_t *self = state;
    float phase = up_limit(self->phase, 0.0f, 1.0f) + up_limit(self->offset, 0.0f, 1.0f);
    up_route_put(&self->route, x, n_words, lfo_wave(self, phase >= 1.0f ? phase - 1.0f : phase));
    self->phase = up_limit(self->phase, 0.0f, 1.0f) + up_limit(self->speed_hz * self->frames / self->rate_hz, 0.0f, 1.0f);
    if (self->phase >= 1.0f) {
        self->phase -= 1.0f;
        lfo_draw(self);
    }
}

void up_follow(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_follow_t *self = state;
    float rise = 1.0f / up_fma(self->rate_hz * 1e-3f, up_limit(self->attack_ms, 0.0f, 1e4f), 1.0f);
    float fall = 1.0f / up_fma(self->rate_hz * 1e-3f, up_limit(self->release_ms, 0.0f, 1e5f), 1.0f);
    float level = up_clean(self->level);
    for (size_t t = 0; t < n_frames; t++) {
        float size = x[t] < 0.0f ? -x[t] : x[t], rest = size - level;
        level = up_fma(rest > 0.0f ? rise : fall, rest, level);
    }
    self->level = up_clean(level);
}

void up_send(float *x, size_t n_words, void *state, size_t bytes) {
    (void)bytes;
    up_follow_t *self = state;
    float range = self->top_db - self->floor_db;
    up_route_put(&self->route, x, n_words, (up_to_db(self->level) - self->floor_db) / (range > 0.0f ? range : 1.0f));
}
