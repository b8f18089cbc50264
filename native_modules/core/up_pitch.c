// SPDX-License-Identifier: MIT
// Effects that know or change the pitch; see up_pitch.h.
#include "up_pitch.h"
#include "up_fir.h"

static float pitch_pole(float hz, float rate_hz) { // of y += a (x - y)
    float w = 2.0f * UP_PI * hz / rate_hz;
    return up_limit(w / (1.0f + w), 0.0f, 1.0f);
}

// ---- octave ----

#define OCTAVE_UP 2.3561945f // 3 pi / 4: |sin| holds 4 / (3 pi) of twice its frequency
#define OCTAVE_TURN 16       // looks at the parameters between two at the coefficients
#define OCTAVE_Q 4.0f        // of the filter that follows
#define OCTAVE_ARMED 0x80000000u

// The filter that follows is a trapezoidal state variable band-pass at the note, gain 1. Four low-pass poles at
// 0.4 times the note show its fundamental (a harmonic n falls by about n^4 beside it), two high-pass ones at 0.35
// times keep drift out.
static void octave_coefficients(up_octave_t *self) {
    float rate = self->rate_hz, note = up_limit(self->note_hz, 50.0f, 1000.0f);
    float g = up_tan_half_turns(note / rate);
    self->b1 = 1.0f / (1.0f + g * (g + 1.0f / OCTAVE_Q));
    self->b2 = g * self->b1;
    self->b3 = g * self->b2;
    self->wait = (uint32_t)(up_limit(0.6f * rate / note, 0.0f, 65536.0f));
    self->k_tone = pitch_pole(up_limit(self->tone_hz, 100.0f, 5000.0f), rate);
    self->k_slow = pitch_pole(20.0f, rate);
    self->k_first = pitch_pole(0.4f * note, rate);
    self->k_pole = pitch_pole(0.4f * note, rate / (float)UP_CONTROL);
    self->k_drift = pitch_pole(0.35f * note, rate / (float)UP_CONTROL);
    self->k_soft = pitch_pole(2000.0f, rate);
}

static void octave_clean(up_octave_t *self) {
    self->slow = up_clean(self->slow);
    self->band = up_clean(self->band);
    self->low = up_clean(self->low);
    self->smooth = up_clean(self->smooth);
    self->soft = up_clean(self->soft);
    self->mean = up_clean(self->mean);
    self->first = up_clean(self->first);
    for (int i = 0; i < 6; i++) {
        self->poles[i] = up_clean(self->poles[i]);
    }
    self->note_hz = up_clean(self->note_hz);
    self->sign = self->sign < 0.0f ? -1.0f : 1.0f;
}

// The fundamental of the frames since the last look. Where it goes below zero, a period is over.
static void octave_detect(up_octave_t *self) {
    float *poles = self->poles, before = poles[5], in = self->sum;
    for (int i = 0; i < 3; i++) {
        in = poles[i] = up_fma(self->k_pole, in - poles[i], poles[i]);
    }
    for (int i = 3; i < 5; i++) {
        poles[i] = up_fma(self->k_drift, in - poles[i], poles[i]);
        in -= poles[i];
    }
    poles[5] = in;
    self->sum = 0.0f;
    self->count++;
    if (in < 0.0f && before >= 0.0f) {
        float note = self->rate_hz / (float)(UP_CONTROL * (self->count & 0xffffu) + 1);
        self->note_hz = up_fma(0.3f, note - self->note_hz, self->note_hz);
        self->count = 0;
    }
}

static void octave_control(up_octave_t *self) {
    if (--self->turn >= OCTAVE_TURN) { // it was 0, or anything
        octave_clean(self);
        octave_coefficients(self);
        self->turn = OCTAVE_TURN;
    }
    octave_detect(self);
    self->since += UP_CONTROL;
    if (self->since >= self->wait) {
        self->armed = OCTAVE_ARMED;
    }
    up_glide(&self->g_dry, up_limit(self->dry, 0.0f, 2.0f), self->rate_hz, !self->awake);
    up_glide(&self->g_up, OCTAVE_UP * up_limit(self->up, 0.0f, 2.0f), self->rate_hz, !self->awake);
    up_glide(&self->g_down, up_limit(self->down, 0.0f, 2.0f), self->rate_hz, !self->awake);
    self->awake = 1;
}

