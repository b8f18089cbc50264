// SPDX-License-Identifier: MIT
// Matrices of one frame on cores with DSP instructions (Cortex-M4, M7, M33, M55): SMLAD multiplies a word of two
// columns and adds both products. Every weight serves once, so loading them is half the work: a Cortex-M7 issues
// an LDR beside each SMLAD, the others load four with one LDM. Columns go in blocks of four, whose words of signal
// lie in r10, r11, r12 and lr; a row whose columns do not fill the first block enters it in its midst.
// Included by up_qrecur.c only.
#ifndef UP_QMATVEC_ONE_H
#define UP_QMATVEC_ONE_H

#define QONE_MAC(sum, w, v) "smlad r" #sum ", r" #w ", " v ", r" #sum "\n"
#define QONE_SIGNAL "ldmia r1!, {r10, r11, r12, lr}\n"
#define QONE_BLOCK QONE_SIGNAL QONE_COLUMN("r10") QONE_COLUMN("r11") QONE_COLUMN("r12") QONE_COLUMN("lr")
#define QONE_6(x) x x x x x x
#define QONE_LIMIT(r) "ssat r" #r ", #16, r" #r "\n"
#define QONE_JOIN(to, low, high) "pkhbt r" #to ", r" #low ", r" #high ", lsl #16\n"

#if (__ARM_FP & 8) && !defined(__ARM_FEATURE_MVE) // doubles and no Helium: of the cores with DSP a Cortex-M7

#define QONE_EIGHT 1
#include "up_qmatvec_eight.h"

enum { QONE_COLUMN_CODE = 32 }; // bytes

// r6 and r7 hold the column's first two words, at the end the next one's; r0 points behind those. r8: y, r9: v_end.
#define QONE_COLUMN(v) \
    QONE_MAC(2, 6, v) "ldr r6, [r0], #16\n" QONE_MAC(3, 7, v) "ldr r7, [r0, #-12]\n" \
    QONE_MAC(4, 6, v) "ldr r6, [r0, #-8]\n" QONE_MAC(5, 7, v) "ldr r7, [r0, #-4]\n"
#define QONE_FIRST "mov r1, r2\n" "mov r9, r3\n" "mov r8, r6\n" QONE_SIGNAL
#define QONE_BIASES "ldmia r0!, {r2-r7}\n"
// Two multipliers are there. The next rows' signal is loaded in between.
#define QONE_FINISH \
    "smmulr r2, r2, r6\n" "ldr r10, [r0], #8\n" \
    "smmulr r3, r3, r7\n" "ldr r11, [r0, #-4]\n" \
    "smmulr r4, r4, r10\n" "ldr r1, %[v]\n" \
    QONE_LIMIT(2) "smmulr r5, r5, r11\n" \
    QONE_LIMIT(3) "ldr r6, %[y_last]\n" \
    QONE_LIMIT(4) "cmp r8, r6\n" \
    QONE_LIMIT(5) "ldr r10, [r1], #16\n" \
    QONE_JOIN(2, 2, 3) "str r2, [r8], #4\n" \
    QONE_JOIN(4, 4, 5) "str r4, [r8], #4\n" \
    "ldr r11, [r1, #-12]\n" "ldr r12, [r1, #-8]\n" "ldr lr, [r1, #-4]\n"
#define QONE_TURN "cmp r1, r9\n"
// A matrix of one column: its multiplication, and its multipliers.
#define QONE_SINGLE \
    QONE_MAC(2, 6, "r1") "ldr r6, [r0], #16\n" QONE_MAC(3, 7, "r1") "ldr r7, [r0, #-12]\n" \
    QONE_MAC(4, 8, "r1") "ldr r8, [r0, #-8]\n" QONE_MAC(5, 9, "r1") "ldr r9, [r0, #-4]\n"

#else

#define QONE_EIGHT 0

enum { QONE_COLUMN_CODE = 20 };

