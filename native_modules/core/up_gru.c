// SPDX-License-Identifier: MIT
// GRU over a stream of frames; see up_gru.h.
#include "up_gru.h"

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#include "up_gru_vfp.h"
#define GRU_VFP 1
#endif

void up_gru_layout(up_gru_t *self, const float *weight, up_arena_t *arena) {
    size_t rz = up_rows_padded(2 * self->hidden), n = up_rows_padded(self->hidden);
    self->rz = weight;
    self->n = self->rz + up_matrix_floats(2 * self->hidden, self->inputs + self->hidden);
    self->cell = self->n + up_matrix_floats(self->hidden, self->hidden);
    // Eight floats of slack: vector code may read, not use, beyond the last unit.
    self->v = up_arena_take(arena, (self->inputs + self->hidden + 8) * sizeof(float));
    self->acc = up_arena_take(arena, (rz + n + 8) * sizeof(float));
}

void up_gru_reset(up_gru_t *self) {
    for (size_t i = 0; i < self->inputs + self->hidden + 8; i++) {
        self->v[i] = 0.0f;
    }
}

// Gates of all units from the sums in acc; h moves on.
static inline void gru_cells(const up_gru_t *self, size_t inputs) {
    const up_node_t *sigmoid = self->tables.sigmoid, *tanh = self->tables.tanh;
    size_t hidden = self->hidden;
    const float *restrict ar = self->acc, *restrict az = ar + hidden;
    const float *restrict an = ar + up_rows_padded(2 * hidden);
    const float *restrict cell = self->cell, *restrict x = self->v;
    float *restrict h = self->v + inputs;
    for (size_t i = 0; i < hidden; i++, cell += 1 + inputs) {
        float base = cell[0];
        for (size_t k = 0; k < inputs; k++) {
            base = up_fma(cell[1 + k], x[k], base);
        }
        float r, z, n;
        if (sigmoid) {
            r = up_look(sigmoid, ar[i]);
            z = up_look(sigmoid, az[i]);
            n = up_look(tanh, up_fma(r, an[i], base));
        } else {
            r = up_sigmoid(ar[i]);
            z = up_sigmoid(az[i]);
            n = up_tanh(up_fma(r, an[i], base));
        }
        h[i] = up_fma(z, h[i] - n, n);
    }
}

#if defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
// b_in + W_n x of eight units; the last may be fewer: no reading beyond the file.
static inline __m256 gru_base_avx2(const float *cell, size_t units, __m256 x) {
    float last[16] = { 0 };
    if (units < 8) {
        for (size_t i = 0; i < 2 * units; i++) {
            last[i] = cell[i];
        }
        cell = last;
    }
    __m256 a = _mm256_loadu_ps(cell), b = _mm256_loadu_ps(cell + 8);
    __m256 low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
    return _mm256_fmadd_ps(_mm256_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)), x,
        _mm256_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
}

// The same as gru_cells for one input and the fast grade, eight units at a time. The last eight
// may reach beyond the hidden size: into the slack of v and acc, where nothing is kept.
static void gru_cells_avx2(const up_gru_t *self, float x) {
    const float *ar = self->acc, *az = ar + self->hidden, *an = ar + up_rows_padded(2 * self->hidden);
    float *h = self->v + 1;
    for (size_t i = 0; i < self->hidden; i += 8) {
        __m256 base = gru_base_avx2(self->cell + 2 * i, self->hidden - i, _mm256_set1_ps(x));
        __m256 r = avx2_look(self->tables.sigmoid, _mm256_loadu_ps(ar + i));
        __m256 z = avx2_look(self->tables.sigmoid, _mm256_loadu_ps(az + i));
        __m256 n = avx2_look(self->tables.tanh, _mm256_fmadd_ps(r, _mm256_loadu_ps(an + i), base));
        _mm256_storeu_ps(h + i, _mm256_fmadd_ps(z, _mm256_sub_ps(_mm256_loadu_ps(h + i), n), n));
    }
}
#define GRU_AVX2 1
#endif

static inline float gru_head(const float *head, const float *h, size_t hidden) {
    float y = head[0];
    for (size_t i = 0; i < hidden; i++) {
        y = up_fma(head[1 + i], h[i], y);
    }
    return y;
}

static inline void gru_sums(const up_gru_t *self) {
    size_t hidden = self->hidden, inputs = self->inputs;
    up_matvec(self->rz, self->v, self->acc, 2 * hidden, inputs + hidden);
    up_matvec(self->n, self->v + inputs, self->acc + up_rows_padded(2 * hidden), hidden, hidden);
}

// The common case: audio alone in, one sample out.
static void gru_mono(up_gru_t *self, const float *in, float *out, size_t n_frames) {
    for (size_t t = 0; t < n_frames; t++) {
        self->v[0] = in[t];
        gru_sums(self);
        #if defined(GRU_VFP)
        if (self->tables.sigmoid) {
            out[t] = gru_cells_vfp(self, in[t], self->head + 1, self->head[0]);
            continue;
        }
        #endif
        #if defined(GRU_AVX2)
        if (self->tables.sigmoid) {
            gru_cells_avx2(self, in[t]);
        } else
        #endif
        gru_cells(self, 1);
        out[t] = gru_head(self->head, self->v + 1, self->hidden);
    }
}

void up_gru_process(up_gru_t *self, const float *in, float *out, size_t stride, size_t n_frames) {
    size_t inputs = self->inputs;
    float *v = self->v, *h = v + inputs;
    if (inputs == 1 && self->head) {
        gru_mono(self, in, out, n_frames);
        return;
    }
    for (size_t t = 0; t < n_frames; t++, in += inputs, out += stride) {
        for (size_t k = 0; k < inputs; k++) {
            v[k] = in[k];
        }
        gru_sums(self);
        gru_cells(self, inputs);
        if (self->head) {
            out[0] = gru_head(self->head, h, self->hidden);
        }
        for (size_t i = 0; !self->head && i < self->hidden; i++) {
            out[i] = h[i];
        }
    }
}