// The flip-flop turns over where u rises through zero, so that u * sign has no steps; once a period, since it is
// armed again only after most of one.
static void octave_run(up_octave_t *self, float *x, size_t n_frames) {
    float slow = self->slow, first = self->first, sum = self->sum, band = self->band, low = self->low, smooth = self->smooth;
    float soft = self->soft, mean = self->mean, sign = self->sign, b1 = self->b1, b2 = self->b2, b3 = self->b3;
    float k_tone = self->k_tone, k_slow = self->k_slow, k_first = self->k_first, k_soft = self->k_soft;
    float g_dry = self->g_dry.now, g_up = self->g_up.now, g_down = self->g_down.now;
    float s_dry = self->g_dry.step, s_up = self->g_up.step, s_down = self->g_down.step;
    uint32_t last = self->last, armed = self->armed, since = self->since;
    for (float *end = x + n_frames; x < end; x++) {
        float in = *x;
        slow = up_fma(k_slow, in - slow, slow);
        float v = in - slow;
        first = up_fma(k_first, v - first, first);
        sum += first;
        float rest = v - low, half = up_fma(b1, band, b2 * rest);
        float under = up_fma(b2, band, up_fma(b3, rest, low)), u = (1.0f / OCTAVE_Q) * half;
        band = half + (half - band);
        low = under + (under - low);
        uint32_t now = up_bits(u);
        if (armed & last & ~now) {
            sign = -sign;
            armed = since = 0;
        }
        last = now;
        smooth = up_fma(k_tone, up_fma(u, sign, -smooth), smooth);
        soft = up_fma(k_soft, v - soft, soft);
        float folded = up_from_bits(up_bits(soft) & 0x7fffffffu);
        mean = up_fma(k_slow, folded - mean, mean);
        g_dry += s_dry;
        g_up += s_up;
        g_down += s_down;
        *x = up_fma(g_dry, in, up_fma(g_up, folded - mean, g_down * smooth));
    }
    self->slow = slow, self->first = first, self->since = since, self->sum = sum, self->band = band, self->low = low, self->smooth = smooth;
    self->soft = soft, self->mean = mean, self->sign = sign, self->last = last;
    self->armed = armed & OCTAVE_ARMED;
    self->g_dry.now = g_dry, self->g_up.now = g_up, self->g_down.now = g_down;
}

void up_octave(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_octave_t *self = state;
    self->armed &= OCTAVE_ARMED;
    UP_PIECES(self, x, n_frames, octave_control, octave_run)
}

// ---- pitch shift ----

#define SHIFT_ONE 65536
#define SHIFT_NEAR 48   // frames: the least delay; what is nearer may not be finite yet
#define SHIFT_FINE 3    // frames to both sides of the coarse search's lag, one each time
#define SHIFT_POINTS 64 // compared of each of them: every 8th frame
#define SHIFT_TURN 16   // looks at a pitch that stands still between two at its step

enum { SHIFT_TRAVEL, SHIFT_COARSE, SHIFT_REFINE, SHIFT_READY };

typedef struct {
    float *line, *sums, *wanted; // wanted: newest first
    uint32_t n, jump_least, jump_most, fade; // frames
} shift_view_t;

static shift_view_t shift_view(up_pitchshift_t *self, size_t bytes) {
    size_t words = (bytes - sizeof(*self)) / sizeof(float), n = 512;
    while (UP_SHIFT_EXTRA(2 * n) <= words && n < 16384) {
        n *= 2;
    }
    float *line = (float *)(self + 1), *sums = line + n + 4, ms = self->rate_hz * 1e-3f;
    float most = up_limit(ms * up_limit(self->window_ms, 10.0f, 40.0f), 128.0f, 0.5f * (float)n);
    float fade = up_limit(ms * up_limit(self->overlap_ms, 1.0f, 15.0f), 16.0f, 0.2f * (float)n);
    shift_view_t view = { line, sums, sums + 2 * (n / 8) + 8, (uint32_t)n, 0, (uint32_t)most & ~127u, (uint32_t)fade & ~15u };
    view.jump_least = view.jump_most / 2;
    return view;
}

// Frames of way, times 65536, before the head has to jump.
static int32_t shift_way(const up_pitchshift_t *self, const shift_view_t *view) {
    if (self->step < 0) {
        return self->delay - SHIFT_NEAR * SHIFT_ONE + self->step * (int32_t)view->fade;
    }
    return (int32_t)(view->jump_most + SHIFT_NEAR) * SHIFT_ONE - self->delay;
}

