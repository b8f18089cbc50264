// SPDX-License-Identifier: MIT
// Effects that an oscillator moves; see up_modulation.h.
#include "up_modulation.h"

#define MOD_CONTROL UP_MODULATION_CONTROL
#define MOD_TURN 4294967296.0f // 2^32 counts

#ifdef __GNUC__
#define MOD_INLINE static inline __attribute__((always_inline))
#else
#define MOD_INLINE static inline
#endif

#define MOD_PIECES(self, x, n, control, run) UP_PIECES_OF(MOD_CONTROL, self, x, n, control, run)

// One control on.
static void mod_advance(uint32_t *phase, float speed_hz, float rate_hz) {
    float turns = speed_hz * (float)MOD_CONTROL / rate_hz;
    *phase += (uint32_t)(up_limit(turns, 0.0f, 0.5f) * MOD_TURN);
}

// sin(2 pi phase / 2^32), absolute error 3e-7: folded to a quarter turn, then the series.
UP_ONCE float mod_sine(uint32_t phase) {
    phase = (phase ^ phase << 1) >> 31 ? 0x80000000u - phase : phase;
    float u = (float)(int32_t)phase * (6.2831853f / MOD_TURN), q = u * u;
    float y = up_fma(q, -2.5052108e-8f, 2.7557319e-6f);
    y = up_fma(q, y, -1.9841270e-4f);
    y = up_fma(q, y, 8.3333333e-3f);
    y = up_fma(q, y, -1.6666667e-1f);
    return up_fma(u * q, y, u);
}

static float mod_rate(float rate_hz) {
    return up_limit(rate_hz, 1000.0f, 1e6f);
}

#define MOD_SLOW 0.125f // of the usual share, for delays: they bend the pitch while they move

static float mod_share(float rate_hz) { // of the way to a parameter, in one control
    return (float)MOD_CONTROL / up_fma(rate_hz, UP_GLIDE_MS * 1e-3f, (float)MOD_CONTROL);
}

// One step towards target at control rate. A share of 1 is all the way.
static void mod_glide(float *now, float target, float share) {
    float rest = target - *now;
    *now = share < 1.0f && (rest > 2e-5f || rest < -2e-5f) ? up_fma(share, rest, *now) : target;
}

// A share of the way to target during one control.
static void mod_ramp(up_glide_t *self, float target, float share) {
    float rest = target - self->now;
    bool far = share < 1.0f && (rest > 2e-5f || rest < -2e-5f);
    self->now = far ? self->now : target;
    self->step = far ? rest * share * (1.0f / (float)MOD_CONTROL) : 0.0f;
}

// To target in one control.
static void mod_line(up_glide_t *self, float target) {
    self->step = (target - self->now) * (1.0f / (float)MOD_CONTROL);
}

// ---- tremolo ----

UP_ONCE float tremolo_gain(const up_tremolo_t *self) {
    float w = up_limit(mod_sine(self->phase) * up_fma(5.0f * self->square, self->square, 1.0f), -1.0f, 1.0f);
    w = up_fma(0.5f * self->square, w - w * w * w, w); // rounds the clipper's corners
    return up_fma(0.5f * self->deep, w - 1.0f, 1.0f);
}

static void tremolo_control(up_tremolo_t *self) {
    bool at_rest = self->awake == 0;
    float rate = mod_rate(self->rate_hz), share = at_rest ? 1.0f : mod_share(rate);
    self->awake = 1;
    mod_glide(&self->deep, up_limit(self->depth, 0.0f, 1.0f), share);
    mod_glide(&self->square, up_limit(self->shape, 0.0f, 1.0f), share);
    self->gain.now = up_limit(at_rest ? tremolo_gain(self) : self->gain.now, 0.0f, 1.0f);
    mod_advance(&self->phase, self->speed_hz, rate);
    mod_line(&self->gain, up_limit(tremolo_gain(self), 0.0f, 1.0f));
}

static void tremolo_run(up_tremolo_t *self, float *x, size_t n_frames) {
    float gain = self->gain.now, step = self->gain.step;
    for (size_t t = 0; t < n_frames; t++) {
        gain += step;
        x[t] *= gain;
    }
    self->gain.now = gain;
}

