// SPDX-License-Identifier: MIT
// Effects that bend the waveform; see up_drive.h.
#include "up_clip.h"

// ---- boost --------------------------------------------------------------------------------------

static void boost_control(up_boost_t *self) {
    bool at_rest = !self->awake;
    up_glide(&self->gain, drive_gain(self->gain_db), self->rate_hz, at_rest);
    up_glide(&self->treble, drive_gain(self->treble_db) - 1.0f, self->rate_hz, at_rest);
    up_glide(&self->corner, drive_share(self->frequency_hz, self->rate_hz), self->rate_hz, at_rest);
    self->low = up_clean(self->low);
    self->awake = 1;
}

static void boost_run(up_boost_t *self, float *x, size_t n) {
    float gain = self->gain.now, treble = self->treble.now, share = self->corner.now, low = self->low;
    for (size_t i = 0; i < n; i++) {
        gain += self->gain.step;
        treble += self->treble.step;
        share += self->corner.step;
        float high = x[i] - drive_low(x[i], &low, share);
        x[i] = gain * up_fma(treble, high, x[i]);
    }
    self->gain.now = gain, self->treble.now = treble, self->corner.now = share, self->low = low;
}

void up_boost(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_boost_t *self = state;
    UP_PIECES(self, x, n_frames, boost_control, boost_run)
}

// ---- overdrive ----------------------------------------------------------------------------------

#define OVERDRIVE_HZ 720.0f    // 4.7 kohm and 47 nF
#define OVERDRIVE_CEILING 0.2f // where it clips, full scale = 1

static void overdrive_control(up_overdrive_t *self) {
    bool at_rest = !self->awake;
    float tone = up_limit(self->tone, 0.0f, 1.0f), rate_hz = self->rate_hz;
    up_glide(&self->drive, drive_gain(self->drive_db) - 1.0f, rate_hz, at_rest);
    up_glide(&self->corner, drive_share(OVERDRIVE_HZ * up_exp2(3.6f * tone), rate_hz), rate_hz, at_rest);
    up_glide(&self->level, OVERDRIVE_CEILING * drive_gain(self->level_db), rate_hz, at_rest);
    self->low = drive_slow_share(OVERDRIVE_HZ, rate_hz);
    drive_choose(&self->clip, self->clipping >= 0.5f ? (float)UP_CLIP_ASYMMETRIC : 0.0f, self->oversample);
    self->awake = 1;
}

static void overdrive_run(up_overdrive_t *self, float *x, size_t n) {
    float drive = self->drive.now, step = self->drive.step, pre = self->clip.pre, low = self->low;
    #pragma GCC unroll 2
    for (size_t i = 0; i < n; i++) {
        drive += step;
        float in = up_fma(x[i], 1.0f / OVERDRIVE_CEILING, DRIVE_TINY);
        x[i] = up_fma(drive, in - drive_low(in, &pre, low), in);
    }
    self->drive.now = drive, self->clip.pre = pre;
    drive_clip(&self->clip, x, n);
    drive_after(&self->clip, x, n, drive_slow_share(DRIVE_DC_HZ, self->rate_hz), &self->corner, &self->level);
}

void up_overdrive(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_overdrive_t *self = state;
    UP_PIECES(self, x, n_frames, overdrive_control, overdrive_run)
}

// ---- distortion ---------------------------------------------------------------------------------

#define DISTORTION_CEILING 0.25f

static void distortion_control(up_distortion_t *self) {
    bool at_rest = !self->awake;
    float db = up_fma(40.0f, up_limit(self->drive, 0.0f, 1.0f), up_limit(self->pre_gain_db, -80.0f, 80.0f));
    up_glide(&self->pre, drive_gain(db) / DISTORTION_CEILING, self->rate_hz, at_rest);
    up_glide(&self->corner, drive_share(self->tone_hz, self->rate_hz), self->rate_hz, at_rest);
    up_glide(&self->level, DISTORTION_CEILING * drive_gain(self->post_gain_db), self->rate_hz, at_rest);
    drive_choose(&self->clip, self->mode, self->oversample);
    self->awake = 1;
}

static void distortion_run(up_distortion_t *self, float *x, size_t n) {
    float pre = self->pre.now, step = self->pre.step;
    for (size_t i = 0; i < n; i++) {
        pre += step;
        x[i] = pre * (x[i] + DRIVE_TINY);
    }
    self->pre.now = pre;
    drive_clip(&self->clip, x, n);
    drive_after(&self->clip, x, n, drive_slow_share(DRIVE_DC_HZ, self->rate_hz), &self->corner, &self->level);
}