// A lag differs from what is wanted by `apart`; they come in order.
static void shift_note(up_pitchshift_t *self, float apart) {
    if (self->tried == 0 || apart < self->least) {
        self->before = self->after = self->tried ? self->last : apart;
        self->least = apart;
        self->best = self->tried;
    } else if (self->tried == self->best + 1) {
        self->after = apart;
    }
    self->last = apart;
    self->tried++;
}

// The best lag tried, and between lags: the vertex of the parabola through it and those beside it.
static float shift_vertex(up_pitchshift_t *self) {
    float bend = self->before - 2.0f * self->least + self->after;
    float off = bend > 0.0f ? 0.5f * (self->before - self->after) / bend : 0.0f;
    self->tried = 0;
    return (float)self->best + up_limit(off, -0.5f, 0.5f);
}

static void shift_begin(up_pitchshift_t *self, const shift_view_t *view) {
    uint32_t mask = view->n / 8 - 1;
    self->here = ((self->at - (uint32_t)(self->delay >> 16)) >> 3) - 1;
    const float *from = view->sums + mask + 1 + (self->here & mask);
    for (int k = 0; k < UP_SHIFT_WINDOW; k++) {
        view->wanted[k] = from[-k];
    }
    self->tried = 0;
    self->stage = SHIFT_COARSE;
}

static float pitch_energy(const float *newest, int n) {
    float sum = 0.0f;
    for (int k = 0; k < n; k++) {
        sum = up_fma(newest[-k], newest[-k], sum);
    }
    return sum;
}

// Eight lags, eight frames apart: energy of what lies there less twice its product with what is wanted is the
// square of the difference, but for a constant. Lags grow to the past where the pitch goes up.
static void shift_coarse(up_pitchshift_t *self, const shift_view_t *view) {
    uint32_t mask = view->n / 8 - 1, lag = view->jump_least / 8 + self->tried;
    int way = self->step < 0 ? -1 : 1;
    uint32_t first = way < 0 ? self->here - lag - 7 : self->here + lag;
    const float *there = view->sums + mask + 1 + (first & mask);
    float product[8] = { 0 };
    up_fir_eight(view->wanted, there, product, UP_SHIFT_WINDOW / UP_FIR_STEP);
    int p = way < 0 ? 7 : 0;
    if (self->tried == 0) {
        self->energy = pitch_energy(there + p, UP_SHIFT_WINDOW);
    }
    for (int i = 0; i < 8; i++, p += way) {
        shift_note(self, self->energy - 2.0f * product[p]);
        float newer = there[way < 0 ? p : p + 1], older = there[(way < 0 ? p : p + 1) - UP_SHIFT_WINDOW];
        self->energy += (float)way * up_fma(newer, newer, -older * older);
    }
    if (self->tried > (view->jump_most - view->jump_least) / 8) {
        self->lag = (float)view->jump_least + 8.0f * shift_vertex(self);
        self->stage = SHIFT_REFINE;
    }
}

static uint32_t shift_centre(const up_pitchshift_t *self, const shift_view_t *view) {
    return (uint32_t)(up_limit(self->lag, 64.0f, (float)view->jump_most + 64.0f) + 0.5f);
}

static void shift_refine(up_pitchshift_t *self, const shift_view_t *view) {
    uint32_t mask = view->n - 1, centre = shift_centre(self, view), lag = centre + self->tried - SHIFT_FINE;
    uint32_t here = self->at - (uint32_t)(self->delay >> 16), there = self->step < 0 ? here - lag : here + lag;
    float sum = 0.0f;
    for (uint32_t j = 1; j < 1 + 8 * SHIFT_POINTS; j += 8) {
        float apart = view->line[(here - j) & mask] - view->line[(there - j) & mask];
        sum = up_fma(apart, apart, sum);
    }
    shift_note(self, sum);
    if (self->tried > 2 * SHIFT_FINE) {
        self->lag = (float)(centre - SHIFT_FINE) + shift_vertex(self);
        self->stage = SHIFT_READY;
    }
}

