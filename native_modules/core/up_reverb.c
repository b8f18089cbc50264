// SPDX-License-Identifier: MIT
// Reverb; see up_reverb.h.
#include "up_reverb.h"

#define REVERB_CONTROL 64u   // frames between two looks at the parameters
#define REVERB_GLIDES 64u   // looks in which the low-passes reach what they glide to
#define REVERB_GUARD 88u     // frames of a line's start that lie behind its end, too: a head ahead reads on
#define REVERB_FADE 1024.0f  // frames in which a new predelay fades in
#define REVERB_SECTIONS 10u  // of the spring's chain
#define REVERB_ROWS 20u      // most frames that one of them delays
#define REVERB_AHEAD_S 3e-4f // how far a drifting head swings
#define REVERB_AHEAD 64.0f   // frames, and no further
#define REVERB_DRIFT 0.25f   // most frames that it moves in a frame
#define REVERB_NOISE 1e-15f  // in every line: keeps it from denormal numbers
#define REVERB_MOST 1e9f     // in a line: beyond this it is started anew
#define REVERB_ALLPASS 0.6f
#define REVERB_STRETCH 0.7f

// Where all lies in the memory of this call. Made anew each time: nothing in the state can point outside.
typedef struct {
    float *ring[UP_REVERB_RINGS];
    uint32_t length[UP_REVERB_RINGS];
    float *chain, *right;
    float rate_hz;
    uint32_t rows, done, words;
} reverb_room_t;

// Milliseconds of the lines, the all-passes and the longest predelay. No two have a common measure.
static const float reverb_ms[3][UP_REVERB_RINGS] = {
    { 29.13f, 33.37f, 35.93f, 38.89f, 41.41f, 44.87f, 47.69f, 52.11f, 0.0f, 0.0f, 0.0f, 0.0f, 101.5f },
    { 17.31f, 21.13f, 25.67f, 28.91f, 32.27f, 35.89f, 38.33f, 41.91f, 2.63f, 3.67f, 5.39f, 7.57f, 101.5f },
    { 31.07f, 35.71f, 40.13f, 42.79f, 45.37f, 48.91f, 52.33f, 55.61f, 3.13f, 4.87f, 7.69f, 11.27f, 101.5f },
};

static const float reverb_early[2] = { 0.7f, 0.25f }; // of the diffused input is heard at once: plate, hall

static bool reverb_drifts(uint32_t line) {
    return line == 0 || line == 4;
}

static void reverb_open(reverb_room_t *room, up_reverb_t *self, size_t words) {
    const float *ms = reverb_ms[self->type_now - 1 < 3 ? self->type_now - 1 : 0];
    float *at = (float *)(self + 1), sum = 0.0f, rate_hz = up_limit(self->rate_hz, 8000.0f, 384000.0f);
    float rows = rate_hz * (1.0f / 9600.0f) + 0.5f;
    room->rate_hz = rate_hz;
    room->rows = (uint32_t)up_limit(rows, 1.0f, (float)REVERB_ROWS);
    room->chain = at;
    at += REVERB_SECTIONS * REVERB_ROWS;
    for (uint32_t i = 0; i < UP_REVERB_RINGS; i++) {
        sum += ms[i];
    }
    float spare = (float)(words - REVERB_SECTIONS * REVERB_ROWS - 2 * (UP_REVERB_RINGS + REVERB_GUARD));
    float most = spare / sum, scale = rate_hz * 1e-3f;
    scale = scale < most ? scale : most;
    for (uint32_t i = 0; i < UP_REVERB_RINGS; i++) {
        room->ring[i] = at;
        room->length[i] = (uint32_t)(ms[i] * scale) | 1u; // at least 1, at most one more
        at += room->length[i] + (reverb_drifts(i) ? REVERB_GUARD : 0);
        self->at[i] = self->at[i] < room->length[i] ? self->at[i] : 0;
    }
    self->row = self->row < room->rows ? self->row : 0;
}