#define QONE_COLUMN(v) "ldmia r0!, {r6-r9}\n" QONE_MAC(2, 6, v) QONE_MAC(3, 7, v) QONE_MAC(4, 8, v) QONE_MAC(5, 9, v)
#define QONE_FIRST "str r6, %[y]\n"
#define QONE_BIASES "ldmia r0!, {r2-r5}\n" "ldr r1, %[v]\n" QONE_SIGNAL
#define QONE_FINISH \
    "ldmia r0!, {r6-r9}\n" \
    "ldrd r11, r10, %[y_last]\n" \
    "smmulr r2, r2, r6\n" "smmulr r3, r3, r7\n" "smmulr r4, r4, r8\n" "smmulr r5, r5, r9\n" \
    QONE_LIMIT(2) QONE_LIMIT(3) QONE_LIMIT(4) QONE_LIMIT(5) QONE_JOIN(2, 2, 3) QONE_JOIN(3, 4, 5) \
    "cmp r10, r11\n" \
    "strd r2, r3, [r10], #8\n" "str r10, %[y]\n"
#define QONE_TURN "ldr r6, %[v_end]\n" "cmp r1, r6\n"
#define QONE_SINGLE \
    QONE_MAC(2, 6, "r1") QONE_MAC(3, 7, "r1") QONE_MAC(4, 8, "r1") QONE_MAC(5, 9, "r1") "ldmia r0!, {r6-r9}\n"

#endif

enum { QONE_BLOCKS = 6, QONE_BLOCK_CODE = 4 + 4 * QONE_COLUMN_CODE }; // blocks without a loop; bytes of one

// A matrix with its words of signal.
typedef struct {
    const up_word_t *v;     // from where a full first block would begin: up to three words early, which count for nothing
    const up_word_t *v_end;
    uint32_t start;         // where a row's columns begin: bytes of code behind the first block's, and 1 for Thumb
    int16_t *y_last, *y;    // its last four rows, its first four
    const int32_t *w;
} qone_step_t;

// What is to be done for a frame: at most three matrices.
typedef struct {
    size_t n;
    bool fits; // every row into the code without a loop
    qone_step_t step[3];
    const up_qmat_t *single; // a matrix of one column, or NULL
    const up_word_t *single_v;
    int16_t *single_y;
    #if QONE_EIGHT
    size_t n_eight, eights;
    const up_word_t *v_end;
    qeight_step_t eight[3];
    #endif
} qone_plan_t;

// What the code keeps on the stack, for want of registers.
typedef struct {
    qone_step_t now; // its start an address
    const qone_step_t *step, *end;
} qone_t;