void up_tremolo(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_tremolo_t *self = state;
    MOD_PIECES(self, x, n_frames, tremolo_control, tremolo_run)
}

// ---- phaser ----

// The all-passes' coefficient: (g - 1) / (g + 1) = -cos(2 pi t) / (1 + sin(2 pi t)) of t = f / rate.
UP_ONCE float phaser_pass(const up_phaser_t *self, float rate_hz) {
    float hz = up_exp2(up_fma(self->wide, mod_sine(self->phase), self->pitch));
    uint32_t t = (uint32_t)(up_limit(hz / rate_hz, 1e-4f, 0.45f) * MOD_TURN);
    return -mod_sine(t + 0x40000000u) / (1.0f + mod_sine(t));
}

// Another number of stages waits until the effect has faded out.
static void phaser_pairs(up_phaser_t *self, float share) {
    uint32_t pairs = (uint32_t)(up_limit(self->stages, 0.0f, 5.0f) + 0.5f) + 1;
    bool known = self->pairs - 1u < (uint32_t)UP_PHASER_STAGES / 2;
    if (pairs != self->pairs && (share == 1.0f || !known || self->wet.now < 1e-4f)) {
        self->pairs = pairs;
        for (size_t i = 0; i < UP_PHASER_STAGES; i++) {
            self->z[i] = 0.0f;
        }
        self->last = 0.0f;
    }
    mod_ramp(&self->wet, pairs == self->pairs ? up_limit(self->mix, 0.0f, 1.0f) : 0.0f, share);
}

// Whatever is wrong in the chain comes to its end within a frame.
static void phaser_heal(up_phaser_t *self) {
    float energy = self->last * self->last;
    for (size_t i = 0; i < UP_PHASER_STAGES && !(energy > 1e-30f && energy < 1e30f); i++) {
        self->z[i] = up_clean(self->z[i]);
        self->last = up_clean(self->last);
    }
}

static void phaser_control(up_phaser_t *self) {
    bool at_rest = self->awake == 0;
    float rate = mod_rate(self->rate_hz), share = at_rest ? 1.0f : mod_share(rate);
    self->awake = 1;
    phaser_heal(self);
    phaser_pairs(self, share);
    mod_ramp(&self->loop, up_limit(self->feedback, -0.95f, 0.95f), share);
    mod_glide(&self->wide, 2.0f * up_limit(self->depth, 0.0f, 1.0f), share);
    if (self->known_hz != self->frequency_hz || at_rest) {
        self->known_hz = self->frequency_hz;
        self->aim = up_log2(up_limit(self->frequency_hz, 20.0f, 20000.0f));
    }
    mod_glide(&self->pitch, up_limit(self->aim, 4.0f, 15.0f), share);
    self->a.now = up_limit(at_rest ? phaser_pass(self, rate) : self->a.now, -1.0f, 1.0f);
    mod_advance(&self->phase, self->speed_hz, rate);
    mod_line(&self->a, phaser_pass(self, rate));
}

MOD_INLINE void phaser_loop(up_phaser_t *self, float *x, size_t n_frames, size_t stages) {
    float a = self->a.now, loop = self->loop.now, wet = self->wet.now, last = self->last, z[UP_PHASER_STAGES];
    #pragma GCC unroll 12
    for (size_t i = 0; i < stages; i++) {
        z[i] = self->z[i];
    }
    for (size_t t = 0; t < n_frames; t++) {
        a += self->a.step;
        loop += self->loop.step;
        wet += self->wet.step;
        float w = up_fma(loop, last, x[t]);
        #pragma GCC unroll 12
        for (size_t i = 0; i < stages; i++) {
            float y = up_fma(a, w, z[i]);
            z[i] = up_fma(-a, y, w);
            w = y;
        }
        last = w;
        x[t] = up_fma(wet, w - x[t], x[t]);
    }
    #pragma GCC unroll 12
    for (size_t i = 0; i < stages; i++) {
        self->z[i] = z[i];
    }
    self->a.now = a;
    self->loop.now = loop;
    self->wet.now = wet;
    self->last = last;
}