// p and b of line i. With r = gain(6 kHz) / gain(1 kHz), |1 - p e^jw1|^2 = r^2 |1 - p e^jw6|^2 is quadratic in p.
static void reverb_line(up_reverb_t *self, const reverb_room_t *room, uint32_t i) {
    float per_second = 1.0f / room->rate_hz;
    float c1 = up_cos_turns(1000.0f * per_second), c6 = up_cos_turns(up_limit(6000.0f * per_second, 0.0f, 0.45f));
    float passes = (float)room->length[i] * per_second / up_limit(self->decay_s, 0.05f, 60.0f);
    float longer = 1.0f / up_fma(-0.9f, up_limit(self->damp, 0.0f, 1.0f), 1.0f);
    float gain = up_exp2(-9.9657843f * passes), ratio = up_exp2(-19.931569f * passes * (longer - 1.0f));
    float a = 1.0f - ratio, b = up_fma(-ratio, c6, c1);
    float p = up_limit(a / (b + up_sqrt(up_fma(b, b, -a * a))), 0.0f, 0.9f);
    float at_1k = gain * up_sqrt(up_fma(p, p - 2.0f * c1, 1.0f)), most = up_sqrt(gain) * (1.0f - p);
    self->pole_to[i] = p;
    self->gain_to[i] = (at_1k < most ? at_1k : most) * 0.35355339f; // the matrix's 1 / sqrt(8)
}

// The network's level is kept, whatever the decay: its energy is that of the input times gain^2 / (1 - gain^2).
static void reverb_level(up_reverb_t *self) {
    float sum = 0.0f;
    for (uint32_t i = 0; i < UP_REVERB_LINES; i++) {
        float gain = self->gain_to[i] * 2.8284271f / (1.0f - self->pole_to[i]);
        sum += 1.0f - gain * gain;
    }
    self->level = up_limit(up_sqrt(sum / ((float)UP_REVERB_LINES - sum)), 0.0f, 3.0f);
}

static void reverb_decay(up_reverb_t *self, const reverb_room_t *room, bool rest) {
    bool anew = self->at[UP_REVERB_RINGS - 1] < REVERB_CONTROL; // each 100 ms, whatever happened to the state
    bool moved = self->decay_s != self->decay_was || self->damp != self->damp_was;
    if (moved || rest || anew) {
        uint32_t least = moved ? REVERB_GLIDES : UP_REVERB_LINES;
        self->decay_was = self->decay_s;
        self->damp_was = self->damp;
        self->stale = UP_REVERB_LINES;
        self->gliding = self->gliding > least ? self->gliding : least;
    }
    self->stale = self->stale <= UP_REVERB_LINES ? self->stale : UP_REVERB_LINES;
    float share = (float)REVERB_CONTROL / ((float)REVERB_CONTROL + 0.05f * room->rate_hz);
    while (self->stale) {
        reverb_line(self, room, --self->stale);
        if (self->stale == 0) {
            reverb_level(self);
        } else if (!rest) {
            break; // one line at a time: they cost 300 instructions each
        }
    }
    self->gliding = rest ? 0 : self->gliding <= REVERB_GLIDES ? self->gliding : REVERB_GLIDES;
    for (uint32_t i = 0; rest && i < UP_REVERB_LINES; i++) {
        self->gain[i] = self->gain_to[i];
        self->pole[i] = self->pole_to[i];
    }
    if (self->gliding) {
        self->gliding--;
        for (uint32_t i = 0; i < UP_REVERB_LINES; i++) {
            self->gain[i] = up_fma(share, self->gain_to[i] - self->gain[i], self->gain[i]);
            self->pole[i] = up_fma(share, self->pole_to[i] - self->pole[i], self->pole[i]);
        }
    }
}

static void reverb_clear(up_reverb_t *self, reverb_room_t *room, uint32_t type) {
    float *memory = (float *)(self + 1);
    for (uint32_t i = 0; i < room->words; i++) {
        memory[i] = 0.0f;
    }
    for (uint32_t i = 0; i < UP_REVERB_LINES; i++) {
        self->z[i] = 0.0f;
    }
    self->low[0] = self->low[1] = 0.0f;
    self->type_now = type;
    reverb_open(room, self, room->words);
}