static void shift_jump(up_pitchshift_t *self, const shift_view_t *view) {
    int32_t jump = (int32_t)(up_limit(self->lag, 0.0f, (float)view->jump_most + 64.0f) * (float)SHIFT_ONE);
    self->old_delay = self->delay;
    self->delay += self->step < 0 ? jump : -jump;
    self->fade = 1.0f;
    self->fade_step = -1.0f / (float)view->fade;
    self->stage = SHIFT_TRAVEL;
}

// The search starts early enough to be done when the head has to jump.
static void shift_search(up_pitchshift_t *self, const shift_view_t *view) {
    int32_t way = shift_way(self, view), pace = self->step < 0 ? -self->step : self->step;
    int32_t turns = (int32_t)(view->jump_most - view->jump_least) / 64 + 2 * SHIFT_FINE + 4;
    switch (self->stage) {
        case SHIFT_COARSE: shift_coarse(self, view); break;
        case SHIFT_REFINE: shift_refine(self, view); break;
        case SHIFT_READY:
            if (way <= pace * UP_CONTROL && self->fade <= 0.0f) {
                shift_jump(self, view);
            }
            break;
        default:
            if (pace && way <= pace * turns * UP_CONTROL) {
                shift_begin(self, view);
            }
    }
}

static int32_t shift_inside(int32_t delay, const shift_view_t *view) {
    int32_t least = (SHIFT_NEAR - 8) * SHIFT_ONE, most = (int32_t)(view->n - 64) * SHIFT_ONE;
    return delay < least ? least : delay > most ? most : delay;
}

static void shift_pitch(up_pitchshift_t *self) {
    float target = up_limit(self->semitones, -12.0f, 12.0f) + 0.01f * up_limit(self->cents, -100.0f, 100.0f);
    float rest = target - self->pitch;
    bool there = !self->awake || !up_is_finite(rest) || (rest < 1e-4f && rest > -1e-4f);
    if (there && self->awake && --self->turn < SHIFT_TURN) {
        return;
    }
    self->turn = SHIFT_TURN;
    float share = (float)UP_CONTROL / ((float)UP_CONTROL + self->rate_hz * (UP_GLIDE_MS * 1e-3f));
    self->pitch = there ? target : up_fma(rest, up_limit(share, 0.0f, 1.0f), self->pitch);
    float step = (1.0f - up_exp2(up_limit(self->pitch, -13.0f, 13.0f) * (1.0f / 12.0f))) * (float)SHIFT_ONE;
    int32_t before = self->step;
    self->step = (int32_t)(step + (step < 0.0f ? -0.5f : 0.5f));
    if ((before < 0) != (self->step < 0)) {
        self->stage = SHIFT_TRAVEL; // what was found is for the other way
    }
}

// Sums of the last frames, which lose here what is not finite.
static void shift_sums(up_pitchshift_t *self, const shift_view_t *view) {
    uint32_t mask = view->n - 1, half = view->n / 8, from = (self->at - UP_CONTROL) & mask;
    for (uint32_t to = from / 8; to < from / 8 + 2; to++) {
        float *frames = view->line + 8 * to, sum = 0.0f;
        for (int t = 0; t < 8; t++) {
            sum += frames[t];
        }
        if (!up_is_finite(sum)) {
            up_heal(frames, 8);
            sum = 0.0f;
        }
        view->sums[to] = view->sums[half + to] = sum;
        if (to < 8) {
            view->sums[2 * half + to] = sum;
        }
    }
    for (int t = 0; from == 0 && t < 4; t++) {
        view->line[view->n + (uint32_t)t] = view->line[t];
    }
}

static void shift_control(up_pitchshift_t *self, const shift_view_t *view) {
    float mix = up_limit(self->mix, 0.0f, 1.0f);
    up_glide(&self->dry, 1.0f - mix, self->rate_hz, !self->awake);
    up_glide(&self->wet, mix, self->rate_hz, !self->awake);
    self->at &= (view->n - 1) & ~(uint32_t)(UP_CONTROL - 1);
    shift_sums(self, view);
    shift_pitch(self);
    self->fade = up_limit(self->fade, 0.0f, 1.0f);
    self->fade = self->fade < 1e-4f ? 0.0f : self->fade;
    self->fade_step = up_limit(self->fade_step, -1.0f / 16.0f, -1e-4f);
    self->step = self->step < -2 * SHIFT_ONE ? -2 * SHIFT_ONE : self->step > SHIFT_ONE ? SHIFT_ONE : self->step;
    self->delay = shift_inside(self->delay, view);
    self->old_delay = shift_inside(self->old_delay, view);
    shift_search(self, view);
    self->awake = 1;
}

