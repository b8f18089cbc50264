// SPDX-License-Identifier: MIT
// Filters; see up_filter.h for the section they are made of.
#include "up_filter.h"

enum { SVF_AT_REST = 1, SVF_ANEW };
enum { SVF_LOW_CUT, SVF_LOW_SHELF, SVF_PEAK, SVF_HIGH_SHELF, SVF_HIGH_CUT, SVF_BAND, SVF_ANY };

#define SVF_REFRESH 1023u // controls after which coefficients are made anew, in case someone wrote over them
#define SVF_BUTTERWORTH 0.70710678f

#ifdef __GNUC__ // one loop for each use: `kind` and `moving` are constants there
#define SVF_INLINE static inline __attribute__((always_inline))
#else
#define SVF_INLINE static inline
#endif

#define SVF_PIECES(self, x, n, control, run) UP_PIECES_OF(UP_FILTER_CONTROL, self, x, n, control, run)

static float svf_rate(float rate_hz) {
    return up_limit(rate_hz, 1000.0f, 1e6f);
}

static float svf_share(float rate_hz, float glide_s) { // of the way, in one control
    return (float)UP_FILTER_CONTROL / up_fma(rate_hz, glide_s, (float)UP_FILTER_CONTROL);
}

// One step towards target; false when there.
UP_ONCE bool svf_glide(float *now, float target, float share, bool at_once) {
    float rest = target - *now;
    if (at_once || !(rest > 1e-4f || rest < -1e-4f) || !up_is_finite(rest)) {
        *now = target;
        return false;
    }
    *now = up_fma(share, rest, *now);
    return true;
}

UP_ONCE float svf_pitch(float hz, float rate_hz) {
    return up_log2(up_limit(hz, 1.0f, 0.455f * rate_hz)); // above, coefficients on their way could ring up
}

static float svf_damping(float q) {
    return 1.0f / up_limit(q, 0.1f, 40.0f);
}

// tan(pi t), t in 0..0.49, by its continued fraction; relative error at most 4e-4 there, 1e-6 up to a quarter.
static float svf_tan(float t) {
    float x = up_limit(t, 0.0f, 0.49f) * UP_PI, q = x * x;
    return x * up_fma(q - 105.0f, q, 945.0f) / up_fma(up_fma(q, 15.0f, -420.0f), q, 945.0f);
}

// a1, a2, g of the section's pitch with g times 2^bend, and this k.
static void svf_base(float pitch, float rate_hz, float bend, float k, up_svf_coef_t *c) {
    c->g = svf_tan(up_exp2(pitch) / rate_hz);
    c->g *= bend == 0.0f ? 1.0f : up_exp2(bend);
    c->a1 = 1.0f / up_fma(c->g, c->g + k, 1.0f);
    c->a2 = c->g * c->a1;
}

// The kinds as in Simper's paper, equal to the bilinear transform of Robert Bristow-Johnson's equaliser cookbook.
UP_ONCE void svf_design(const up_svf_t *self, int kind, float rate_hz, up_svf_coef_t *c) {
    float octaves = self->level * 0.16609640f, a = up_exp2(0.5f * octaves); // log2 of the gain, its root
    float k = self->k, bend = 0.0f;
    c->m0 = 1.0f;
    c->m1 = c->m2 = 0.0f;
    switch (kind) {
        case SVF_LOW_CUT:
            c->m1 = -k;
            c->m2 = -1.0f;
            break;
        case SVF_LOW_SHELF:
            bend = -0.25f * octaves;
            c->m1 = k * (a - 1.0f);
            c->m2 = up_fma(a, a, -1.0f);
            break;
        case SVF_PEAK:
            c->m1 = k * (a - 1.0f / a);
            k /= a;
            break;
        case SVF_HIGH_SHELF:
            bend = 0.25f * octaves;
            c->m0 = a * a;
            c->m1 = k * (1.0f - a) * a;
            c->m2 = up_fma(-a, a, 1.0f);
            break;
        default:
            c->m0 = 0.0f;
            c->m2 = 1.0f;
            break;
    }
    svf_base(self->pitch, rate_hz, bend, k, c);
}