static void reverb_predelay(up_reverb_t *self, const reverb_room_t *room, bool rest) {
    uint32_t last = UP_REVERB_RINGS - 1, most = room->length[last] - 1 - REVERB_CONTROL; // what a run writes is not read in it
    float frames = up_limit(self->predelay_ms, 0.0f, 1000.0f) * 1e-3f * room->rate_hz + 0.5f;
    uint32_t want = (uint32_t)frames < most ? (uint32_t)frames : most;
    self->fade = up_limit(self->fade, 0.0f, 1.0f);
    if (rest || self->fade >= 1.0f || self->tap == self->next_tap) {
        self->tap = rest ? want : self->next_tap;
        self->next_tap = want;
        self->fade = 0.0f;
    }
}

// Heads drift by sines of 0.9 and 0.7 Hz; the spring's stand still.
static void reverb_drift(up_reverb_t *self, const reverb_room_t *room, bool rest) {
    static const float hz[2] = { 0.9f, 0.7f };
    float swing = self->type_now > 1 ? up_limit(REVERB_AHEAD_S * room->rate_hz, 0.0f, REVERB_AHEAD) * 0.5f : 0.0f;
    for (uint32_t i = 0; i < 2; i++) {
        float phase = up_limit(self->phase[i] + hz[i] * (float)REVERB_CONTROL / room->rate_hz, 0.0f, 1.0f);
        self->phase[i] = phase < 1.0f ? phase : 0.0f;
        float to = swing * (1.0f + up_sin_turns(self->phase[i]));
        float now = up_limit(self->drift[i].now, 0.0f, 2.0f * swing);
        self->drift[i].now = rest ? to : now;
        self->drift[i].step = up_limit((to - self->drift[i].now) * (1.0f / (float)REVERB_CONTROL), -REVERB_DRIFT, REVERB_DRIFT);
    }
}

static bool reverb_sound(const up_reverb_t *self) {
    bool sound = true;
    for (uint32_t i = 0; i < UP_REVERB_LINES; i++) {
        sound &= self->z[i] < REVERB_MOST && self->z[i] > -REVERB_MOST;
    }
    return sound;
}

static void reverb_control(up_reverb_t *self, reverb_room_t *room) {
    uint32_t want = 1 + (uint32_t)up_limit(self->type + 0.5f, 0.0f, 2.0f);
    bool rest = !self->awake || !reverb_sound(self), other = want != self->type_now;
    if (rest || (other && self->wet.now < 3e-4f)) { // faded out by then
        reverb_clear(self, room, want);
        rest |= self->wet.now != self->wet.now;
        self->in.now = 0.0f; // what comes in next starts softly
        reverb_decay(self, room, true);
        reverb_predelay(self, room, true);
        other = false;
    }
    reverb_decay(self, room, false);
    reverb_predelay(self, room, false);
    reverb_drift(self, room, rest);
    float mix = 2.0f * up_limit(self->mix, 0.0f, 1.0f);
    up_glide(&self->in, up_limit(self->send, 0.0f, 1.0f) * self->level, room->rate_hz, rest);
    up_glide(&self->dry, up_limit(2.0f - mix, 0.0f, 1.0f), room->rate_hz, rest);
    up_glide(&self->wet, other ? 0.0f : up_limit(mix, 0.0f, 1.0f), room->rate_hz, rest);
    self->awake = 1;
}

// Frames until a ring, or the predelay's tap, has its end.
static size_t reverb_straight(const up_reverb_t *self, const reverb_room_t *room, size_t n) {
    uint32_t last = UP_REVERB_RINGS - 1, at = self->at[last];
    uint32_t straight = room->length[last] - at, late = at < self->tap ? self->tap - at : straight;
    straight = late < straight ? late : straight;
    for (uint32_t i = 0; i < UP_REVERB_LINES; i++) {
        uint32_t rest = room->length[i] - self->at[i];
        straight = rest < straight ? rest : straight;
    }
    return n < straight ? n : straight;
}

