// SPDX-License-Identifier: MIT
// Matrices of frames on cores with Helium (Cortex-M55, M85). VMLADAVA multiplies eight columns of a row by those of a
// frame and adds all products to one sum: VLD4 takes the rows of a group apart, VST4 has laid frames behind each
// other, and of four rows by two frames all eight sums stay in registers. A group's sums of four frames are then
// finished side by side. Included by up_qmatvec.c only.
#ifndef UP_QMATVEC_MVE_H
#define UP_QMATVEC_MVE_H

#include <arm_mve.h>

enum {
    QMVE_PAIRS = 128, // most words of a row
    QMVE_BLOCK = 4,   // words of a row that one register holds
    QMVE_FRAMES = 4,
    QMVE_FEW = 4,     // words of a row below which SMLAD is shorter
};

// Four frames: of each block of words the four of frame 0, of frame 1 and so on. A first block that is not full ends
// with zeros, where its weights belong to the next block too.
typedef struct {
    int32_t x[(QMVE_PAIRS / QMVE_BLOCK + 1) * QMVE_BLOCK * QMVE_FRAMES];
    size_t first, blocks; // words of a first block that is not full, or 0; full blocks
} qmve_frames_t;

static inline int32_t *qmve_lay(int32_t *to, int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
    int32x4x4_t block = { { a, b, c, d } };
    vst4q_s32(to, block);
    return to + QMVE_BLOCK * QMVE_FRAMES;
}

static inline void qmve_transpose(qmve_frames_t *self, const up_word_t *v, size_t pairs) {
    const int32_t *x = (const void *)v;
    int32_t *to = self->x;
    size_t first = pairs % QMVE_BLOCK;
    self->first = first;
    self->blocks = pairs / QMVE_BLOCK;
    if (first) {
        int32x4_t zero = vdupq_n_s32(0), b = first > 1 ? vldrwq_s32(x + UP_CHUNK) : zero;
        to = qmve_lay(to, vldrwq_s32(x), b, first > 2 ? vldrwq_s32(x + 2 * UP_CHUNK) : zero, zero);
        x += first * UP_CHUNK;
    }
    for (size_t k = self->blocks; k; k--, x += QMVE_BLOCK * UP_CHUNK) {
        to = qmve_lay(to, vldrwq_s32(x), vldrwq_s32(x + UP_CHUNK), vldrwq_s32(x + 2 * UP_CHUNK), vldrwq_s32(x + 3 * UP_CHUNK));
    }
}

#define QMVE_ROW(row, a, b) "vmladava.s16 " a ", q" #row ", q4\n" "vmladava.s16 " b ", q" #row ", q5\n"
// Only even registers can be sums. r1: weights, r3: frames.
#define QMVE_STEP \
    "vld40.32 {q0, q1, q2, q3}, [r1]\n" "vld41.32 {q0, q1, q2, q3}, [r1]\n" \
    "vld42.32 {q0, q1, q2, q3}, [r1]\n" "vld43.32 {q0, q1, q2, q3}, [r1]!\n" \
    "vldrw.u32 q4, [r3], #64\n" "vldrw.u32 q5, [r3, #-48]\n" \
    QMVE_ROW(0, "r0", "r8") QMVE_ROW(1, "r2", "r10") QMVE_ROW(2, "r4", "r12") QMVE_ROW(3, "r6", "lr")