// The line `delay` back, between frames by a cubic through four of them (Catmull and Rom, 1974).
static inline float shift_read(const float *line, uint32_t mask, uint32_t at, int32_t delay) {
    const float *p = line + ((at - (uint32_t)(delay >> 16) - 2) & mask);
    float f = (float)(delay & 0xffff) * (1.0f / (float)SHIFT_ONE);
    float c1 = 0.5f * (p[1] - p[3]), c3 = up_fma(1.5f, p[2] - p[1], 0.5f * (p[0] - p[3]));
    float c2 = p[1] - p[2] - c1 - c3;
    return up_fma(up_fma(up_fma(c3, f, c2), f, c1), f, p[2]);
}

static inline void shift_frames(up_pitchshift_t *self, const shift_view_t *view, float *x, size_t n_frames, bool fades) {
    float *line = view->line, dry = self->dry.now, wet = self->wet.now, fade = self->fade, fade_step = self->fade_step;
    float dry_step = self->dry.step, wet_step = self->wet.step;
    uint32_t at = self->at, mask = view->n - 1;
    int32_t delay = self->delay, old_delay = self->old_delay, step = self->step;
    for (size_t t = 0; t < n_frames; t++, at++) {
        line[at & mask] = x[t];
        delay = (int32_t)((uint32_t)delay + (uint32_t)step); // wraps where the state was overwritten
        float y = shift_read(line, mask, at, delay);
        if (fades) {
            old_delay = (int32_t)((uint32_t)old_delay + (uint32_t)step);
            fade += fade_step;
            y = up_fma(fade, shift_read(line, mask, at, old_delay) - y, y);
        }
        dry += dry_step;
        wet += wet_step;
        x[t] = up_fma(wet, y, dry * x[t]);
    }
    self->at = at;
    self->dry.now = dry;
    self->wet.now = wet;
    self->fade = fade;
    self->delay = delay;
    self->old_delay = old_delay;
}

static void shift_run(up_pitchshift_t *self, const shift_view_t *view, float *x, size_t n_frames) {
    if (self->fade > 0.0f) {
        shift_frames(self, view, x, n_frames, true);
    } else {
        shift_frames(self, view, x, n_frames, false);
    }
}

void up_pitchshift(float *x, size_t n_frames, void *state, size_t bytes) {
    up_pitchshift_t *self = state;
    if ((bytes - sizeof(*self)) / sizeof(float) < UP_SHIFT_EXTRA(1024)) {
        return;
    }
    shift_view_t view = shift_view(self, bytes);
    #define SHIFT_CONTROL(s) shift_control(s, &view)
    #define SHIFT_RUN(s, x, n) shift_run(s, &view, x, n)
    UP_PIECES(self, x, n_frames, SHIFT_CONTROL, SHIFT_RUN)
}

// ---- tuner ----

#define TUNER_RATE_HZ 6000.0f
#define TUNER_LOW_HZ 350.0f // two poles: the lowest partials decide, the fundamental above all
#define TUNER_PARTS 3       // sixteenths of a window each time
#define TUNER_COPIED 64     // of the ring each time
#define TUNER_ENOUGH 0.88f  // of the highest peak: the first such is the period
#define TUNER_QUIET 1e-12f  // mean square of the low-passed signal below which there is no note

enum { TUNER_HOLD, TUNER_SCAN, TUNER_FAR };

typedef struct {
    float *ring, *held, *taps, *likeness; // held: oldest first; taps: its newest, newest first
} tuner_view_t;

static tuner_view_t tuner_view(up_tuner_t *self) {
    float *ring = (float *)(self + 1), *held = ring + UP_TUNER_RING, *taps = held + UP_TUNER_HELD;
    return (tuner_view_t){ ring, held, taps, taps + UP_TUNER_WINDOW };
}

static void tuner_begin(up_tuner_t *self, uint32_t base) {
    for (int p = 0; p < 8; p++) {
        self->sums[p] = 0.0f;
    }
    self->base = base;
    self->part = 0;
}

