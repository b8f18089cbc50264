// SPDX-License-Identifier: MIT
// Echoes; see up_delay.h.
#include "up_delay.h"

#define DELAY_CONTROL 64u       // frames between two looks at the parameters: they cost 700 instructions
#define DELAY_LEAST 72.0f       // frames; a head stays clear of what one run writes
#define DELAY_SPARE 128.0f      // frames of the line that no head uses
#define DELAY_FADE 16u          // looks at the parameters while heads change
#define DELAY_TAPE_S 0.12f      // time constant of a head on its way
#define DELAY_PULL 0.025f       // most that a head's speed changes from look to look
#define DELAY_FLUTTER_RATE 11.3f // of wow_hz
#define DELAY_FLUTTER 0.3f      // of wow's change of speed

static float *delay_line(up_delay_t *self, uint32_t channel) {
    return (float *)(self + 1) + channel * (self->frames + UP_DELAY_GUARD);
}

// A division of the clock, or delay_ms. Whole frames, as the memory allows; a division is halved until it fits.
static float delay_frames(const up_delay_t *self, float rate_hz) {
    static const float of_beat[7] = { 0.0f, 1.0f, 0.75f, 0.5f, 0.33333333f, 0.25f, 2.0f };
    float most = (float)self->frames - DELAY_SPARE;
    float share = of_beat[(uint32_t)up_limit(self->division + 0.5f, 0.0f, 6.0f)];
    float frames = up_limit(self->beat_frames, 0.0f, 1e7f) * share;
    while (frames > most) {
        frames *= 0.5f;
    }
    if (!(frames > 0.0f)) {
        frames = up_limit(self->delay_ms, 0.0f, 1e5f) * 1e-3f * rate_hz;
    }
    return (float)(uint32_t)(up_limit(frames, DELAY_LEAST, most) + 0.5f);
}

static void delay_place(up_delay_t *self, up_head_t *head, float frames) {
    uint32_t behind = (uint32_t)frames + 1;
    head->at = self->write + (self->write < behind ? self->frames : 0) - behind;
    head->on = 0.0f;
}

// Whole frames that the head moved go to `at`.
static void delay_settle(const up_delay_t *self, up_head_t *head) {
    uint32_t whole = (uint32_t)up_limit(head->on, 0.0f, 2.0f * (float)DELAY_CONTROL);
    head->on = up_limit(head->on - (float)whole, 0.0f, 1.0f);
    head->at += whole;
    head->at -= head->at >= self->frames ? self->frames : 0;
    head->at = head->at < self->frames ? head->at : 0;
}

// Frames from the head to where is written.
static float delay_behind(const up_delay_t *self, const up_head_t *head) {
    uint32_t whole = self->write + (self->write <= head->at ? self->frames : 0) - head->at - 1;
    return (float)whole - head->on;
}

static void delay_rest(up_delay_t *self, uint32_t channels) {
    float *line = delay_line(self, 0);
    uint32_t n = channels * (self->frames + UP_DELAY_GUARD);
    for (uint32_t i = 0; i < n; i++) {
        line[i] = 0.0f;
    }
    self->write = 0;
}

static void delay_filters(up_delay_t *self, float rate_hz) {
    float glide = (float)DELAY_CONTROL / ((float)DELAY_CONTROL + rate_hz * (UP_GLIDE_MS * 1e-3f));
    float share = self->awake ? glide : 1.0f;
    float per_hz = -9.0647203f / rate_hz; // 1 - e^(-2 pi f / rate)
    float low = 1.0f - up_exp2(up_limit(self->tone_hz, 20.0f, 0.45f * rate_hz) * per_hz);
    float high = 1.0f - up_exp2(up_limit(self->low_cut_hz, 1.0f, 0.2f * rate_hz) * per_hz);
    self->low_k = up_limit(up_fma(share, low - self->low_k, self->low_k), 0.0f, 1.0f);
    self->high_k = up_limit(up_fma(share, high - self->high_k, self->high_k), 0.0f, 1.0f);
    for (uint32_t i = 0; i < 2; i++) {
        self->low[i] = up_clean(self->low[i]);
        self->high[i] = up_clean(self->high[i]);
    }
}

static void delay_turn(float *phase, float turns) {
    *phase = up_limit(*phase + up_limit(turns, 0.0f, 0.5f), 0.0f, 2.0f);
    *phase -= *phase >= 1.0f ? 1.0f : 0.0f;
}