// From where the coefficients are to c in one control, or at once.
UP_ONCE bool svf_aim(up_svf_t *self, const up_svf_coef_t *c, bool at_once, bool gliding) {
    up_svf_coef_t *now = &self->now, *step = &self->step;
    if (at_once || !up_is_finite(now->a1 + now->a2 + now->g + now->m0 + now->m1 + now->m2)) {
        *now = *c;
    }
    step->a1 = (c->a1 - now->a1) * (1.0f / (float)UP_FILTER_CONTROL);
    step->a2 = (c->a2 - now->a2) * (1.0f / (float)UP_FILTER_CONTROL);
    step->g = (c->g - now->g) * (1.0f / (float)UP_FILTER_CONTROL);
    step->m0 = (c->m0 - now->m0) * (1.0f / (float)UP_FILTER_CONTROL);
    step->m1 = (c->m1 - now->m1) * (1.0f / (float)UP_FILTER_CONTROL);
    step->m2 = (c->m2 - now->m2) * (1.0f / (float)UP_FILTER_CONTROL);
    self->moving = at_once ? 0 : gliding ? 2 : 1;
    return !at_once;
}

static inline bool svf_same(const uint32_t *seen, float a, float b, float c) {
    return seen[0] == up_bits(a) && seen[1] == up_bits(b) && seen[2] == up_bits(c);
}

// Keeps the parameters' bits; true if they are as before.
static bool svf_seen(uint32_t *seen, float a, float b, float c) {
    bool same = svf_same(seen, a, b, c);
    seen[0] = up_bits(a);
    seen[1] = up_bits(b);
    seen[2] = up_bits(c);
    return same;
}

// Parameters for one section that moves, or is to; true if its coefficients move until the next control.
UP_ONCE bool svf_move(up_svf_t *self, int kind, float rate_hz, float hz, float db, float q, bool at_rest) {
    bool same = svf_seen(self->seen, hz, db, q), at_once = at_rest || (same && self->moving < 2), gliding;
    float rate = svf_rate(rate_hz), share = svf_share(rate, UP_GLIDE_MS * 1e-3f);
    gliding = svf_glide(&self->pitch, svf_pitch(hz, rate), share, at_once);
    gliding |= svf_glide(&self->level, up_limit(db, -60.0f, 60.0f), share, at_once);
    gliding |= svf_glide(&self->k, svf_damping(q), share, at_once);
    up_svf_coef_t c;
    svf_design(self, kind, rate, &c);
    return svf_aim(self, &c, at_once, gliding);
}

// What is due for one section. Nothing, most of the time.
static inline bool svf_control(up_svf_t *self, int kind, float rate_hz, float hz, float db, float q, unsigned wake) {
    if (!wake && self->moving == 0 && svf_same(self->seen, hz, db, q)) {
        return false;
    }
    return svf_move(self, kind, rate_hz, hz, db, q, wake == SVF_AT_REST);
}

// States that overflowed or became too small to hear go to 0.
UP_ONCE void svf_heal(up_svf_t *self, size_t n) {
    float energy = 0.0f;
    for (size_t i = 0; i < n; i++) {
        energy = up_fma(self[i].s1, self[i].s1, up_fma(self[i].s2, self[i].s2, energy));
    }
    for (size_t i = 0; i < n && !(energy > 1e-30f && energy < 1e30f); i++) {
        self[i].s1 = up_clean(self[i].s1);
        self[i].s2 = up_clean(self[i].s2);
    }
}

// ---- running sections: in locals, one inlined loop for each use ----

typedef struct {
    float a1, a2, g, m0, m1, m2, s1, s2;
} svf_local_t;

SVF_INLINE svf_local_t svf_load(const up_svf_t *self) {
    const up_svf_coef_t *c = &self->now;
    svf_local_t local = { c->a1, c->a2, c->g, c->m0, c->m1, c->m2, self->s1, self->s2 };
    return local;
}

SVF_INLINE void svf_store(up_svf_t *self, const svf_local_t *local, bool moving) {
    self->s1 = local->s1;
    self->s2 = local->s2;
    if (moving) {
        up_svf_coef_t c = { local->a1, local->a2, local->g, local->m0, local->m1, local->m2 };
        self->now = c;
    }
}