static inline void reverb_forward(up_reverb_t *self, const reverb_room_t *room, uint32_t from, uint32_t to,
        size_t n) {
    for (uint32_t i = from; i < to; i++) {
        uint32_t at = self->at[i] + (uint32_t)n;
        self->at[i] = at < room->length[i] ? at : 0;
    }
}

static void reverb_tapped(const reverb_room_t *room, uint32_t at, uint32_t tap, float *y, size_t n) {
    uint32_t length = room->length[UP_REVERB_RINGS - 1];
    const float *ring = room->ring[UP_REVERB_RINGS - 1];
    at += at < tap ? length - tap : 0 - tap;
    for (size_t t = 0; t < n; t++) {
        y[t] = ring[at];
        at = at + 1 < length ? at + 1 : 0;
    }
}

// x into the predelay. -> what comes out of it, in the ring or in y
static const float *reverb_enter(up_reverb_t *self, const reverb_room_t *room, const float *x, float *y, size_t n) {
    uint32_t at = self->at[UP_REVERB_RINGS - 1], tap = self->tap;
    float *ring = room->ring[UP_REVERB_RINGS - 1], *to = ring + at, in = self->in.now, step = self->in.step;
    for (size_t t = 0; t < n; t++) {
        bool fine = (up_bits(x[t]) & 0x7fffffffu) < 0x49800000u; // below 2^20, so no NaN
        in += step;
        to[t] = up_fma(in, fine ? x[t] : 0.0f, REVERB_NOISE);
    }
    self->in.now = in;
    const float *late = at < tap ? to + (room->length[UP_REVERB_RINGS - 1] - tap) : to - tap;
    if (tap == self->next_tap) {
        return late;
    }
    float fade = self->fade;
    reverb_tapped(room, at, self->next_tap, y, n);
    for (size_t t = 0; t < n; t++) {
        fade = up_limit(fade + 1.0f / REVERB_FADE, 0.0f, 1.0f);
        y[t] = up_fma(fade, y[t] - late[t], late[t]);
    }
    self->fade = fade;
    return y;
}

static inline float reverb_allpass(float *ring, float x) {
    float late = *ring, v = up_fma(-REVERB_ALLPASS, late, x);
    *ring = v;
    return up_fma(REVERB_ALLPASS, v, late);
}

static void reverb_diffuse(up_reverb_t *self, const reverb_room_t *room, const float *x, float *y, size_t n) {
    while (n) {
        size_t m = n;
        for (uint32_t i = 8; i < 12; i++) {
            uint32_t straight = room->length[i] - self->at[i];
            m = m < straight ? m : straight;
        }
        float *a = room->ring[8] + self->at[8], *b = room->ring[9] + self->at[9];
        float *c = room->ring[10] + self->at[10], *d = room->ring[11] + self->at[11];
        for (float *end = y + m; y < end; y++) {
            float v = reverb_allpass(b++, reverb_allpass(a++, *x++));
            *y = reverb_allpass(d++, reverb_allpass(c++, v));
        }
        reverb_forward(self, room, 8, 12, m);
        n -= m;
    }
}

static void reverb_spring(up_reverb_t *self, const reverb_room_t *room, const float *x, float *y, size_t n) {
    float k = 1.0f - up_exp2(-9.0647203f * 4500.0f / room->rate_hz), low = self->low[0], lower = self->low[1];
    uint32_t row = self->row;
    for (size_t t = 0; t < n; t++) {
        low = up_fma(k, x[t] - low, low);
        lower = up_fma(k, low - lower, lower);
        float v = lower, *s = room->chain + row * REVERB_SECTIONS, *end = s + REVERB_SECTIONS;
        #define REVERB_SECTION(j) { \
            float out = up_fma(REVERB_STRETCH, v, s[j]); \
            s[j] = up_fma(-REVERB_STRETCH, out, v); \
            v = out; \
        }
        for (; s < end; s += 5) {
            REVERB_SECTION(0) REVERB_SECTION(1) REVERB_SECTION(2) REVERB_SECTION(3) REVERB_SECTION(4)
        }
        y[t] = v;
        row = row + 1 < room->rows ? row + 1 : 0;
    }
    self->low[0] = low;
    self->low[1] = lower;
    self->row = row;
}

