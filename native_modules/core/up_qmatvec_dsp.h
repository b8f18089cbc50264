// SPDX-License-Identifier: MIT
// Matrices on cores with DSP instructions (Cortex-M4, M7, M33, M55): SMLAD multiplies a word of two
// columns and adds both products. One frame: LDM loads the weights of four rows. Two frames: eight sums
// in r2-r9, so that each weight serves twice. Included by up_qmatvec.c only.
#ifndef UP_QMATVEC_DSP_H
#define UP_QMATVEC_DSP_H

#define QDSP_MAC(a, w, v) "smlad r" #a ", r" #w ", " v ", r" #a "\n"
// One word of columns of one frame, of two frames.
#define QDSP_ONE(v) "ldmia r0!, {r6-r9}\n" QDSP_MAC(2, 6, v) QDSP_MAC(3, 7, v) QDSP_MAC(4, 8, v) QDSP_MAC(5, 9, v)
#define QDSP_ONES "ldrd r10, r11, [r1], #8\n" QDSP_ONE("r10") QDSP_ONE("r11")
#define QDSP_TWO \
    "ldrd r10, r11, [r0], #8\n" \
    "ldrd r12, lr, [r1], #8\n" \
    QDSP_MAC(2, 10, "r12") QDSP_MAC(6, 10, "lr") QDSP_MAC(3, 11, "r12") QDSP_MAC(7, 11, "lr") \
    "ldrd r10, r11, [r0], #8\n" \
    QDSP_MAC(4, 10, "r12") QDSP_MAC(8, 10, "lr") QDSP_MAC(5, 11, "r12") QDSP_MAC(9, 11, "lr")

#define QDSP_8(x) x x x x x x x x

// What the code keeps on the stack, for want of registers.
typedef struct {
    const up_word_t *v, *end;  // the columns, and what is behind them
    int16_t *y[2], *y_end;     // of the two frames; behind the first's last row
    uint32_t start, odd;       // where a row's loop is entered; the same less a single word
    uint32_t skip, count;      // bytes of the loop that are left out of its first turn; its turns
} qdsp_t;

enum { QDSP_BLOCK = 44 }; // bytes of code of QDSP_ONES and of QDSP_TWO

// The loop's eight blocks are entered so that the last turn ends with the last block.
#define QDSP_ENTRY(to) \
    "adr.w r12, 2f\n" \
    "ldr r10, %[skip]\n" \
    "add r12, r10\n" \
    "orr r12, #1\n" \
    "str r12, %[" to "]\n"

// Rows of one frame.
#define QDSP_MATRIX_ONE(name, sat) \
    static void name(const int32_t *weight, qdsp_t at) { \
        register const int32_t *w __asm ("r0") = weight; \
        register int16_t *y __asm ("lr") = at.y[0]; \
        __asm volatile ( \
            QDSP_ENTRY("start") \
            "ldr r2, %[count]\n" /* one word alone: no loop */ \
            "ldr r3, %[odd]\n" /* an odd number of words starts with one by itself */ \
            "cbnz r2, 1f\n" \
            "adr.w r12, 5f\n" \
            "orr r12, #1\n" \
            "str r12, %[start]\n" \
            "1: cbz r3, 6f\n" \
            "adr.w r12, 4f\n" \
            "orr r12, #1\n" \
            "6: str r12, %[odd]\n" \
            "3: ldmia r0!, {r2-r5}\n" \
            "ldr r12, %[count]\n" \
            "ldr r1, %[v]\n" \
            "ldr pc, %[odd]\n" \
            "4: ldr r10, [r1], #4\n" QDSP_ONE("r10") \
            "ldr pc, %[start]\n" \
            "2:\n" QDSP_8(QDSP_ONES) \
            "subs r12, #1\n" \
            "bne.w 2b\n" \
            "5: ldmia r0!, {r6-r9}\n" \
            "ldr r10, %[y_end]\n" \
            "smmulr r2, r2, r6\n" "smmulr r3, r3, r7\n" "smmulr r4, r4, r8\n" "smmulr r5, r5, r9\n" \
            sat("r2") sat("r3") sat("r4") sat("r5") \
            "pkhbt r2, r2, r3, lsl #16\n" "pkhbt r3, r4, r5, lsl #16\n" \
            "strd r2, r3, [lr], #8\n" \
            "cmp lr, r10\n" \
            "bne.w 3b\n" \
            : "+r" (w), "+r" (y), [start] "+m" (at.start), [odd] "+m" (at.odd) \
            : [v] "m" (at.v), [skip] "m" (at.skip), [count] "m" (at.count), [y_end] "m" (at.y_end) \
            : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "cc", "memory"); \
    }