SVF_INLINE void svf_step(svf_local_t *local, const up_svf_coef_t *step) {
    local->a1 += step->a1;
    local->a2 += step->a2;
    local->g += step->g;
    local->m0 += step->m0;
    local->m1 += step->m1;
    local->m2 += step->m2;
}

SVF_INLINE float svf_tick(svf_local_t *s, int kind, float x) {
    float v1 = up_fma(s->a2, x - s->s2, s->a1 * s->s1);
    float v2 = up_fma(s->g, v1, s->s2);
    s->s1 = up_fma(2.0f, v1, -s->s1);
    s->s2 = up_fma(s->g, v1, v2);
    switch (kind) {
        case SVF_LOW_CUT: return up_fma(s->m1, v1, x) - v2;
        case SVF_LOW_SHELF: return up_fma(s->m2, v2, up_fma(s->m1, v1, x));
        case SVF_PEAK: return up_fma(s->m1, v1, x);
        case SVF_HIGH_CUT: return v2;
        case SVF_BAND: return up_fma(s->m1, v1, s->m0 * x);
        default: return up_fma(s->m2, v2, up_fma(s->m1, v1, s->m0 * x));
    }
}

SVF_INLINE void svf_one(up_svf_t *self, int kind, float *x, size_t n_frames, bool moving) {
    svf_local_t s = svf_load(self);
    up_svf_coef_t step = self->step;
    for (size_t t = 0; t < n_frames; t++) {
        if (moving) {
            svf_step(&s, &step);
        }
        x[t] = svf_tick(&s, kind, x[t]);
    }
    svf_store(self, &s, moving);
}

SVF_INLINE void svf_three(up_svf_t *self, int k0, int k1, int k2, float *x, size_t n_frames, bool moving) {
    svf_local_t a = svf_load(self), b = svf_load(self + 1), c = svf_load(self + 2);
    for (size_t t = 0; t < n_frames; t++) {
        if (moving) {
            svf_step(&a, &self[0].step);
            svf_step(&b, &self[1].step);
            svf_step(&c, &self[2].step);
        }
        x[t] = svf_tick(&c, k2, svf_tick(&b, k1, svf_tick(&a, k0, x[t])));
    }
    svf_store(self, &a, moving);
    svf_store(self + 1, &b, moving);
    svf_store(self + 2, &c, moving);
}

// Whether a kernel starts from rest, or its coefficients are due to be made anew, or neither (0).
static inline unsigned svf_wake(float *known_hz, float rate_hz, uint32_t *awake) {
    bool at_rest = *awake == 0 || up_bits(*known_hz) != up_bits(rate_hz);
    *known_hz = rate_hz;
    *awake += 1;
    if ((*awake & SVF_REFRESH) == 0) {
        *awake += 1; // never 0 again
        return at_rest ? SVF_AT_REST : SVF_ANEW;
    }
    return at_rest ? SVF_AT_REST : 0;
}

// ---- tone ----

static void tone_control(up_tone_t *self) {
    unsigned wake = svf_wake(&self->known_hz, self->rate_hz, &self->awake);
    float rate = self->rate_hz;
    svf_heal(self->band, 3);
    bool moving = svf_control(&self->band[0], SVF_LOW_SHELF, rate, 160.0f, self->bass_db, SVF_BUTTERWORTH, wake);
    moving |= svf_control(&self->band[1], SVF_PEAK, rate, self->mid_hz, self->mid_db, SVF_BUTTERWORTH, wake);
    moving |= svf_control(&self->band[2], SVF_HIGH_SHELF, rate, 2800.0f, self->treble_db, SVF_BUTTERWORTH, wake);
    self->moving = moving;
}

static void tone_run(up_tone_t *self, float *x, size_t n_frames) {
    if (self->moving) {
        svf_three(self->band, SVF_LOW_SHELF, SVF_PEAK, SVF_HIGH_SHELF, x, n_frames, true);
    } else {
        svf_three(self->band, SVF_LOW_SHELF, SVF_PEAK, SVF_HIGH_SHELF, x, n_frames, false);
    }
}

void up_tone(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_tone_t *self = state;
    SVF_PIECES(self, x, n_frames, tone_control, tone_run)
}

// ---- equaliser ----