// Where wow has the head, in frames, after the next DELAY_CONTROL ones.
static float delay_wow(up_delay_t *self, float frames, float rate_hz) {
    float hz = up_limit(self->wow_hz, 0.05f, 20.0f), turn = hz * (float)DELAY_CONTROL / rate_hz;
    float swing = up_limit(self->wow_percent, 0.0f, 5.0f) * (0.01f * 0.15915494f) * rate_hz / hz;
    swing = up_limit(swing, 0.0f, 0.4f * frames);
    self->wow_frames = up_clean(up_fma(0.03f, swing - self->wow_frames, self->wow_frames));
    self->wow_frames = swing > 0.0f || self->wow_frames > 1e-3f ? self->wow_frames : 0.0f;
    delay_turn(&self->wow_phase, turn);
    delay_turn(&self->flutter_phase, turn * DELAY_FLUTTER_RATE);
    float flutter = DELAY_FLUTTER / DELAY_FLUTTER_RATE * up_sin_turns(self->flutter_phase);
    float wow = self->wow_frames * (up_sin_turns(self->wow_phase) + flutter);
    return up_limit(wow, DELAY_LEAST - frames, (float)self->frames - DELAY_SPARE - frames);
}

// The speed that brings the head to `frames` behind.
static void delay_tape(up_delay_t *self, float frames, float rate_hz) {
    float wow = delay_wow(self, frames, rate_hz);
    float behind = delay_behind(self, &self->head[0]), rest = frames - (behind - self->wow);
    float way = up_limit(rest, -0.02f, 0.02f);
    if (way != rest) {
        float pull = DELAY_PULL * (float)DELAY_CONTROL;
        way = rest * ((float)DELAY_CONTROL / (rate_hz * DELAY_TAPE_S));
        way = up_limit(way, self->way - pull, self->way + pull);
        way = up_limit(way, -(float)DELAY_CONTROL, 0.5f * (float)DELAY_CONTROL);
    } else if (wow == 0.0f && self->wow == 0.0f && rest < 1e-3f && rest > -1e-3f) {
        delay_place(self, &self->head[0], frames);
        way = 0.0f;
    }
    // The limits of wow are those of the place where the head belongs; on its way there it has others.
    float most = up_limit((float)self->frames - DELAY_SPARE - behind, 0.0f, 0.75f * (float)DELAY_CONTROL);
    float all = up_limit(way + wow - self->wow, up_limit(DELAY_LEAST - behind, -(float)DELAY_CONTROL, 0.0f), most);
    self->way = way;
    self->wow = up_clean(all - way + self->wow);
    self->speed = 1.0f - all * (1.0f / (float)DELAY_CONTROL);
}

static void delay_digital(up_delay_t *self, float frames) {
    float rest = frames - delay_behind(self, &self->head[0]);
    self->speed = 1.0f;
    self->wow = self->way = 0.0f;
    if (rest > 1e-3f || rest < -1e-3f) {
        delay_place(self, &self->head[1], frames);
        self->fading = DELAY_FADE;
        self->fade = 0.0f;
        self->fade_step = 1.0f / (float)(DELAY_FADE * DELAY_CONTROL);
    }
}

static void delay_heads(up_delay_t *self, float rate_hz) {
    float frames = delay_frames(self, rate_hz);
    if (!self->awake) {
        delay_place(self, &self->head[0], frames);
        self->fading = 0;
    }
    delay_settle(self, &self->head[0]);
    delay_settle(self, &self->head[1]);
    if (self->fading > 1 && self->fading <= DELAY_FADE) {
        self->fading--;
        self->speed = 1.0f;
        return;
    }
    if (self->fading == 1) {
        self->head[0] = self->head[1];
    }
    self->fading = 0;
    if (self->change > 0.5f) {
        delay_digital(self, frames);
    } else {
        delay_tape(self, frames, rate_hz);
    }
}