#define QONE_MATRICES(name, blocks) \
    static inline __attribute__((always_inline)) void name(const qone_plan_t *self) { \
        qone_t at; \
        at.step = self->step; \
        at.end = self->step + self->n; \
        __asm volatile ( \
            "4: ldr r1, %[step]\n" \
            "ldmia r1!, {r2-r7}\n" /* v, v_end, start, y_last, y, w */ \
            "str r1, %[step]\n" \
            "adr.w r12, 2f\n" \
            "add r4, r12\n" \
            "mov r0, r7\n" \
            "strd r2, r3, %[v]\n" \
            "strd r4, r5, %[start]\n" \
            QONE_FIRST \
            "3:" QONE_BIASES \
            "ldr pc, %[start]\n" \
            "2:" blocks \
            QONE_FINISH \
            "bne.w 3b\n" \
            "ldr r2, %[step]\n" \
            "ldr r3, %[end]\n" \
            "cmp r2, r3\n" \
            "bne.w 4b\n" \
            : "=m" (at.now), [v] "=m" (at.now.v), [v_end] "=m" (at.now.v_end), [start] "=m" (at.now.start), \
            [y_last] "=m" (at.now.y_last), [y] "=m" (at.now.y), [step] "+m" (at.step) \
            : [end] "m" (at.end) \
            : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"); \
    }

#if !QONE_EIGHT
QONE_MATRICES(qone_short, QONE_6(QONE_BLOCK))
#endif
QONE_MATRICES(qone_long, QONE_BLOCK QONE_TURN "bne.w 2b\n")

// A matrix whose rows have one word each.
static inline __attribute__((always_inline)) void qone_single(const up_qmat_t *mat, const up_word_t *v, int16_t *y) {
    register const int32_t *w __asm ("r0") = mat->w;
    register int32_t x __asm ("r1") = *v;
    register int16_t *to __asm ("r12") = y, *last __asm ("lr") = y + up_qrows(mat->rows) - 4;
    __asm volatile (
        "1: ldmia r0!, {r2-r9}\n"
        QONE_SINGLE
        "smmulr r2, r2, r6\n" "smmulr r3, r3, r7\n" "smmulr r4, r4, r8\n"
        QONE_LIMIT(2) "smmulr r5, r5, r9\n"
        QONE_LIMIT(3) "cmp r12, lr\n"
        QONE_LIMIT(4) QONE_LIMIT(5)
        QONE_JOIN(2, 2, 3) "str r2, [r12], #4\n"
        QONE_JOIN(4, 4, 5) "str r4, [r12], #4\n"
        "bne 1b\n"
        : "+r" (w), "+r" (to) : "r" (x), "r" (last)
        : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "cc", "memory");
}

static inline uint32_t qone_blocks(const up_qmat_t *mat) {
    return (mat->pairs + 3) / 4;
}

// The matrix from its group of four rows `group` on, if there is one; y: where its first row goes.
static inline void qone_add(qone_plan_t *self, const up_qmat_t *mat, const up_word_t *v, int16_t *y, size_t group) {
    uint32_t before = -mat->pairs & 3, skipped = self->fits ? QONE_BLOCKS - qone_blocks(mat) : 0;
    if (4 * group < mat->rows) {
        self->step[self->n++] = (qone_step_t){
            .v = v - before, .v_end = v + mat->pairs, .y_last = y + up_qrows(mat->rows) - 4, .y = y + 4 * group,
            .w = mat->w + group * (8 + 4 * mat->pairs),
            .start = skipped * QONE_BLOCK_CODE + 4 + before * QONE_COLUMN_CODE + 1,
        };
    }
}

#if QONE_EIGHT
// As many groups as go in twos; returns how many. The signal must end at self->v_end.
static inline size_t qeight_add(qone_plan_t *self, const up_qmat_t *mat, const up_word_t *v, int16_t *y) {
    size_t twos = (mat->rows + 3u) / 8, eights = (mat->pairs + 7) / 8;
    if (mat->pairs > QEIGHT_PAIRS || v + mat->pairs != self->v_end || !twos) {
        return 0;
    }
    uint32_t first = QEIGHT_PAIRS - mat->pairs;
    self->eights = eights > self->eights ? eights : self->eights;
    self->eight[self->n_eight++] = (qeight_step_t){
        .w = mat->w, .y = y, .y_last = y + 8 * (twos - 1), .group = 4 * (8 + 4 * mat->pairs),
        .start = first / 2 * QEIGHT_TWO_CODE + first % 2 * QEIGHT_ONE_CODE + 1, .v = 4 + first / 2 * 8,
    };
    return 2 * twos;
}
#endif

// n matrices of several rows, the signal of each, and where the rows of all go.
static inline void qone_layout(qone_plan_t *self, const up_qmat_t *const *mat, const up_word_t *const *v, size_t n, int16_t *y) {
    *self = (qone_plan_t){ .fits = !QONE_EIGHT };
    for (size_t i = 0; i < n; i++) {
        self->fits &= qone_blocks(mat[i]) <= QONE_BLOCKS;
    }
    #if QONE_EIGHT
    self->v_end = v[n - 1] + mat[n - 1]->pairs;
    #endif
    for (size_t i = 0; i < n; i++) {
        size_t done = 0;
        #if QONE_EIGHT
        done = qeight_add(self, mat[i], v[i], y);
        #endif
        if (mat[i]->pairs == 1 && !done && !self->single) {
            self->single = mat[i];
            self->single_v = v[i];
            self->single_y = y;
        } else {
            qone_add(self, mat[i], v[i], y, done);
        }
        y += up_qrows(mat[i]->rows);
    }
}

static __attribute__((noinline)) void qone_run(const qone_plan_t *self) {
    if (self->single) {
        qone_single(self->single, self->single_v, self->single_y);
    }
    #if QONE_EIGHT
    if (self->n_eight) {
        qeight_run(self->eight, self->eight + self->n_eight, self->v_end, self->eights);
    }
    if (self->n) {
        qone_long(self);
    }
    #else
    if (self->fits) {
        qone_short(self);
    } else {
        qone_long(self);
    }
    #endif
}

#endif