static void phaser_run(up_phaser_t *self, float *x, size_t n_frames) {
    switch (self->pairs) {
        case 1: phaser_loop(self, x, n_frames, 2); break;
        case 2: phaser_loop(self, x, n_frames, 4); break;
        case 3: phaser_loop(self, x, n_frames, 6); break;
        case 4: phaser_loop(self, x, n_frames, 8); break;
        case 5: phaser_loop(self, x, n_frames, 10); break;
        default: phaser_loop(self, x, n_frames, 12); break;
    }
}

void up_phaser(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_phaser_t *self = state;
    MOD_PIECES(self, x, n_frames, phaser_control, phaser_run)
}

// ---- delay lines ----

#define LINE_FRAME 65536     // a frame, in a tap's units
#define LINE_UNIT (1.0f / (float)LINE_FRAME)
#define LINE_CUBE (LINE_UNIT * LINE_UNIT * LINE_UNIT)
#define LINE_LEAST 2         // frames of delay: two newer ones are read, too
#define LINE_MARGIN 40       // frames of the line that are written while a tap moves on
#define LINE_TWINS (UP_LINE_TAIL - MOD_CONTROL) // what is written from before here goes into the tail, too
#define LINE_STEEPEST 32768  // a tap moves by half a frame a frame, a fifth up or an octave down, at most

// The line's length behind a struct of `head` bytes; false if there is none to speak of.
static bool line_open(up_line_t *self, size_t head, size_t bytes) {
    size_t frames = bytes > head ? (bytes - head) / sizeof(float) : 0;
    if (frames < UP_LINE_TAIL + 2 * LINE_MARGIN) {
        return false;
    }
    frames -= UP_LINE_TAIL;
    self->frames = frames < 32767 ? (uint32_t)frames : 32767;
    self->at = self->at < self->frames ? self->at : 0;
    return true;
}

static int32_t line_within(const up_line_t *self, int32_t delay) {
    int32_t least = LINE_LEAST * LINE_FRAME, most = (int32_t)(self->frames - LINE_MARGIN) * LINE_FRAME;
    return delay < least ? least : delay > most ? most : delay;
}

static int32_t line_ms(float ms, float rate_hz) { // in a tap's units
    return (int32_t)(up_limit(ms * 1e-3f * rate_hz, -16000.0f, 16000.0f) * (float)LINE_FRAME);
}

// One control's way of a tap towards a delay.
UP_ONCE void line_aim(const up_line_t *self, up_tap_t *tap, int32_t delay, bool at_rest) {
    delay = line_within(self, delay);
    tap->delay = at_rest ? delay : line_within(self, tap->delay);
    int32_t step = (delay - tap->delay) / MOD_CONTROL;
    tap->step = step < -LINE_STEEPEST ? -LINE_STEEPEST : step > LINE_STEEPEST ? LINE_STEEPEST : step;
}

// Where a tap reads during the next frames: r[pos >> 16 ..] + 4 frames, pos += pace a frame. Inside the line and
// its tail whatever the tap's words are.
typedef struct {
    const float *r;
    uint32_t pos, pace;
} line_reader_t;

MOD_INLINE line_reader_t line_reader(const up_line_t *self, const float *ring, up_tap_t *tap, size_t n_frames) {
    int32_t step = tap->step < -LINE_STEEPEST ? -LINE_STEEPEST : tap->step > LINE_STEEPEST ? LINE_STEEPEST : tap->step;
    int32_t delay = line_within(self, tap->delay), first = delay + step;
    int32_t back = (first + LINE_FRAME - 1) / LINE_FRAME; // whole frames, rounded up
    int32_t oldest = (int32_t)self->at - back - 1;
    oldest += oldest < 0 ? (int32_t)self->frames : 0;
    tap->delay = delay + step * (int32_t)n_frames;
    line_reader_t reader = { ring + oldest, (uint32_t)(back * LINE_FRAME - first), (uint32_t)(LINE_FRAME - step) };
    return reader;
}