static void delay_look(up_delay_t *self, uint32_t channels) {
    float rate_hz = up_limit(self->rate_hz, 1000.0f, 1e6f), mix = 2.0f * up_limit(self->mix, 0.0f, 1.0f);
    float scale = up_exp2(up_fma(3.0f, up_limit(self->saturation, 0.0f, 1.0f), -1.0f));
    bool rest = !self->awake;
    if (rest) {
        delay_rest(self, channels);
    }
    self->write = self->write < self->frames ? self->write & ~(DELAY_CONTROL - 1) : 0;
    delay_filters(self, rate_hz);
    delay_heads(self, rate_hz);
    up_glide(&self->in, up_limit(self->send, 0.0f, 1.0f) * scale, rate_hz, rest);
    up_glide(&self->back, up_limit(self->decay, 0.0f, 1.1f), rate_hz, rest);
    up_glide(&self->dry, up_limit(2.0f - mix, 0.0f, 1.0f), rate_hz, rest);
    up_glide(&self->wet, up_limit(mix, 0.0f, 1.0f) / scale, rate_hz, rest);
    self->awake = 1;
}

static void delay_cubic(const float *line, float on, float speed, float *y, size_t n) {
    for (size_t t = 0; t < n; t++, on += speed) {
        uint32_t whole = (uint32_t)on;
        float f = on - (float)whole;
        const float *p = line + whole;
        float c = 0.5f * (p[2] - p[0]), v = p[1] - p[2], w = c + v;
        float a = up_fma(0.5f, p[3] - p[1], w + v);
        y[t] = up_fma(up_fma(up_fma(a, f, -(w + a)), f, c), f, p[1]);
    }
}

// What the head reads in n <= DELAY_CONTROL frames: at most 260 beyond its place, which the guard holds.
static void delay_read(const up_head_t *head, const float *line, float speed, float *y, size_t n) {
    if (head->on == (float)(uint32_t)head->on && speed == 1.0f) {
        line += head->at + (uint32_t)head->on + 1;
        for (size_t t = 0; t < n; t++) {
            y[t] = line[t];
        }
    } else {
        delay_cubic(line + head->at, head->on, speed, y, n);
    }
}

static void delay_heard(const up_delay_t *self, const float *line, float *y, size_t n) {
    delay_read(&self->head[0], line, self->speed, y, n);
    if (self->fading) {
        float other[DELAY_CONTROL], fade = self->fade;
        delay_read(&self->head[1], line, 1.0f, other, n);
        for (size_t t = 0; t < n; t++) {
            fade += self->fade_step;
            y[t] = up_fma(fade, other[t] - y[t], y[t]);
        }
    }
}

// Values that Python may have overwritten since they were last set.
static void delay_check(up_delay_t *self, size_t n) {
    self->speed = up_limit(self->speed, 0.0f, 2.0f);
    self->fade = up_limit(self->fade, 0.0f, 1.0f);
    for (uint32_t i = 0; i < 2; i++) {
        self->head[i].on = up_limit(self->head[i].on, 0.0f, 2.0f * (float)DELAY_CONTROL + 1.0f);
        self->head[i].at = self->head[i].at < self->frames ? self->head[i].at : 0;
    }
    self->write = self->write < self->frames && n <= self->frames - self->write ? self->write : 0;
}

static void delay_move(up_delay_t *self, size_t n) {
    float on = self->head[0].on;
    for (size_t t = 0; t < n; t++) { // as delay_cubic() adds them
        on += self->speed;
    }
    self->head[0].on = on;
    self->head[1].on += (float)n;
    self->write += (uint32_t)n;
    self->fade = self->fading ? up_fma((float)n, self->fade_step, self->fade) : 0.0f;
    self->write -= self->write >= self->frames ? self->frames : 0;
}

// f(u) outside 2^-60 .. 1.5: silence, the most there is, or what is no number.
static float delay_edge(float u) {
    return u > 1.0f ? 1.0f : u < -1.0f ? -1.0f : 0.0f;
}

static inline float delay_bend(float u) {
    float q = u * u;
    if (up_bits(q) - 0x03800000u < 0x40100000u - 0x03800000u) { // 2^-120 .. 2.25, so no NaN
        return up_fma(q * u, -0.14814815f, u);
    }
    return delay_edge(u);
}

static void delay_guard(float *line, uint32_t write, uint32_t frames, size_t n) {
    uint32_t end = write + (uint32_t)n < UP_DELAY_GUARD ? write + (uint32_t)n : UP_DELAY_GUARD;
    for (uint32_t i = write; i < end; i++) {
        line[frames + i] = line[i];
    }
}