// Copies some of the newest of the ring, all of it in turn; the ring is longer by what comes in meanwhile.
static void tuner_hold(up_tuner_t *self, const tuner_view_t *view) {
    uint32_t i = TUNER_COPIED * self->part++, to = UP_TUNER_HELD - 1 - i;
    for (uint32_t end = i + TUNER_COPIED; i < end; i++, to--) {
        float x = view->ring[(self->from + i) % UP_TUNER_RING];
        view->held[i] = x;
        if (to < UP_TUNER_WINDOW) {
            view->taps[to] = x;
        }
    }
    if (i == UP_TUNER_HELD) {
        tuner_begin(self, 0);
        self->stage = TUNER_SCAN;
    }
}

static void tuner_again(up_tuner_t *self) {
    self->decimation = (uint32_t)(up_limit(self->rate_hz, TUNER_RATE_HZ, 192000.0f) / TUNER_RATE_HZ + 0.5f);
    self->low = pitch_pole(TUNER_LOW_HZ, self->rate_hz);
    self->from = self->at + UP_TUNER_RING - UP_TUNER_HELD;
    self->part = 0;
    self->stage = TUNER_HOLD;
}

// More of the eight sums from lag `base` on; true when they are done. sums[p]: lag base + 7 - p.
static bool tuner_sums(up_tuner_t *self, const tuner_view_t *view) {
    const float *newest = view->held + UP_TUNER_HELD - 1;
    uint32_t done = UP_FIR_STEP * TUNER_PARTS * self->part++;
    up_fir_eight(view->taps + done, newest - self->base - 7 - done, self->sums, TUNER_PARTS);
    return done + UP_FIR_STEP * TUNER_PARTS == UP_TUNER_WINDOW;
}

// sums[p] -> likeness 2 r / (energy + energy moved), -1..1, where self->moved is the energy at lag `base`.
static void tuner_likeness(up_tuner_t *self, const tuner_view_t *view, float *out) {
    const float *newest = view->held + UP_TUNER_HELD - 1 - self->base;
    for (int i = 0; i < 8; i++, newest--) {
        float both = self->whole + self->moved;
        out[i] = both > 0.0f ? 2.0f * self->sums[7 - i] / both : 0.0f;
        float out_of = newest[0], into = newest[-UP_TUNER_WINDOW];
        self->moved += up_fma(into, into, -out_of * out_of);
    }
}

// Vertex of the parabola through y[-1], y[0], y[1], of which y[0] is the largest.
static float tuner_vertex(const float *y, float *height) {
    float bend = 2.0f * y[0] - y[-1] - y[1];
    float off = bend > 1e-9f ? up_limit(0.5f * (y[1] - y[-1]) / bend, -0.5f, 0.5f) : 0.0f;
    *height = y[0] + 0.25f * (y[1] - y[-1]) * off;
    return off;
}

static bool tuner_is_peak(const float *y) {
    return y[0] > 0.0f && y[0] > y[-1] && y[0] >= y[1];
}

// The first peak that is nearly as high as the highest, past the first trough: a period.
static bool tuner_pick(up_tuner_t *self, const float *y) {
    uint32_t first = 1;
    float height, highest = 0.0f;
    while (first < UP_TUNER_LAGS && y[first] > 0.0f) {
        first++;
    }
    for (uint32_t i = first; i + 1 < UP_TUNER_LAGS; i++) {
        if (tuner_is_peak(y + i)) {
            tuner_vertex(y + i, &height);
            highest = height > highest ? height : highest;
        }
    }
    for (uint32_t i = first; i + 1 < UP_TUNER_LAGS; i++) {
        if (tuner_is_peak(y + i)) {
            self->period = (float)i + tuner_vertex(y + i, &self->height);
            if (self->height >= TUNER_ENOUGH * highest) {
                return true;
            }
        }
    }
    return false;
}

static void tuner_tell(up_tuner_t *self, bool found) {
    float rate = self->rate_hz / up_limit((float)self->decimation, 1.0f, 64.0f);
    self->frequency_hz = found ? rate / up_limit(self->period, 2.0f, 1e4f) : 0.0f;
    self->confidence = found ? up_limit(self->height, 0.0f, 1.0f) : 0.0f;
    tuner_again(self);
}