// The signal between r[1] and r[2]. The cubic whose images are smallest up to rate / 6 in the least squares, while
// its even part keeps direct current exact: at 6 of 48 kHz images of -68 dB for 0.9 dB of loss (Hermite's cubic:
// -42 dB, 0.04 dB). Below 3 kHz -75 dB for 0.2 dB.
MOD_INLINE float line_read(const float *r, uint32_t pos) {
    r += pos >> 16;
    float z = (float)(int32_t)(pos & 0xffffu) - 0.5f * (float)LINE_FRAME; // in a tap's units
    float inner = r[1] + r[2], outer = r[0] + r[3], in = r[2] - r[1], out = r[3] - r[0], d = inner - outer;
    float c0 = up_fma(0.475283f, d, 0.5f * outer);
    float c1 = up_fma(0.137704f * LINE_UNIT, out, 0.587756f * LINE_UNIT * in);
    float c2 = -0.253691f * LINE_UNIT * LINE_UNIT * d;
    float c3 = up_fma(0.155926f * LINE_CUBE, out, -0.469342f * LINE_CUBE * in);
    return up_fma(up_fma(up_fma(c3, z, c2), z, c1), z, c0);
}

static size_t line_twin(const up_line_t *self) { // how far behind a frame its twin in the tail is
    return self->at < LINE_TWINS ? self->frames : 0;
}

// What goes into the tail of x, which goes into the line; at most MOD_CONTROL frames that do not wrap.
static void line_twins(const up_line_t *self, float *ring, const float *x, size_t n_frames) {
    float *twin = ring + self->at + self->frames;
    for (size_t t = 0; self->at < LINE_TWINS && t < n_frames; t++) {
        twin[t] = x[t];
    }
}

static size_t line_piece(const up_line_t *self, size_t n_frames) { // frames until it wraps
    size_t room = self->frames - self->at;
    return n_frames < room ? n_frames : room;
}

static void line_advance(up_line_t *self, size_t n_frames) {
    self->at += (uint32_t)n_frames;
    self->at -= self->at >= self->frames ? self->frames : 0;
}

// MOD_PIECES for a struct with a line in it.
#define LINE_PIECES(self, x, n, control, run) \
    while (n) { \
        UP_DUE(MOD_CONTROL, (self)->line.left, control(self)) \
        size_t m_ = up_until_control(&(self)->line.left, line_piece(&(self)->line, n)); \
        run(self, x, m_); \
        line_advance(&(self)->line, m_); \
        x += m_; \
        n -= m_; \
    }

// ---- chorus ----

// Another number of voices waits until they have faded out.
static void chorus_count(up_chorus_t *self, float share) {
    static const float part[UP_CHORUS_VOICES] = { 1.0f, 0.70710678f, 0.57735027f, 0.5f };
    uint32_t count = (uint32_t)(up_limit(self->voices, 0.0f, (float)(UP_CHORUS_VOICES - 1)) + 0.5f) + 1;
    float mix = up_limit(self->mix, 0.0f, 1.0f);
    if (count != self->count && (share == 1.0f || self->count - 1u >= UP_CHORUS_VOICES || self->wet.now < 1e-4f)) {
        self->count = count;
        self->settled = 0;
    }
    mod_ramp(&self->dry, 1.0f - mix, share);
    mod_ramp(&self->wet, count == self->count ? mix * part[count - 1] : 0.0f, share);
}

static void chorus_control(up_chorus_t *self) {
    static const uint32_t behind[UP_CHORUS_VOICES] = { 0, 0x80000000u, 0x40000000u, 0xc0000000u };
    bool at_rest = self->line.awake == 0;
    float rate = mod_rate(self->rate_hz), share = at_rest ? 1.0f : mod_share(rate);
    self->line.awake = 1;
    chorus_count(self, share);
    mod_glide(&self->middle, up_limit(self->delay_ms, 0.0f, 100.0f), at_rest ? 1.0f : share * MOD_SLOW);
    mod_glide(&self->deep, up_limit(self->depth_ms, 0.0f, 20.0f), at_rest ? 1.0f : share * MOD_SLOW);
    mod_advance(&self->line.phase, self->speed_hz, rate);
    int32_t middle = line_ms(self->middle, rate);
    for (size_t v = 0; v < self->count; v++) {
        int32_t sway = line_ms(self->deep * mod_sine(self->line.phase - behind[v]), rate);
        line_aim(&self->line, &self->tap[v], middle + sway, self->settled == 0);
    }
    self->settled = 1;
}

