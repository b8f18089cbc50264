// SPDX-License-Identifier: MIT
// Cabinets; see up_fir.h.
#include "up_fir.h"

#if UP_PCONV_TICK != UP_CONTROL || UP_PCONV_TICK != UP_FIR_STEP
#error "stages work where parameters are looked at"
#endif

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

// ---- which taps are convolved how: the same on all targets, for the same bits ----

// Up to how many taps. Instructions a sample on a Cortex-M7 would say 112, 512 and 2,500, estimated cycles on a
// Cortex-M33, which multiplies slowly, 80, 330 and 1,500.
#define FIR_DIRECT 96
#define FIR_ONE_STAGE 384
#define FIR_TWO_STAGES 2048

// What n_taps mean: pointers into the state.
typedef struct {
    up_fir_t *state;
    uint32_t direct, n_stages, ticks; // ticks: of the ring of input
    float *taps, *input, *ring;
    up_fft_block_t *blocks;
    up_pconv_t stages[UP_FIR_STAGES];
} fir_plan_t;

// How many partitions of `size` a stage has: up to where the next one begins, or to the last tap.
static uint32_t fir_parts(uint32_t n_taps, uint32_t size, bool last) {
    uint32_t from = UP_PCONV_FROM(size), to = last ? n_taps : UP_PCONV_FROM(4 * size);
    return (to - from + size - 1) / size;
}

static uint32_t fir_stages(uint32_t n_taps) {
    return n_taps <= FIR_DIRECT ? 0 : n_taps <= FIR_ONE_STAGE ? 1 : n_taps <= FIR_TWO_STAGES ? 2 : 3;
}

// Lays it out behind the struct: constants, then what is cleared on reset. -> false where n_taps cannot be
static bool fir_plan(fir_plan_t *plan, up_fir_t *self) {
    uint32_t n_taps = self->n_taps, size = UP_PCONV_TICK;
    if (!n_taps || n_taps > UP_FIR_MAX || n_taps % UP_FIR_STEP) {
        return false;
    }
    uint32_t stages = fir_stages(n_taps), largest = size << 2 * stages >> 2;
    float *at = (float *)(self + 1);
    plan->state = self;
    plan->n_stages = stages;
    plan->direct = stages ? UP_FIR_STEP : n_taps;
    plan->ticks = stages ? 2 * largest / UP_PCONV_TICK : 1;
    plan->taps = at;
    plan->blocks = (up_fft_block_t *)(at += plan->direct);
    at = (float *)(plan->blocks + (stages ? UP_FFT_BLOCKS(largest) : 0));
    for (uint32_t s = 0; s < stages; s++, size *= 4) {
        uint32_t parts = fir_parts(n_taps, size, s + 1 == stages);
        up_pconv_t stage = { { size, 2 + s, plan->blocks }, parts, at, NULL, NULL, &self->stages[s] };
        plan->stages[s] = stage;
        at += UP_PCONV_TAPS(size, parts);
    }
    self->past = (uint32_t)(at - (float *)(self + 1));
    plan->input = at;
    plan->ring = at += stages ? 2 * largest : 0;
    at += 2 * (plan->direct + UP_FIR_STEP) + UP_FIR_STEP;
    for (up_pconv_t *stage = plan->stages; stage < plan->stages + stages; stage++) {
        stage->past = at;
        stage->sums = at + UP_PCONV_TAPS(stage->fft.size, stage->parts);
        at += UP_PCONV_PAST(stage->fft.size, stage->parts);
    }
    self->words = (uint32_t)(at - (float *)(self + 1));
    return true;
}

static bool fir_fits(const up_fir_t *self, size_t bytes) {
    return self->words <= (bytes - sizeof(*self)) / sizeof(float);
}

// ---- taps ----

// A tap, scaled as its stage wants it, into the ring of input; and the spectrum of what it completes.
static void fir_put(const fir_plan_t *plan, uint32_t k, float tap) {
    if (k < plan->direct) {
        plan->taps[k] = tap;
        return;
    }
    uint32_t s = 0;
    while (s + 1 < plan->n_stages && k >= UP_PCONV_FROM(plan->stages[s + 1].fft.size)) {
        s++;
    }
    const up_pconv_t *stage = &plan->stages[s];
    uint32_t size = stage->fft.size, ring = plan->ticks * UP_PCONV_TICK;
    plan->input[k % ring] = tap / (float)size;
    if ((k + 1) % size == 0) {
        up_pconv_put(stage, (k - UP_PCONV_FROM(size)) / size, plan->input + (k + 1 - size) % ring);
    }
}

