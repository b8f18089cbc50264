// SPDX-License-Identifier: MIT
// Frames of a GRU, fast grade, for cores with a single-precision VFP and FMA. Included by up_gru.c only.
// Same operations in the same order as gru_sums and gru_cells, so same bits.
#ifndef UP_GRU_VFP_H
#define UP_GRU_VFP_H

#include "up_recur_vfp.h"

// What a frame's code loads into registers.
typedef struct {
    up_matrix_t rz, n;
    const float *ar, *az, *an; // r0-r2
    const float *pairs;        // r3
    float *h;                  // r4
    const float *head;         // r5
    size_t units;              // r6
    const up_node_t *sigmoid, *tanh; // r8, r9: middle of the tables
} gru_job_t;

static inline gru_job_t gru_job(const up_gru_t *self) {
    size_t hidden = self->hidden, inputs = self->inputs;
    float *h = self->v + inputs, *an = self->acc + up_rows_padded(2 * hidden);
    return (gru_job_t) {
        .rz = up_matrix(self->rz, self->v, self->acc, 2 * hidden, inputs + hidden),
        .n = up_matrix(self->n, h, an, hidden, hidden),
        .ar = self->acc, .az = self->acc + hidden, .an = an,
        .pairs = self->pairs ? self->pairs : self->cell,
        .h = h, .head = self->head ? self->head + 1 : h, // without a head the sum is not used
        .units = hidden,
        .sigmoid = self->tables.sigmoid + UP_TABLE_SIZE / 2, .tanh = self->tables.tanh + UP_TABLE_SIZE / 2,
    };
}

// One frame, whose inputs lie before h; returns head[-1] + head . h.
static inline __attribute__((always_inline)) float gru_frame_vfp(const gru_job_t *job) {
    register float y __asm ("s31");
    register const gru_job_t *at __asm ("r11") = job;
    register void (*code)(void) __asm ("r10") = up_matvec_code;
    __asm volatile (
        RECUR_MATRIX RECUR_MATRIX
        "ldmia r11, {r0-r6, r8, r9}\n"
        "vldr s30, [r4, #-4]\n"
        "vldr s31, [r5, #-4]\n"
        RECUR_CELLS(GRU, "r6")
        : "=t" (y), "+r" (at), "+r" (code)
        :
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r12", "lr", "cc", "memory", VFP_CLOBBERED);
    return y;
}

// Audio alone in, one sample out.
static __attribute__((noinline)) void gru_mono_vfp(const gru_job_t *job, float *v, const float *in, float *out, size_t n_frames) {
    for (const float *end = in + n_frames; in < end; in++, out++) {
        v[0] = *in;
        *out = gru_frame_vfp(job);
    }
}

static void gru_frames_vfp(up_gru_t *self, const float *in, float *out, size_t n_frames) {
    size_t inputs = self->inputs;
    gru_job_t job = gru_job(self);
    float *v = self->v, y;
    if (inputs == 1 && self->head) {
        gru_mono_vfp(&job, v, in, out, n_frames);
        return;
    }
    for (size_t t = 0; t < n_frames; t++, in++, out++) {
        for (size_t k = 0; k < inputs; k++) {
            v[k] = in[k * UP_CHUNK];
        }
        if (self->inner) {
            up_matvec(self->inner, v, self->pairs, 2 * self->hidden, inputs - 1);
        }
        gru_mono_vfp(&job, v, v, &y, 1);
        if (self->head) {
            out[0] = y;
        }
        for (size_t i = 0; !self->head && i < self->hidden; i++) {
            out[i * UP_CHUNK] = v[inputs + i];
        }
    }
}

#endif