void up_distortion(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_distortion_t *self = state;
    UP_PIECES(self, x, n_frames, distortion_control, distortion_run)
}

// ---- fuzz ---------------------------------------------------------------------------------------

#define FUZZ_CEILING 0.2f
#define FUZZ_LOW_HZ 60.0f  // the input's high-pass
#define FUZZ_MEAN_HZ 40.0f // of the mean of |x|
#define FUZZ_SHIFT 0.4f    // of that mean: how far off the middle
#define FUZZ_DEAD 0.1f     // the widest dead zone, full scale = 1

static void fuzz_control(up_fuzz_t *self) {
    bool at_rest = !self->awake;
    float bias = up_limit(self->bias, 0.0f, 1.0f), gain = drive_gain(self->sustain_db);
    up_glide(&self->pre, gain, self->rate_hz, at_rest);
    up_glide(&self->dead, gain * FUZZ_DEAD * bias * bias, self->rate_hz, at_rest);
    up_glide(&self->octave_now, up_limit(self->octave, 0.0f, 1.0f), self->rate_hz, at_rest);
    up_glide(&self->corner, drive_share(self->tone_hz, self->rate_hz), self->rate_hz, at_rest);
    up_glide(&self->level, FUZZ_CEILING * drive_gain(self->level_db), self->rate_hz, at_rest);
    drive_choose(&self->clip, (float)UP_CLIP_ASYMMETRIC, self->oversample);
    self->awake = 1;
}

static inline float fuzz_cut(float x, float dead) {
    return x > dead ? dead : x < -dead ? -dead : x;
}

// r = x + octave (|x| - x) + (shift - octave) m, m the mean of |x|: what the octave adds has no DC, and the rest
// sits off the middle, so that the square is wider on one side at any level. Less what is within the dead
// zone; clipped. The mean of a step that the dead zone shortens is the clipper's times the part that is left.
static void fuzz_curve(up_fuzz_t *self, float *u, size_t n, float over) {
    drive_lopsided_t last = drive_lopsided_from(&self->clip);
    float mean = self->clip.mean, share = drive_slow_share(FUZZ_MEAN_HZ, self->rate_hz * over), before = self->before;
    float octave = self->octave_now.now, dead = self->dead.now, per = 1.0f / over;
    float octave_step = self->octave_now.step * per, dead_step = self->dead.step * per;
    for (size_t i = 0; i < n; i++) {
        octave += octave_step;
        dead += dead_step;
        float x = u[i], size = x < 0.0f ? -x : x, r = up_fma(octave, size - x, x);
        r = up_fma(FUZZ_SHIFT - octave, drive_low(size, &mean, share), r);
        float cut = fuzz_cut(r, dead), step = cut - fuzz_cut(before, dead), y = drive_lopsided(&last, r - cut);
        u[i] = step == 0.0f ? y : y * (1.0f - step / (r - before));
        before = r;
    }
    self->clip.mean = mean, self->octave_now.now = octave, self->dead.now = dead, self->before = before;
    self->clip.x = last.x, self->clip.root = last.root;
}

static void fuzz_run(up_fuzz_t *self, float *x, size_t n) {
    float buffer[8 * UP_CONTROL], gain = self->pre.now, step = self->pre.step, pre = self->clip.pre;
    float low = drive_slow_share(FUZZ_LOW_HZ, self->rate_hz);
    for (size_t i = 0; i < n; i++) {
        gain += step;
        float in = x[i] + DRIVE_TINY;
        x[i] = gain * (in - drive_low(in, &pre, low));
    }
    self->pre.now = gain, self->clip.pre = pre;
    uint32_t stages = (self->clip.mode - 1u) & 3u;
    float *u = drive_up(&self->clip, x, buffer, n, stages);
    fuzz_curve(self, u, n << stages, (float)(1u << stages));
    drive_down(&self->clip, u, x, n, stages);
    drive_after(&self->clip, x, n, drive_slow_share(DRIVE_DC_HZ, self->rate_hz), &self->corner, &self->level);
}

void up_fuzz(float *x, size_t n_frames, void *state, size_t bytes) {
    (void)bytes;
    up_fuzz_t *self = state;
    UP_PIECES(self, x, n_frames, fuzz_control, fuzz_run)
}
