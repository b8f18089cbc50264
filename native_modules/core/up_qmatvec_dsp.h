// SPDX-License-Identifier: MIT
// Matrices on cores with DSP instructions (Cortex-M4, M7, M33, M55): SMLAD multiplies a word of two
// columns and adds both products. One frame: LDM loads the weights of four rows.
// Many frames of one row: eight at a time. Included by up_qmatvec.c only.
#ifndef UP_QMATVEC_DSP_H
#define UP_QMATVEC_DSP_H

#define QDSP_MAC(a, w, v) "smlad r" #a ", r" #w ", " v ", r" #a "\n"
// One word of columns.
#define QDSP_ONE(v) "ldmia r0!, {r6-r9}\n" QDSP_MAC(2, 6, v) QDSP_MAC(3, 7, v) QDSP_MAC(4, 8, v) QDSP_MAC(5, 9, v)
#define QDSP_ONES "ldrd r10, r11, [r1], #8\n" QDSP_ONE("r10") QDSP_ONE("r11")

#define QDSP_8(x) x x x x x x x x

// What the code keeps on the stack, for want of registers.
typedef struct {
    const up_word_t *v;        // the columns
    int16_t *y_end;            // behind the last row
    uint32_t start, odd;       // where a row's loop is entered; the same less a single word
    uint32_t skip, count;      // bytes of the loop that are left out of its first turn; its turns
} qdsp_one_t;

enum { QDSP_BLOCK = 44 }; // bytes of code of QDSP_ONES

// The loop's eight blocks are entered so that the last turn ends with the last block.
#define QDSP_ENTRY(to) \
    "adr.w r12, 2f\n" \
    "ldr r10, %[skip]\n" \
    "add r12, r10\n" \
    "orr r12, #1\n" \
    "str r12, %[" to "]\n"

// Rows of one frame.
#define QDSP_MATRIX_ONE(name, sat) \
    static void name(const int32_t *weight, qdsp_one_t at, int16_t *to) { \
        register const int32_t *w __asm ("r0") = weight; \
        register int16_t *y __asm ("lr") = to; \
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

#define QDSP_S16(r) "ssat " r ", #16, " r "\n"
QDSP_MATRIX_ONE(qdsp_one_s16, QDSP_S16)

// False: not for these, take the plain C.
static inline bool qmat_one_fast(const up_qmat_t *self, const up_word_t *v, int16_t *y) {
    if (self->limit != UP_QLIMIT_S16 || self->left) {
        return false;
    }
    uint32_t blocks = self->pairs / 2;
    qdsp_one_t at = {
        .v = v, .y_end = y + up_qrows(self->rows), .odd = self->pairs & 1,
        .skip = (-blocks & 7) * QDSP_BLOCK, .count = (blocks + 7) / 8,
    };
    qdsp_one_s16(self->w, at, y);
    return true;
}

// A single row, eight frames at a time.
static inline void qdsp_row(const int32_t *weight, size_t pairs, const up_word_t *v, int32_t *sums, size_t n) {
    struct {
        const int32_t *end;
        int32_t *sums;
    } at = { weight + pairs, sums };
    for (size_t t = 0; t < n; t += 8, at.sums += 8) {
        register const int32_t *w __asm ("r0") = weight;
        register const up_word_t *x __asm ("r1") = v + t;
        __asm volatile (
            "ldr r12, %[sums]\n"
            "ldmia r12, {r2-r9}\n"
            "1: ldr r12, [r0], #4\n"
            "ldrd r10, lr, [r1]\n"
            "smlad r2, r12, r10, r2\n" "smlad r3, r12, lr, r3\n"
            "ldrd r10, lr, [r1, #8]\n"
            "smlad r4, r12, r10, r4\n" "smlad r5, r12, lr, r5\n"
            "ldrd r10, lr, [r1, #16]\n"
            "smlad r6, r12, r10, r6\n" "smlad r7, r12, lr, r7\n"
            "ldrd r10, lr, [r1, #24]\n"
            "smlad r8, r12, r10, r8\n" "smlad r9, r12, lr, r9\n"
            "adds r1, #128\n"
            "ldr r12, %[end]\n"
            "cmp r0, r12\n"
            "bne 1b\n"
            "ldr r12, %[sums]\n"
            "stmia r12, {r2-r9}\n"
            : "+r" (w), "+r" (x) : [sums] "m" (at.sums), [end] "m" (at.end)
            : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r12", "lr", "cc", "memory");
    }
}

#endif