// A line's low-pass, over what leaves it, in place.
static void reverb_damp(up_reverb_t *self, const reverb_room_t *room, uint32_t i, size_t n) {
    float *p = room->ring[i] + self->at[i], gain = self->gain[i], pole = self->pole[i], z = self->z[i];
    #define REVERB_DAMP(j) p[j] = z = up_fma(pole, z, gain * p[j])
    for (; n >= 8; n -= 8, p += 8) {
        REVERB_DAMP(0), REVERB_DAMP(1), REVERB_DAMP(2), REVERB_DAMP(3);
        REVERB_DAMP(4), REVERB_DAMP(5), REVERB_DAMP(6), REVERB_DAMP(7);
    }
    for (; n; n--, p++) {
        REVERB_DAMP(0);
    }
    self->z[i] = z;
}

// The same, read ahead of the line's end by a head that drifts.
static void reverb_damp_ahead(up_reverb_t *self, const reverb_room_t *room, uint32_t i, up_glide_t *drift, size_t n) {
    float *ring = room->ring[i], gain = self->gain[i], pole = self->pole[i], z = self->z[i];
    float now = drift->now, step = drift->step;
    for (float *p = ring + self->at[i], *end = p + n; p < end; p++) {
        const float *ahead = p + (uint32_t)now;
        float heard = up_fma(now - (float)(uint32_t)now, ahead[1] - ahead[0], ahead[0]);
        now += step;
        *p = z = up_fma(pole, z, gain * heard);
    }
    drift->now = now;
    self->z[i] = z;
}

// What leaves the lines goes through the matrix and enters them again with `in`; two rows are heard.
static inline void reverb_mix(up_reverb_t *self, const reverb_room_t *room, const float *in, float *x, float *right,
        size_t n) {
    float *l[UP_REVERB_LINES];
    for (uint32_t i = 0; i < UP_REVERB_LINES; i++) {
        l[i] = room->ring[i] + self->at[i];
    }
    float *p0 = l[0], *p1 = l[1], *p2 = l[2], *p3 = l[3], *p4 = l[4], *p5 = l[5], *p6 = l[6], *p7 = l[7];
    float share = self->type_now > 1 ? reverb_early[self->type_now - 2 < 2 ? self->type_now - 2 : 0] : 0.0f;
    float early = 1.0f + share, late = 1.0f - share; // 1 takes out what the matrix brought of it
    up_glide_t dry = self->dry, wet = self->wet;
    for (float *end = x + n; x < end; x++) {
        float enters = *in++, last = *p7 + enters; // to all lines, by the matrix's last column
        float a0 = *p0 + *p1, a1 = *p0 - *p1, a2 = *p2 + *p3, a3 = *p2 - *p3;
        float a4 = *p4 + *p5, a5 = *p4 - *p5, a6 = *p6 + last, a7 = *p6 - last;
        float b0 = a0 + a2, b2 = a0 - a2, b1 = a1 + a3, b3 = a1 - a3;
        float b4 = a4 + a6, b6 = a4 - a6, b5 = a5 + a7, b7 = a5 - a7;
        float left = b1 + b5, other = b2 + b6;
        *p0++ = b0 + b4;
        *p4++ = b0 - b4;
        *p1++ = left;
        *p5++ = b1 - b5;
        *p2++ = other;
        *p6++ = b2 - b6;
        *p3++ = b3 + b7;
        *p7++ = b3 - b7;
        dry.now += dry.step;
        wet.now += wet.step;
        float straight = dry.now * *x;
        if (right) {
            *right++ = up_fma(wet.now, up_fma(late, enters, other), straight);
        }
        *x = up_fma(wet.now, up_fma(early, enters, left), straight);
    }
    self->dry.now = dry.now;
    self->wet.now = wet.now;
}