// One voice or two; the first ones write the line, too, and take x down to its dry share.
MOD_INLINE void chorus_voices(up_chorus_t *self, size_t v, up_glide_t *gain, float *x, size_t n, bool first, bool two) {
    float *ring = (float *)(self + 1), *to = ring + self->line.at;
    up_glide_t dry = self->dry, wet = *gain;
    line_reader_t a = line_reader(&self->line, ring, &self->tap[v], n), b = a;
    if (two) {
        b = line_reader(&self->line, ring, &self->tap[v + 1], n);
    }
    for (size_t t = 0; t < n; t++, a.pos += a.pace, b.pos += b.pace) {
        float straight = x[t];
        if (first) {
            dry.now += dry.step;
            to[t] = straight;
            straight *= dry.now;
        }
        wet.now += wet.step;
        float sum = line_read(a.r, a.pos);
        sum += two ? line_read(b.r, b.pos) : 0.0f;
        x[t] = up_fma(wet.now, sum, straight);
    }
    *gain = wet;
    self->dry = first ? dry : self->dry;
}

static void chorus_run(up_chorus_t *self, float *x, size_t n_frames) {
    up_glide_t again = self->wet;
    line_twins(&self->line, (float *)(self + 1), x, n_frames);
    if (self->count == 1) {
        chorus_voices(self, 0, &self->wet, x, n_frames, true, false);
    } else {
        chorus_voices(self, 0, &self->wet, x, n_frames, true, true);
    }
    if (self->count == 3) {
        chorus_voices(self, 2, &again, x, n_frames, false, false);
    } else if (self->count == 4) {
        chorus_voices(self, 2, &again, x, n_frames, false, true);
    }
}

void up_chorus(float *x, size_t n_frames, void *state, size_t bytes) {
    up_chorus_t *self = state;
    if (line_open(&self->line, sizeof *self, bytes)) {
        LINE_PIECES(self, x, n_frames, chorus_control, chorus_run)
    }
}

// ---- vibrato ----

static void vibrato_control(up_vibrato_t *self) {
    bool at_rest = self->line.awake == 0;
    float rate = mod_rate(self->rate_hz);
    self->line.awake = 1;
    mod_glide(&self->deep, up_limit(self->depth_ms, 0.0f, 20.0f), at_rest ? 1.0f : mod_share(rate) * MOD_SLOW);
    int32_t least = LINE_LEAST * LINE_FRAME + line_ms(self->deep, rate);
    if (at_rest) {
        line_aim(&self->line, &self->tap, least, true);
    }
    mod_advance(&self->line.phase, self->speed_hz, rate);
    line_aim(&self->line, &self->tap, least + line_ms(self->deep * mod_sine(self->line.phase), rate), false);
}

static void vibrato_run(up_vibrato_t *self, float *x, size_t n_frames) {
    float *ring = (float *)(self + 1), *to = ring + self->line.at;
    line_twins(&self->line, ring, x, n_frames);
    line_reader_t reader = line_reader(&self->line, ring, &self->tap, n_frames);
    for (size_t t = 0; t < n_frames; t++, reader.pos += reader.pace) {
        to[t] = x[t];
        x[t] = line_read(reader.r, reader.pos);
    }
}

void up_vibrato(float *x, size_t n_frames, void *state, size_t bytes) {
    up_vibrato_t *self = state;
    if (line_open(&self->line, sizeof *self, bytes)) {
        LINE_PIECES(self, x, n_frames, vibrato_control, vibrato_run)
    }
}

// ---- flanger ----

// What went round in the last control and overflowed, or became too small to hear, goes to 0.
static void flanger_heal(up_flanger_t *self) {
    float *ring = (float *)(self + 1), energy = self->energy;
    self->energy = 0.0f;
    if (energy > 1e-30f && energy < 1e30f) {
        return;
    }
    self->last = up_clean(self->last);
    uint32_t at = self->line.at;
    for (size_t i = 0; i < MOD_CONTROL; i++) {
        at = at == 0 ? self->line.frames - 1 : at - 1;
        ring[at] = up_clean(ring[at]);
        ring[at < UP_LINE_TAIL ? at + self->line.frames : at] = ring[at];
    }
}