// Look at twice the multiple looked at last, or at the furthest in reach; done where that was it.
static void tuner_further(up_tuner_t *self, const tuner_view_t *view) {
    float period = up_limit(self->period, 4.0f, 1e4f);
    uint32_t most = (uint32_t)((float)(UP_TUNER_FAR - 8) / period);
    if (self->times >= most) {
        tuner_tell(self, true);
        return;
    }
    self->times = 2 * self->times < most ? 2 * self->times + !self->times : most;
    tuner_begin(self, (uint32_t)(period * (float)self->times + 0.5f) - 3);
    self->moved = pitch_energy(view->held + UP_TUNER_HELD - 1 - self->base, UP_TUNER_WINDOW);
    self->stage = TUNER_FAR;
}

static void tuner_scan(up_tuner_t *self, const tuner_view_t *view) {
    if (!tuner_sums(self, view)) {
        return;
    }
    if (self->base == 0) {
        self->whole = self->moved = self->sums[7];
        if (!(self->whole > TUNER_QUIET * UP_TUNER_WINDOW)) {
            tuner_tell(self, false);
            return;
        }
    }
    tuner_likeness(self, view, view->likeness + self->base);
    if (self->base + 8 < UP_TUNER_LAGS) {
        tuner_begin(self, self->base + 8);
    } else if (tuner_pick(self, view->likeness)) {
        self->times = 1;
        tuner_further(self, view);
    } else {
        tuner_tell(self, false);
    }
}

// The peak near a multiple of the period makes the period more exact.
static void tuner_far(up_tuner_t *self, const tuner_view_t *view) {
    if (!tuner_sums(self, view)) {
        return;
    }
    float y[8], height;
    tuner_likeness(self, view, y);
    for (uint32_t i = 1; i < 7; i++) {
        if (tuner_is_peak(y + i) && y[i] > 0.5f * self->height) {
            self->period = ((float)(self->base + i) + tuner_vertex(y + i, &height)) / (float)self->times;
            tuner_further(self, view);
            return;
        }
    }
    tuner_tell(self, true);
}

static void tuner_control(up_tuner_t *self) {
    tuner_view_t view = tuner_view(self);
    self->low1 = up_clean(self->low1);
    self->low2 = up_clean(self->low2);
    self->slow = up_clean(self->slow);
    self->sum = up_clean(self->sum);
    up_glide(&self->gain, self->mute >= 0.5f ? 0.0f : 1.0f, self->rate_hz, !self->awake);
    if (!self->awake) {
        tuner_again(self);
    }
    self->awake = 1;
    bool going = self->part < UP_TUNER_WINDOW / UP_FIR_STEP / TUNER_PARTS;
    if (going && self->stage == TUNER_SCAN && self->base <= UP_TUNER_LAGS - 8) {
        tuner_scan(self, &view);
    } else if (going && self->stage == TUNER_FAR && self->base <= UP_TUNER_FAR - 8) {
        tuner_far(self, &view);
    } else if (self->stage == TUNER_HOLD && self->part < UP_TUNER_HELD / TUNER_COPIED) {
        tuner_hold(self, &view);
    } else {
        tuner_again(self);
    }
}

static void tuner_run(up_tuner_t *self, float *x, size_t n_frames) {
    float *ring = tuner_view(self).ring, low = self->low;
    float low1 = self->low1, low2 = self->low2, sum = self->sum, gain = self->gain.now, step = self->gain.step;
    uint32_t phase = self->phase, decimation = self->decimation;
    for (size_t t = 0; t < n_frames; t++) {
        low1 = up_fma(low, x[t] - low1, low1);
        low2 = up_fma(low, low1 - low2, low2);
        sum += low2;
        gain += step;
        x[t] *= gain;
        if (++phase >= decimation) {
            phase = 0;
            self->slow = up_clean(up_fma(0.02f, sum - self->slow, self->slow)); // 20 Hz
            ring[self->at++ % UP_TUNER_RING] = up_clean(sum - self->slow);
            sum = 0.0f;
        }
    }
    self->low1 = low1;
    self->low2 = low2;
    self->sum = sum;
    self->gain.now = gain;
    self->phase = phase;
}

void up_tuner(float *x, size_t n_frames, void *state, size_t bytes) {
    up_tuner_t *self = state;
    if ((bytes - sizeof(*self)) / sizeof(float) < UP_TUNER_EXTRA) {
        return;
    }
    UP_PIECES(self, x, n_frames, tuner_control, tuner_run)
}