static void eq_control(up_eq_t *self) {
    static const uint8_t kinds[4] = { SVF_LOW_SHELF, SVF_PEAK, SVF_PEAK, SVF_HIGH_SHELF };
    unsigned wake = svf_wake(&self->known_hz, self->rate_hz, &self->awake);
    up_svf_t *band = self->band;
    float rate = self->rate_hz;
    svf_heal(band, 6);
    unsigned moving = svf_control(&band[0], SVF_LOW_CUT, rate, self->low_cut_hz, 0.0f, SVF_BUTTERWORTH, wake);
    for (size_t i = 0; i < 4; i++) {
        const float *p = self->shelf[i];
        moving |= svf_control(&band[i + 1], kinds[i], rate, p[0], p[1], p[2], wake) ? 1u << i / 2 : 0;
    }
    moving |= svf_control(&band[5], SVF_HIGH_CUT, rate, self->high_cut_hz, 0.0f, SVF_BUTTERWORTH, wake) ? 2 : 0;
    self->moving = moving;
}

static void eq_run(up_eq_t *self, float *x, size_t n_frames) { // two halves: six sections do not fit the registers
    up_svf_t *first = self->band, *second = self->band + 3;
    if (self->moving & 1) {
        svf_three(first, SVF_LOW_CUT, SVF_LOW_SHELF, SVF_PEAK, x, n_frames, true);
    } else {
        svf_three(first, SVF_LOW_CUT, SVF_LOW_SHELF, SVF_PEAK, x, n_frames, false);
    }
    if (self->moving & 2) {
        svf_three(second, SVF_PEAK, SVF_HIGH_SHELF, SVF_HIGH_CUT, x, n_frames, true);
    } else {
        svf_three(second, SVF_PEAK, SVF_HIGH_SHELF, SVF_HIGH_CUT, x, n_frames, false);
    }
}

void up_eq(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_eq_t *self = state;
    SVF_PIECES(self, x, n_frames, eq_control, eq_run)
}

// ---- filter ----

static void filter_control(up_filter_t *self) {
    unsigned wake = svf_wake(&self->known_hz, self->rate_hz, &self->awake);
    up_svf_t *svf = &self->svf;
    svf_heal(svf, 1);
    float code = up_fma(up_limit(self->mode, 0.0f, 3.0f), 4.0f, up_limit(self->mix, 0.0f, 1.0f)); // both in one word
    bool same = svf_seen(svf->seen, self->frequency_hz, code, self->q);
    self->moving = 0;
    if (same && svf->moving == 0 && !wake) {
        return;
    }
    float rate = svf_rate(self->rate_hz), share = svf_share(rate, UP_GLIDE_MS * 1e-3f);
    int mode = (int)(up_limit(self->mode, 0.0f, 3.0f) + 0.5f);
    bool at_once = wake == SVF_AT_REST || (same && svf->moving < 2), gliding;
    gliding = svf_glide(&svf->pitch, svf_pitch(self->frequency_hz, rate), share, at_once);
    gliding |= svf_glide(&svf->k, svf_damping(self->q), share, at_once);
    gliding |= svf_glide(&svf->level, up_limit(self->mix, 0.0f, 1.0f), share, at_once);
    gliding |= svf_glide(&self->low, mode == 0 || mode == 3 ? 1.0f : 0.0f, share, at_once);
    gliding |= svf_glide(&self->band, mode == 2 ? 1.0f : 0.0f, share, at_once);
    gliding |= svf_glide(&self->high, mode == 1 || mode == 3 ? 1.0f : 0.0f, share, at_once);
    float k = svf->k, mix = svf->level;
    up_svf_coef_t c;
    c.m0 = up_fma(mix, self->high - 1.0f, 1.0f); // high-pass = x - k v1 - v2
    c.m1 = mix * k * (self->band - self->high);
    c.m2 = mix * (self->low - self->high);
    svf_base(svf->pitch, rate, 0.0f, svf->k, &c);
    self->moving = svf_aim(svf, &c, at_once, gliding);
}

static void filter_run(up_filter_t *self, float *x, size_t n_frames) {
    if (self->moving) {
        svf_one(&self->svf, SVF_ANY, x, n_frames, true);
    } else {
        svf_one(&self->svf, SVF_ANY, x, n_frames, false);
    }
}