static void delay_run(up_delay_t *self, float *x, size_t n) {
    float y[DELAY_CONTROL], *line = delay_line(self, 0);
    delay_check(self, n);
    delay_heard(self, line, y, n);
    up_glide_t in = self->in, back = self->back, dry = self->dry, wet = self->wet;
    float low = self->low[0], high = self->high[0], low_k = self->low_k, high_k = self->high_k;
    float *to = line + self->write;
    for (size_t t = 0; t < n; t++) {
        in.now += in.step;
        back.now += back.step;
        dry.now += dry.step;
        wet.now += wet.step;
        low = up_fma(low_k, y[t] - low, low);
        high = up_fma(high_k, low - high, high);
        float heard = low - high;
        to[t] = delay_bend(up_fma(back.now, heard, in.now * x[t]));
        x[t] = up_fma(wet.now, heard, dry.now * x[t]);
    }
    self->in.now = in.now;
    self->back.now = back.now;
    self->dry.now = dry.now;
    self->wet.now = wet.now;
    self->low[0] = low;
    self->high[0] = high;
    delay_guard(line, self->write, self->frames, n);
    delay_move(self, n);
}

static void delay2_run(up_delay_t *self, float *x, size_t n) {
    float y[2][DELAY_CONTROL], unheard[DELAY_CONTROL], *line = delay_line(self, 0), *other = delay_line(self, 1);
    delay_check(self, n);
    delay_heard(self, line, y[0], n);
    delay_heard(self, other, y[1], n);
    up_glide_t in = self->in, back = self->back, dry = self->dry, wet = self->wet;
    float *right = self->done + n <= UP_RIGHT ? line + self->right + self->done : unheard;
    float low_k = self->low_k, high_k = self->high_k;
    float low0 = self->low[0], high0 = self->high[0], low1 = self->low[1], high1 = self->high[1];
    float *to = line + self->write, *to_other = other + self->write;
    for (size_t t = 0; t < n; t++) {
        in.now += in.step;
        back.now += back.step;
        dry.now += dry.step;
        wet.now += wet.step;
        low0 = up_fma(low_k, y[0][t] - low0, low0);
        high0 = up_fma(high_k, low0 - high0, high0);
        low1 = up_fma(low_k, y[1][t] - low1, low1);
        high1 = up_fma(high_k, low1 - high1, high1);
        float heard0 = low0 - high0, heard1 = low1 - high1, straight = dry.now * x[t];
        to[t] = delay_bend(up_fma(back.now, heard1, in.now * x[t]));
        to_other[t] = delay_bend(back.now * heard0);
        right[t] = up_fma(wet.now, heard1, straight);
        x[t] = up_fma(wet.now, heard0, straight);
    }
    self->low[0] = low0;
    self->high[0] = high0;
    self->low[1] = low1;
    self->high[1] = high1;
    self->in.now = in.now;
    self->back.now = back.now;
    self->dry.now = dry.now;
    self->wet.now = wet.now;
    self->done += (uint32_t)n;
    delay_guard(line, self->write, self->frames, n);
    delay_guard(other, self->write, self->frames, n);
    delay_move(self, n);
}

// The line's length by what memory there is. False where it is too short for any delay.
static bool delay_open(up_delay_t *self, size_t words, uint32_t channels) {
    words /= channels;
    words = words < (1u << 24) ? words : 1u << 24;
    self->frames = words > 4 * UP_DELAY_GUARD ? (uint32_t)(words - UP_DELAY_GUARD) & ~(DELAY_CONTROL - 1) : 0;
    self->done = 0;
    return self->frames > 0;
}

#define DELAY_LOOK(s) delay_look(s, 1)
#define DELAY_LOOK2(s) delay_look(s, 2)

void up_delay(float *x, size_t n_frames, void *state, size_t bytes) {
    up_delay_t *self = state;
    if (delay_open(self, (bytes - sizeof(*self)) / sizeof(float), 1)) {
        UP_PIECES_OF(DELAY_CONTROL, self, x, n_frames, DELAY_LOOK, delay_run)
    }
}

void up_delay2(float *x, size_t n_frames, void *state, size_t bytes) {
    up_delay_t *self = state;
    size_t words = (bytes - sizeof(*self)) / sizeof(float);
    self->right = (uint32_t)(words - UP_RIGHT);
    if (words > UP_RIGHT && delay_open(self, words - UP_RIGHT, 2)) {
        UP_PIECES_OF(DELAY_CONTROL, self, x, n_frames, DELAY_LOOK2, delay2_run)
    }
}