static float flanger_zero(float rate_hz) { // a whole number of frames
    return (float)(int32_t)(rate_hz * (UP_FLANGER_ZERO_MS * 1e-3f));
}

static void flanger_control(up_flanger_t *self) {
    bool at_rest = self->line.awake == 0, through = self->through_zero > 0.5f;
    float rate = mod_rate(self->rate_hz), share = at_rest ? 1.0f : mod_share(rate);
    float mix = up_limit(self->mix, 0.0f, 1.0f), ms = up_limit(self->delay_ms, 0.0f, 5.0f);
    self->line.awake = 1;
    flanger_heal(self);
    float slow = at_rest ? 1.0f : share * MOD_SLOW;
    mod_glide(&self->deep, ms * up_limit(self->depth, 0.0f, 1.0f), slow);
    mod_glide(&self->middle, through ? flanger_zero(rate) * 1e3f / rate : ms, slow);
    mod_advance(&self->line.phase, self->speed_hz, rate);
    int32_t sway = line_ms(self->deep * mod_sine(self->line.phase), rate);
    line_aim(&self->line, &self->tap, line_ms(self->middle, rate) + sway, at_rest);
    mod_ramp(&self->dry, through ? 0.0f : 1.0f - mix, share);
    mod_ramp(&self->late, through ? 1.0f - mix : 0.0f, share);
    mod_ramp(&self->wet, mix, share);
    mod_ramp(&self->loop, up_limit(self->feedback, -0.95f, 0.95f), share);
}

// Where the line has what came 5 ms ago: a fixed tap, exact, for the dry signal through zero.
static const float *flanger_late(const up_flanger_t *self, const float *ring) {
    int32_t back = (int32_t)flanger_zero(mod_rate(self->rate_hz)), most = (int32_t)self->line.frames - LINE_MARGIN;
    int32_t at = (int32_t)self->line.at - (back < most ? back : most);
    return ring + (at < 0 ? at + (int32_t)self->line.frames : at);
}

MOD_INLINE void flanger_loop(up_flanger_t *self, float *x, size_t n_frames, bool gliding) {
    float *ring = (float *)(self + 1), *to = ring + self->line.at;
    size_t twin = line_twin(&self->line);
    const float *late = flanger_late(self, ring);
    line_reader_t reader = line_reader(&self->line, ring, &self->tap, n_frames);
    up_glide_t dry = self->dry, wet = self->wet, loop = self->loop, old = self->late;
    float energy = self->energy, last = self->last;
    for (size_t t = 0; t < n_frames; t++, reader.pos += reader.pace) {
        float straight = x[t], w = up_fma(loop.now, last, straight);
        to[t] = w;
        to[t + twin] = w;
        last = line_read(reader.r, reader.pos);
        energy = up_fma(last, last, energy);
        x[t] = up_fma(wet.now, last, up_fma(old.now, late[t], dry.now * straight));
        if (gliding) {
            dry.now += dry.step;
            wet.now += wet.step;
            old.now += old.step;
            loop.now += loop.step;
        }
    }
    self->dry.now = dry.now;
    self->wet.now = wet.now;
    self->loop.now = loop.now;
    self->late.now = old.now;
    self->energy = energy;
    self->last = last;
}

static void flanger_run(up_flanger_t *self, float *x, size_t n_frames) {
    if (self->dry.step != 0.0f || self->wet.step != 0.0f || self->late.step != 0.0f || self->loop.step != 0.0f) {
        flanger_loop(self, x, n_frames, true);
    } else {
        flanger_loop(self, x, n_frames, false);
    }
}

void up_flanger(float *x, size_t n_frames, void *state, size_t bytes) {
    up_flanger_t *self = state;
    if (line_open(&self->line, sizeof *self, bytes)) {
        LINE_PIECES(self, x, n_frames, flanger_control, flanger_run)
    }
}