// Rows of two frames.
#define QDSP_MATRIX_TWO(name, sat) \
    static void name(const int32_t *weight, qdsp_t at) { \
        register const int32_t *w __asm ("r0") = weight; \
        __asm volatile ( \
            QDSP_ENTRY("start") \
            "3: ldmia r0!, {r2-r5}\n" \
            "ldr r1, %[v]\n" \
            "mov r6, r2\n" "mov r7, r3\n" "mov r8, r4\n" "mov r9, r5\n" \
            "ldr pc, %[start]\n" \
            "2:\n" QDSP_8(QDSP_TWO) \
            "ldr r10, %[end]\n" \
            "cmp r1, r10\n" \
            "bne.w 2b\n" \
            "ldmia r0!, {r10, r11, r12, lr}\n" \
            "smmulr r2, r2, r10\n" "smmulr r6, r6, r10\n" "smmulr r3, r3, r11\n" "smmulr r7, r7, r11\n" \
            "smmulr r4, r4, r12\n" "smmulr r8, r8, r12\n" "smmulr r5, r5, lr\n" "smmulr r9, r9, lr\n" \
            "ldrd r10, r11, %[y]\n" \
            sat("r2") sat("r3") sat("r4") sat("r5") sat("r6") sat("r7") sat("r8") sat("r9") \
            "pkhbt r2, r2, r3, lsl #16\n" "pkhbt r3, r4, r5, lsl #16\n" \
            "pkhbt r6, r6, r7, lsl #16\n" "pkhbt r7, r8, r9, lsl #16\n" \
            "strd r2, r3, [r10], #8\n" \
            "strd r6, r7, [r11], #8\n" \
            "ldr r12, %[y_end]\n" \
            "strd r10, r11, %[y]\n" \
            "cmp r10, r12\n" \
            "bne.w 3b\n" \
            : "+r" (w), [y] "+m" (at.y), [start] "+m" (at.start) \
            : [v] "m" (at.v), [skip] "m" (at.skip), [end] "m" (at.end), [y_end] "m" (at.y_end) \
            : "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"); \
    }

#define QDSP_S16(r) "ssat " r ", #16, " r "\n"
#define QDSP_U15(r) "usat " r ", #15, " r "\n"
#define QDSP_S8(r) "ssat " r ", #8, " r "\n"
#define QDSP_U7(r) "usat " r ", #7, " r "\n"
QDSP_MATRIX_ONE(qdsp_one_s16, QDSP_S16)
QDSP_MATRIX_ONE(qdsp_one_u15, QDSP_U15)
QDSP_MATRIX_TWO(qdsp_two_s16, QDSP_S16)
QDSP_MATRIX_TWO(qdsp_two_u15, QDSP_U15)
QDSP_MATRIX_TWO(qdsp_two_s8, QDSP_S8)
QDSP_MATRIX_TWO(qdsp_two_u7, QDSP_U7)

// False: not for these, take the plain C.
static inline bool qmat_one_fast(const up_qmat_t *self, const up_word_t *v, int16_t *y) {
    if (self->limit > UP_QLIMIT_U15 || self->left) {
        return false;
    }
    uint32_t blocks = self->pairs / 2;
    qdsp_t at = {
        .v = v, .y = { y, NULL }, .y_end = y + ((self->rows + 3) & ~3), .odd = self->pairs & 1,
        .skip = (-blocks & 7) * QDSP_BLOCK, .count = (blocks + 7) / 8,
    };
    if (self->limit == UP_QLIMIT_S16) {
        qdsp_one_s16(self->w, at);
    } else {
        qdsp_one_u15(self->w, at);
    }
    return true;
}

static inline bool qmat_two_fast(const up_qmat_t *self, const up_word_t *v, int16_t *y0, int16_t *y1) {
    if (self->left) {
        return false;
    }
    qdsp_t at = {
        .v = v, .end = v + 2 * self->pairs, .y = { y0, y1 }, .y_end = y0 + ((self->rows + 3) & ~3),
        .skip = (-self->pairs & 7) * QDSP_BLOCK,
    };
    switch (self->limit) {
        case UP_QLIMIT_S16: qdsp_two_s16(self->w, at); break;
        case UP_QLIMIT_U15: qdsp_two_u15(self->w, at); break;
        case UP_QLIMIT_S8: qdsp_two_s8(self->w, at); break;
        default: qdsp_two_u7(self->w, at);
    }
    return true;
}

#endif