// The start of a line with a drifting head, once more behind its end.
static void reverb_guard(const up_reverb_t *self, const reverb_room_t *room, uint32_t line, size_t n) {
    float *ring = room->ring[line], *copy = ring + room->length[line];
    uint32_t from = self->at[line], to = from + (uint32_t)n < REVERB_GUARD ? from + (uint32_t)n : REVERB_GUARD;
    for (uint32_t i = from; i < to; i++) {
        copy[i] = ring[i];
    }
}

static void reverb_run(up_reverb_t *self, reverb_room_t *room, float *x, size_t n) {
    float y[REVERB_CONTROL];
    const float *in = reverb_enter(self, room, x, y, n);
    bool spring = self->type_now == 1;
    if (spring) {
        reverb_spring(self, room, in, y, n);
    } else {
        reverb_diffuse(self, room, in, y, n);
    }
    for (uint32_t i = 0; i < UP_REVERB_LINES; i++) {
        if (spring || !reverb_drifts(i)) {
            reverb_damp(self, room, i, n);
        } else {
            reverb_damp_ahead(self, room, i, &self->drift[i >> 2], n);
        }
    }
    if (room->right && room->done + n <= UP_RIGHT) {
        reverb_mix(self, room, y, x, room->right + room->done, n);
    } else {
        reverb_mix(self, room, y, x, NULL, n);
    }
    reverb_guard(self, room, 0, n);
    reverb_guard(self, room, 4, n);
    room->done += (uint32_t)n;
    reverb_forward(self, room, 0, UP_REVERB_LINES, n);
    reverb_forward(self, room, UP_REVERB_RINGS - 1, UP_REVERB_RINGS, n);
}

// What Python may have overwritten since the last look, where it says what memory is read.
static void reverb_check(up_reverb_t *self, const reverb_room_t *room) {
    uint32_t most = room->length[UP_REVERB_RINGS - 1] - 1 - REVERB_CONTROL;
    self->tap = self->tap < most ? self->tap : most;
    self->next_tap = self->next_tap < most ? self->next_tap : most;
    for (uint32_t i = 0; i < 2; i++) {
        self->drift[i].now = up_limit(self->drift[i].now, 0.0f, REVERB_AHEAD);
        float step = up_limit(self->drift[i].step, -REVERB_DRIFT, REVERB_DRIFT);
        self->drift[i].step = step * (float)self->left > -0.5f - self->drift[i].now ? step : 0.0f;
    }
}

static void reverb_process(float *x, size_t n, up_reverb_t *self, size_t words, float *right) {
    if (words < 4096) {
        return; // no memory for a room
    }
    reverb_room_t room;
    room.words = (uint32_t)(words < (1u << 20) ? words : 1u << 20);
    room.right = right;
    room.done = 0;
    reverb_open(&room, self, room.words);
    reverb_check(self, &room);
    while (n) {
        UP_DUE(REVERB_CONTROL, self->left, reverb_control(self, &room))
        size_t m = reverb_straight(self, &room, self->left < n ? self->left : n);
        self->left -= (uint32_t)m;
        reverb_run(self, &room, x, m);
        x += m;
        n -= m;
    }
}

void up_reverb(float *x, size_t n_frames, void *state, size_t bytes) {
    reverb_process(x, n_frames, state, (bytes - sizeof(up_reverb_t)) / sizeof(float), NULL);
}

void up_reverb2(float *x, size_t n_frames, void *state, size_t bytes) {
    size_t words = (bytes - sizeof(up_reverb_t)) / sizeof(float);
    if (words > UP_RIGHT) {
        words -= UP_RIGHT;
        reverb_process(x, n_frames, state, words, (float *)((up_reverb_t *)state + 1) + words);
    }
}
