// SPDX-License-Identifier: MIT
// GRU over a stream of frames; see up_gru.h.
#include "up_gru.h"

void up_gru_layout(up_gru_t *self, const float *weight, up_arena_t *arena) {
    size_t rz = up_rows_padded(2 * self->hidden), n = up_rows_padded(self->hidden);
    self->rz = weight;
    self->n = self->rz + up_matrix_floats(2 * self->hidden, self->inputs + self->hidden);
    self->cell = self->n + up_matrix_floats(self->hidden, self->hidden);
    // Eight floats of slack: vector code may read, not use, beyond the last unit.
    self->v = up_arena_take(arena, (self->inputs + self->hidden + 8) * sizeof(float));
    self->acc = up_arena_take(arena, (rz + n + 8) * sizeof(float));
    self->inner = self->inputs > 1 ? up_arena_take(arena, up_matrix_floats(2 * self->hidden, self->inputs - 1) * sizeof(float)) : NULL;
    self->pairs = self->inputs > 1 ? up_arena_take(arena, rz * sizeof(float)) : NULL;
}

// Where the matrix with `rows` (padded) has a column of a row; column 0 is the biases.
static float *gru_entry(float *matrix, size_t rows, size_t cols, size_t row, size_t col) {
    size_t at = row / UP_GROUP * UP_GROUP, g = rows - at < UP_GROUP ? rows - at : UP_GROUP;
    return matrix + at * (cols + 1) + col * g + row - at;
}

static void gru_fill_inner(const up_gru_t *self) {
    size_t cols = self->inputs - 1, rows = up_rows_padded(2 * self->hidden);
    const float *cell = self->cell;
    for (size_t i = 0; i < rows * (cols + 1); i++) {
        self->inner[i] = 0.0f;
    }
    for (size_t i = 0; i < self->hidden; i++, cell += cols + 2) {
        for (size_t k = 0; k <= cols; k++) {
            *gru_entry(self->inner, rows, cols, 2 * i, k) = cell[k];
        }
        *gru_entry(self->inner, rows, cols, 2 * i + 1, 0) = cell[cols + 1];
    }
}

void up_gru_reset(up_gru_t *self) {
    if (self->inner) {
        gru_fill_inner(self);
    }
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
    for (size_t i = hidden; i; i--, h++) {
        float base = *cell++;
        for (size_t k = 0; k < inputs; k++) {
            base = up_fma(*cell++, x[k], base);
        }
        float r, z, n;
        if (sigmoid) {
            r = up_look(sigmoid, *ar++);
            z = up_look(sigmoid, *az++);
            n = up_look(tanh, up_fma(r, *an++, base));
        } else {
            r = up_sigmoid(*ar++);
            z = up_sigmoid(*az++);
            n = up_tanh(up_fma(r, *an++, base));
        }
        *h = up_fma(z, *h - n, n);
    }
}

#if defined(UP_MATVEC_VFP)
#include "up_gru_vfp.h"
#define GRU_VFP 1
#endif

#if defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
#include "up_gru_avx2.h" // gru_frames()
#else
// Not inlined: the code of the matrices leaves the cells' loop no registers for its constants.
static __attribute__((noinline)) void gru_sums(const up_gru_t *self) {
    size_t hidden = self->hidden, inputs = self->inputs;
    up_matvec(self->rz, self->v, self->acc, 2 * hidden, inputs + hidden);
    up_matvec(self->n, self->v + inputs, self->acc + up_rows_padded(2 * hidden), hidden, hidden);
}

// One frame, its inputs in v; returns the head's sample.
static inline float gru_frame(const up_gru_t *self, size_t inputs) {
    gru_sums(self);
    gru_cells(self, inputs);
    return self->head ? up_dot(self->head, self->v + inputs, self->hidden) : 0.0f;
}

// The common case: audio alone in, one sample out.
static void gru_mono(const up_gru_t *self, const float *in, float *out, size_t n_frames) {
    for (size_t t = 0; t < n_frames; t++) {
        self->v[0] = in[t];
        out[t] = gru_frame(self, 1);
    }
}

static void gru_any(const up_gru_t *self, const float *in, float *out, size_t n_frames) {
    size_t inputs = self->inputs;
    float *v = self->v, *h = v + inputs;
    for (size_t t = 0; t < n_frames; t++, in++, out++) {
        for (size_t k = 0; k < inputs; k++) {
            v[k] = in[k * UP_CHUNK];
        }
        float y = gru_frame(self, inputs);
        if (self->head) {
            out[0] = y;
        }
        for (size_t i = 0; !self->head && i < self->hidden; i++) {
            out[i * UP_CHUNK] = h[i];
        }
    }
}

static void gru_frames(const up_gru_t *self, const float *in, float *out, size_t n_frames) {
    if (self->inputs == 1 && self->head) {
        gru_mono(self, in, out, n_frames);
    } else {
        gru_any(self, in, out, n_frames);
    }
}
#endif

void up_gru_process(up_gru_t *self, const float *in, float *out, size_t n_frames) {
    #if defined(GRU_VFP)
    if (self->tables.sigmoid && self->hidden > 1) { // a matrix of one row is not padded
        gru_frames_vfp(self, in, out, n_frames);
        return;
    }
    #endif
    gru_frames(self, in, out, n_frames);
}