void up_fir_load(float *x, size_t n_frames, void *state, size_t bytes) {
    up_fir_t *self = state;
    fir_plan_t plan;
    if (!fir_plan(&plan, self) || !fir_fits(self, bytes) || self->loaded >= self->n_taps) {
        return;
    }
    uint32_t ring = plan.ticks * UP_PCONV_TICK, k = self->n_taps;
    if (self->loaded == 0 && plan.n_stages) {
        up_fft_blocks(plan.blocks, UP_FFT_BLOCKS(ring / 2));
    }
    for (; n_frames && self->loaded < k; x++, n_frames--) {
        fir_put(&plan, self->loaded++, *x);
    }
    if (plan.n_stages && self->loaded == k) {
        for (; k % (ring / 2); k++) { // complete the last partition
            fir_put(&plan, k, 0.0f);
        }
        for (k = 0; k < ring; k++) {
            plan.input[k] = 0.0f;
        }
    }
}

// ---- sound ----

static void fir_control(const fir_plan_t *plan) {
    up_fir_t *self = plan->state;
    float mix = up_limit(self->mix, 0.0f, 1.0f);
    float gain = up_from_db(up_limit(self->level_db, -60.0f, 24.0f));
    up_glide(&self->dry, 1.0f - mix, self->rate_hz, !self->awake);
    up_glide(&self->wet, mix * gain, self->rate_hz, !self->awake);
    self->awake = 1;
    self->tick = self->tick < plan->ticks ? self->tick : 0;
    for (uint32_t s = 0; s < plan->n_stages; s++) {
        const up_pconv_t *stage = &plan->stages[s];
        uint32_t ticks = stage->fft.size / UP_PCONV_TICK, tick = self->tick & (ticks - 1);
        uint32_t before = (self->tick - tick - ticks) & (plan->ticks - 1);
        up_pconv_work(stage, tick, plan->input + UP_PCONV_TICK * before);
    }
}

// y[0..n) += the sums for n <= 16 frames, the first of which is *x. Frames behind the n-th may hold anything:
// their sums are not used.
static void fir_sums(const float *h, const float *x, float *y, size_t n, uint32_t steps) {
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

// What stages have for frames frame .. frame + n - 1 of a tick, and these frames for them. All of y is written.
static void fir_stages_run(const fir_plan_t *plan, const float *x, float *y, uint32_t frame, size_t n) {
    up_fir_t *self = plan->state;
    #pragma GCC unroll 16
    for (int p = 0; p < UP_FIR_STEP; p++) {
        y[p] = 0.0f;
    }
    if (!plan->n_stages) {
        return;
    }
    uint32_t at = UP_PCONV_TICK * (self->tick < plan->ticks ? self->tick : 0) + frame;
    for (size_t t = 0; t < n; t++) {
        plan->input[at + t] = x[t];
    }
    for (const up_pconv_t *stage = plan->stages; stage < plan->stages + plan->n_stages; stage++) {
        up_pconv_add(stage, at & (stage->fft.size - 1), y, n);
    }
}

// At most to the end of a tick. The ring is there twice, so that the past of each frame lies in one piece.
static void fir_run(const fir_plan_t *plan, float *x, uint32_t frame, size_t n_frames) {
    up_fir_t *self = plan->state;
    uint32_t ring = plan->direct + UP_FIR_STEP;
    float *low = plan->ring, *high = low + ring, y[UP_FIR_STEP];
    while (n_frames) {
        uint32_t at = self->at < ring ? self->at : 0;
        size_t n = n_frames < ring - at ? n_frames : ring - at;
        for (size_t t = 0; t < n; t++) {
            low[at + t] = high[at + t] = up_clean(x[t]);
        }
        fir_stages_run(plan, high + at, y, frame, n);
        fir_sums(plan->taps, high + at, y, n, plan->direct / UP_FIR_STEP);
        fir_mix(self, x, y, n);
        self->at = at + (uint32_t)n;
        x += n;
        frame += (uint32_t)n;
        n_frames -= n;
    }
}

void up_fir(float *x, size_t n_frames, void *state, size_t bytes) {
    up_fir_t *self = state;
    fir_plan_t plan;
    if (!fir_plan(&plan, self) || !fir_fits(self, bytes)) {
        return;
    }
    while (n_frames) {
        UP_DUE(UP_CONTROL, self->left, fir_control(&plan))
        uint32_t frame = UP_CONTROL - self->left;
        size_t n = up_until_control(&self->left, n_frames);
        fir_run(&plan, x, frame, n);
        self->tick += !self->left;
        x += n;
        n_frames -= n;
    }
}