void up_filter(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_filter_t *self = state;
    SVF_PIECES(self, x, n_frames, filter_control, filter_run)
}

// ---- wah ----

#define WAH_PEAK 3.1622777f // gain at the peak of the wet signal: 10 dB
#define WAH_GLIDE_S 2e-3f   // of the peak's pitch, where the envelope moves it

static float wah_keep(float ms, float rate_hz) { // of a distance after one control
    return up_exp2((float)UP_FILTER_CONTROL * -1442.6950f / (up_limit(ms, 0.1f, 1e4f) * rate_hz));
}

// The position the envelope asks for: a peak follower, exponential towards the last control's peak (at most
// +12 dBFS), tau attack_ms up, release_ms down.
static float wah_follow(up_wah_t *self, float rate_hz, bool refresh) {
    if (!svf_seen(self->known, self->attack_ms, self->release_ms, self->sensitivity_db) || refresh) {
        self->rise = wah_keep(self->attack_ms, rate_hz);
        self->fall = wah_keep(self->release_ms, rate_hz);
        self->gain = up_from_db(up_limit(self->sensitivity_db, -60.0f, 60.0f));
    }
    float peak = up_limit(up_from_bits(self->peak), 0.0f, 4.0f), now = up_limit(self->envelope, 0.0f, 4.0f);
    self->peak = 0;
    self->envelope = up_clean(up_fma(peak > now ? self->rise : self->fall, now - peak, peak));
    float position = up_limit(self->envelope * self->gain, 0.0f, 1.0f);
    return self->mode > 1.5f ? 1.0f - position : position;
}

static void wah_control(up_wah_t *self) {
    unsigned wake = svf_wake(&self->known_hz, self->rate_hz, &self->awake);
    up_svf_t *svf = &self->svf;
    svf_heal(svf, 1);
    float rate = svf_rate(self->rate_hz), position = self->position;
    bool follow = self->mode > 0.5f;
    if (follow) {
        position = wah_follow(self, rate, wake != 0);
    }
    if (!svf_seen(self->seen, self->low_hz, self->high_hz, rate) || wake) {
        self->heel = svf_pitch(self->low_hz, rate);
        self->toe = svf_pitch(self->high_hz, rate);
    }
    float pitch = up_fma(up_limit(position, 0.0f, 1.0f), self->toe - self->heel, self->heel);
    bool same = svf_seen(svf->seen, pitch, self->mix, self->q);
    self->moving = 0;
    if (same && svf->moving == 0 && !wake) {
        return;
    }
    float share = svf_share(rate, UP_GLIDE_MS * 1e-3f);
    bool at_once = wake == SVF_AT_REST || (same && svf->moving < 2), gliding;
    gliding = svf_glide(&svf->pitch, pitch, follow ? svf_share(rate, WAH_GLIDE_S) : share, at_once);
    gliding |= svf_glide(&svf->k, svf_damping(self->q), share, at_once);
    gliding |= svf_glide(&svf->level, up_limit(self->mix, 0.0f, 1.0f), share, at_once);
    up_svf_coef_t c;
    c.m0 = 1.0f - svf->level;
    c.m1 = WAH_PEAK * svf->k * svf->level;
    c.m2 = 0.0f;
    svf_base(svf->pitch, rate, 0.0f, svf->k, &c);
    self->moving = svf_aim(svf, &c, at_once, gliding);
}

static void wah_run(up_wah_t *self, float *x, size_t n_frames) {
    if (self->mode > 0.5f) {
        uint32_t peak = self->peak; // magnitudes order like their bits
        for (size_t t = 0; t < n_frames; t++) {
            uint32_t size = up_bits(x[t]) & 0x7fffffffu;
            peak = size > peak ? size : peak;
        }
        self->peak = peak;
    }
    if (self->moving) {
        svf_one(&self->svf, SVF_BAND, x, n_frames, true);
    } else {
        svf_one(&self->svf, SVF_BAND, x, n_frames, false);
    }
}

void up_wah(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_wah_t *self = state;
    SVF_PIECES(self, x, n_frames, wah_control, wah_run)
}
