// SPDX-License-Identifier: MIT
// Cabinets; see up_fir.h.
#include "up_fir.h"

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#include "up_fir_vfp.h"
#else
void up_fir_eight(const float *h, const float *x, float *y, uint32_t steps) {
    float a[8];
    for (int p = 0; p < 8; p++) {
        a[p] = y[p];
    }
    for (const float *end = h + UP_FIR_STEP * steps; h < end; h++, x--) {
        float tap = *h;
        for (int p = 0; p < 8; p++) {
            a[p] = up_fma(tap, x[p], a[p]);
        }
    }
    for (int p = 0; p < 8; p++) {
        y[p] = a[p];
    }
}
#endif

#if defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
#include <immintrin.h>
static void fir_sixteen(const float *h, const float *x, float *y, uint32_t steps) {
    __m256 low = _mm256_loadu_ps(y), high = _mm256_loadu_ps(y + 8);
    for (const float *end = h + UP_FIR_STEP * steps; h < end; h++, x--) {
        __m256 tap = _mm256_broadcast_ss(h);
        low = _mm256_fmadd_ps(tap, _mm256_loadu_ps(x), low);
        high = _mm256_fmadd_ps(tap, _mm256_loadu_ps(x + 8), high);
    }
    _mm256_storeu_ps(y, low);
    _mm256_storeu_ps(y + 8, high);
}
#else
static void fir_sixteen(const float *h, const float *x, float *y, uint32_t steps) {
    up_fir_eight(h, x, y, steps);
    up_fir_eight(h, x + 8, y + 8, steps);
}
#endif

static void fir_control(up_fir_t *self) {
    float mix = up_limit(self->mix, 0.0f, 1.0f);
    float gain = up_from_db(up_limit(self->level_db, -60.0f, 24.0f));
    up_glide(&self->dry, 1.0f - mix, self->rate_hz, !self->awake);
    up_glide(&self->wet, mix * gain, self->rate_hz, !self->awake);
    self->awake = 1;
}

// y[0..n) = the sums for n <= 16 frames, the first of which is *x. Frames behind the n-th may hold anything:
// their sums are not used.
static void fir_sums(const float *h, const float *x, float *y, size_t n, uint32_t steps) {
    for (int p = 0; p < UP_FIR_STEP; p++) {
        y[p] = 0.0f;
    }
    if (n > 8) {
        fir_sixteen(h, x, y, steps);
    } else {
        up_fir_eight(h, x, y, steps);
    }
}

static void fir_mix(up_fir_t *self, float *x, const float *y, size_t n) {
    float dry = self->dry.now, dry_step = self->dry.step, wet = self->wet.now, wet_step = self->wet.step;
    for (size_t t = 0; t < n; t++) {
        dry += dry_step;
        wet += wet_step;
        x[t] = up_fma(wet, y[t], dry * x[t]);
    }
    self->dry.now = dry;
    self->wet.now = wet;
}

// The ring is there twice, so that the past of each frame lies in one piece.
static void fir_run(up_fir_t *self, float *x, size_t n_frames) {
    uint32_t ring = self->n_taps + UP_FIR_STEP;
    const float *taps = (const float *)(self + 1);
    float *low = (float *)(self + 1) + self->n_taps, *high = low + ring, y[UP_FIR_STEP];
    while (n_frames) {
        uint32_t at = self->at < ring ? self->at : 0;
        size_t n = n_frames < ring - at ? n_frames : ring - at;
        for (size_t t = 0; t < n; t++) {
            low[at + t] = high[at + t] = up_clean(x[t]);
        }
        fir_sums(taps, high + at, y, n, self->n_taps / UP_FIR_STEP);
        fir_mix(self, x, y, n);
        self->at = at + (uint32_t)n;
        x += n;
        n_frames -= n;
    }
}

void up_fir(float *x, size_t n_frames, void *state, size_t bytes) {
    up_fir_t *self = state;
    uint32_t n_taps = self->n_taps;
    bool fits = n_taps && n_taps <= UP_FIR_MAX && n_taps % UP_FIR_STEP == 0;
    if (!fits || UP_FIR_EXTRA(n_taps) > (bytes - sizeof(*self)) / sizeof(float)) {
        return;
    }
    UP_PIECES(self, x, n_frames, fir_control, fir_run)
}
