// SPDX-License-Identifier: MIT
// Frames of an LSTM, fast grade, for cores with a single-precision VFP and FMA. Included by up_lstm.c only.
// Same operations in the same order as up_matvec and lstm_cells_fast, so same bits.
#ifndef UP_LSTM_VFP_H
#define UP_LSTM_VFP_H

#include "up_recur_vfp.h"

// What a frame's code loads into registers.
typedef struct {
    up_matrix_t matrix;
    const float *ai, *af, *ag, *ao; // r0-r3
    float *c, *h;                   // r4, r5
    const float *head;              // r6
    const up_node_t *sigmoid, *tanh; // r8, r9: middle of the tables
    size_t units;                   // r10
} lstm_job_t;

static inline lstm_job_t lstm_job(const up_lstm_t *self) {
    size_t hidden = self->hidden;
    float *a = self->acc, *h = self->v + self->inputs;
    return (lstm_job_t) {
        .matrix = up_matrix(self->weight, self->v, a, 4 * hidden, self->inputs + hidden),
        .ai = a, .af = a + hidden, .ag = a + 2 * hidden, .ao = a + 3 * hidden,
        .c = self->c, .h = h, .head = self->head ? self->head + 1 : h, // without a head the sum is not used
        .sigmoid = self->tables.sigmoid + UP_TABLE_SIZE / 2, .tanh = self->tables.tanh + UP_TABLE_SIZE / 2,
        .units = hidden,
    };
}

// One frame, whose inputs lie before h; returns head[-1] + head . h.
static inline __attribute__((always_inline)) float lstm_frame_vfp(const lstm_job_t *job) {
    register float y __asm ("s31");
    register const lstm_job_t *at __asm ("r11") = job;
    register void (*code)(void) __asm ("r10") = up_matvec_code;
    __asm volatile (
        RECUR_MATRIX
        "ldmia r11, {r0-r6, r8-r10}\n"
        "mov r12, #0x42800000\n" // 64.0, UP_TANH_NODES
        "vmov s30, r12\n"
        "vmov s29, r7\n" // may be a frame pointer, which the compiler lets nobody use
        "vldr s31, [r6, #-4]\n"
        RECUR_CELLS(LSTM, "r10")
        "vmov r7, s29\n"
        : "=t" (y), "+r" (at), "+r" (code)
        :
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r12", "lr", "cc", "memory", VFP_CLOBBERED);
    return y;
}

// Audio alone in, one sample out.
static __attribute__((noinline)) void lstm_mono_vfp(const lstm_job_t *job, float *v, const float *in, float *out, size_t n_frames) {
    for (const float *end = in + n_frames; in < end; in++, out++) {
        v[0] = *in;
        *out = lstm_frame_vfp(job);
    }
}

static void lstm_frames_vfp(up_lstm_t *self, const float *in, float *out, size_t n_frames) {
    size_t inputs = self->inputs;
    lstm_job_t job = lstm_job(self);
    float *v = self->v, y;
    if (inputs == 1 && self->head) {
        lstm_mono_vfp(&job, v, in, out, n_frames);
        return;
    }
    for (size_t t = 0; t < n_frames; t++, in++, out++) {
        for (size_t k = 0; k < inputs; k++) {
            v[k] = in[k * UP_CHUNK];
        }
        lstm_mono_vfp(&job, v, v, &y, 1);
        if (self->head) {
            out[0] = y;
        }
        for (size_t i = 0; !self->head && i < self->hidden; i++) {
            out[i * UP_CHUNK] = v[inputs + i];
        }
    }
}

#endif