// Sums of four rows and frames f and f + 1.
static inline __attribute__((always_inline)) void qmve_two(const int32_t *w, const qmve_frames_t *frames, size_t f, int32_t sums[4][QMVE_FRAMES]) {
    struct {
        const int32_t *w, *x;
        size_t first, blocks;
        int32_t *to;
    } at = { w, frames->x + f * QMVE_BLOCK, frames->first * 16, frames->blocks, &sums[0][f] };
    __asm volatile (
        "ldrd r1, r3, %[w]\n"
        "ldrd r7, r5, %[first]\n"
        "ldrd r0, r2, [r1], #8\n" "ldrd r4, r6, [r1], #8\n"
        "mov r8, r0\n" "mov r10, r2\n" "mov r12, r4\n" "mov lr, r6\n"
        "cbz r7, 1f\n"
        QMVE_STEP
        "sub r1, #64\n" "add r1, r7\n"
        "1:" QMVE_STEP
        "subs r5, #1\n" "bne 1b\n"
        "ldr r1, %[to]\n"
        "strd r0, r8, [r1]\n" "strd r2, r10, [r1, #16]\n" "strd r4, r12, [r1, #32]\n" "strd r6, lr, [r1, #48]\n"
        : : "m" (at), [w] "m" (at.w), [first] "m" (at.first), [to] "m" (at.to)
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "cc", "memory");
}

// VRMULH rounds as up_rq does.
static inline int32x4_t qmve_scale(const int32_t *sums, int32_t mult, int32_t left) {
    int32x4_t v = vldrwq_s32(sums);
    if (left) {
        v = vshlq_r_s32(vmaxq_s32(vminq_s32(v, vdupq_n_s32(512)), vdupq_n_s32(-512)), left);
    }
    return vrmulhq_s32(v, vdupq_n_s32(mult));
}

// Two rows of four frames in words of both, not limited to less than int16.
static inline int16x8_t qmve_words(const up_qmat_t *self, const int32_t *sums, const int32_t *mult) {
    if (self->halves) {
        return vreinterpretq_s16_s32(vsriq_n_s32(vldrwq_s32(sums + QMVE_FRAMES), vldrwq_s32(sums), 16));
    }
    int16x8_t low = vqmovnbq_s32(vdupq_n_s16(0), qmve_scale(sums, mult[0], self->left));
    return vqmovntq_s32(low, qmve_scale(sums + QMVE_FRAMES, mult[1], self->left));
}

static inline void qmve_finish(const up_qmat_t *self, const int32_t *sums, const int32_t *mult, const up_word_t *plus, up_word_t *y) {
    int16x8_t v = qmve_words(self, sums, mult);
    if (self->limit != UP_QLIMIT_S16) {
        v = vmaxq_s16(vminq_s16(v, vdupq_n_s16(QMAT_HIGHEST[self->limit])), vdupq_n_s16(QMAT_LOWEST[self->limit]));
    }
    if (plus) {
        v = vqaddq_s16(v, vldrhq_s16((const int16_t *)(const void *)plus));
    }
    vstrhq_s16((int16_t *)(void *)y, v);
}

// All rows of four frames.
static __attribute__((noinline)) void qmve_four(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_word_t *plus) {
    const int32_t *w = self->w, *mult = w + 4 + 4 * self->pairs;
    qmve_frames_t frames;
    int32_t sums[4][QMVE_FRAMES];
    qmve_transpose(&frames, v, self->pairs);
    for (size_t r = 0; r < self->rows; r += 4, w = mult + 4, mult = w + 4 + 4 * self->pairs, y += 2 * UP_CHUNK) {
        qmve_two(w, &frames, 0, sums);
        qmve_two(w, &frames, 2, sums);
        qmve_finish(self, sums[0], mult, plus, y);
        qmve_finish(self, sums[2], mult + 2, plus ? plus + UP_CHUNK : NULL, y + UP_CHUNK);
        plus += plus ? 2 * UP_CHUNK : 0;
    }
}

// False: not for these. Up to three frames more are read and written.
static inline bool qmve_frames(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_qafter_t *after, size_t n) {
    if (self->pairs < QMVE_FEW || self->pairs > QMVE_PAIRS) {
        return false;
    }
    bool bent = after->act && (after->act->table || after->act->slopes), apart = bent || after->factor != UP_QONE;
    const up_word_t *plus = apart ? NULL : after->plus;
    for (size_t t = 0; t < n; t += QMVE_FRAMES) {
        qmve_four(self, v + t, y + t, plus ? plus + t : NULL);
    }
    if (apart) {
        up_qmat_after(after, y, self->rows, n);
    }
    return true;
}

#endif
