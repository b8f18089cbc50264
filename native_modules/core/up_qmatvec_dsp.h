// SPDX-License-Identifier: MIT
// Matrices on cores with DSP instructions (Cortex-M4, M7, M33, M55): SMLAD multiplies a word of two
// columns and adds both products. Two frames: eight sums
// in r2-r9, so that each weight serves twice; all pairs of frames of a group of rows in one go. Included by
// up_qmatvec.c only.
#ifndef UP_QMATVEC_DSP_H
#define UP_QMATVEC_DSP_H

#define QDSP_MAC(a, w, v) "smlad r" #a ", r" #w ", " v ", r" #a "\n"
// One word of columns of two frames.
#define QDSP_TWO \
    "ldrd r10, r11, [r0], #8\n" \
    "ldrd r12, lr, [r1], #128\n" /* the next plane: 4 * UP_CHUNK bytes on */ \
    QDSP_MAC(2, 10, "r12") QDSP_MAC(6, 10, "lr") QDSP_MAC(3, 11, "r12") QDSP_MAC(7, 11, "lr") \
    "ldrd r10, r11, [r0], #8\n" \
    QDSP_MAC(4, 10, "r12") QDSP_MAC(8, 10, "lr") QDSP_MAC(5, 11, "r12") QDSP_MAC(9, 11, "lr")

// The same of three rows: a fourth that only pads is left alone.
#define QDSP_TWO_OF_3 \
    "ldrd r10, r11, [r0], #8\n" \
    "ldrd r12, lr, [r1], #128\n" \
    QDSP_MAC(2, 10, "r12") QDSP_MAC(6, 10, "lr") QDSP_MAC(3, 11, "r12") QDSP_MAC(7, 11, "lr") \
    "ldr r10, [r0], #8\n" \
    QDSP_MAC(4, 10, "r12") QDSP_MAC(8, 10, "lr")

#define QDSP_8(x) x x x x x x x x

// What the code keeps on the stack, for want of registers.
typedef struct {
    const int32_t *w;          // a group of four rows
    const up_word_t *v;        // columns of the next two frames
    up_word_t *y;              // where they go
    const up_word_t *y_end;    // behind the last frame
    const int32_t *w_end;      // the multipliers
    ptrdiff_t plus;            // bytes from y to what is added
    uint32_t start;            // where a row's loop is entered
    uint32_t skip;             // bytes of the loop that are left out of its first turn
} qdsp_two_t;

enum { QDSP_BLOCK = 44, QDSP_BLOCK_OF_3 = 36 }; // bytes of code of QDSP_TWO, of QDSP_TWO_OF_3

// The loop's eight blocks are entered so that the last turn ends with the last block.
#define QDSP_ENTRY(to) \
    "adr.w r12, 2f\n" \
    "ldr r10, %[skip]\n" \
    "add r12, r10\n" \
    "orr r12, #1\n" \
    "str r12, %[" to "]\n"

// Four rows, frames two by two.
#define QDSP_MATRIX_TWO(name, two, sat, plus_code) \
    static inline __attribute__((always_inline)) void name(qdsp_two_t *at) { \
        __asm volatile ( \
            QDSP_ENTRY("start") \
            "3: ldrd r0, r1, %[w]\n" \
            "ldmia r0, {r2-r5}\n" \
            "ldmia r0!, {r6-r9}\n" \
            "ldr pc, %[start]\n" \
            "2:\n" QDSP_8(two) \
            "ldr r10, %[w_end]\n" \
            "cmp r0, r10\n" \
            "bne.w 2b\n" \
            "ldmia r0!, {r10, r11, r12, lr}\n" \
            "smmulr r2, r2, r10\n" "smmulr r6, r6, r10\n" "smmulr r3, r3, r11\n" "smmulr r7, r7, r11\n" \
            "smmulr r4, r4, r12\n" "smmulr r8, r8, r12\n" "smmulr r5, r5, lr\n" "smmulr r9, r9, lr\n" \
            "ldrd r10, r11, %[v]\n" \
            sat("r2") sat("r3") sat("r4") sat("r5") sat("r6") sat("r7") sat("r8") sat("r9") \
            "pkhbt r2, r2, r3, lsl #16\n" "pkhbt r4, r4, r5, lsl #16\n" \
            "pkhbt r3, r6, r7, lsl #16\n" "pkhbt r5, r8, r9, lsl #16\n" \
            plus_code \
            "ldr r12, %[y_end]\n" \
            "adds r10, #8\n" \
            "strd r4, r5, [r11, #128]\n" \
            "strd r2, r3, [r11], #8\n" \
            "strd r10, r11, %[v]\n" \
            "cmp r11, r12\n" \
            "bne.w 3b\n" \
            : "+m" (*at), [v] "+m" (at->v), [start] "+m" (at->start) /* the whole: LDRD takes neighbours */ \
            : [w] "m" (at->w), [skip] "m" (at->skip), [w_end] "m" (at->w_end), [y_end] "m" (at->y_end), [plus] "m" (at->plus) \
            : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"); \
    }

#define QDSP_PLUS \
    "ldr r12, %[plus]\n" "add r12, r11\n" \
    "ldrd r6, r7, [r12]\n" "ldrd r8, r9, [r12, #128]\n" \
    "qadd16 r2, r2, r6\n" "qadd16 r3, r3, r7\n" "qadd16 r4, r4, r8\n" "qadd16 r5, r5, r9\n"
#define QDSP_S16(r) "ssat " r ", #16, " r "\n"
#define QDSP_U15(r) "usat " r ", #15, " r "\n"
#define QDSP_S8(r) "ssat " r ", #8, " r "\n"
#define QDSP_U7(r) "usat " r ", #7, " r "\n"
QDSP_MATRIX_TWO(qdsp_three_s16, QDSP_TWO_OF_3, QDSP_S16, )
QDSP_MATRIX_TWO(qdsp_three_s16_plus, QDSP_TWO_OF_3, QDSP_S16, QDSP_PLUS)
QDSP_MATRIX_TWO(qdsp_two_s16, QDSP_TWO, QDSP_S16, )
QDSP_MATRIX_TWO(qdsp_two_s16_plus, QDSP_TWO, QDSP_S16, QDSP_PLUS)
QDSP_MATRIX_TWO(qdsp_two_u15, QDSP_TWO, QDSP_U15, )
QDSP_MATRIX_TWO(qdsp_two_s8, QDSP_TWO, QDSP_S8, )
QDSP_MATRIX_TWO(qdsp_two_u7, QDSP_TWO, QDSP_U7, )

// One group of four rows, all frames.
static inline void qdsp_group(qdsp_two_t *at, int limit, bool three) {
    if (limit == UP_QLIMIT_S16 && three) {
        if (at->plus) {
            qdsp_three_s16_plus(at);
        } else {
            qdsp_three_s16(at);
        }
    } else if (limit == UP_QLIMIT_S16) {
        if (at->plus) {
            qdsp_two_s16_plus(at);
        } else {
            qdsp_two_s16(at);
        }
    } else if (limit == UP_QLIMIT_U15) {
        qdsp_two_u15(at);
    } else if (limit == UP_QLIMIT_S8) {
        qdsp_two_s8(at);
    } else {
        qdsp_two_u7(at);
    }
}

// False: not for these, take the plain C.
static inline bool qmat_frames_fast(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_word_t *plus, size_t n) {
    if (self->left || (plus && self->limit != UP_QLIMIT_S16)) {
        return false;
    }
    qdsp_two_t at = { .w = self->w, .plus = plus ? (ptrdiff_t)((uintptr_t)plus - (uintptr_t)y) : 0 };
    for (size_t r = 0; r < self->rows; r += 4, at.w = at.w_end + 4, y += 2 * UP_CHUNK) {
        bool three = self->limit == UP_QLIMIT_S16 && self->rows - r == 3;
        at.w_end = at.w + 4 + 4 * self->pairs;
        at.v = v;
        at.y = y;
        at.y_end = y + up_even(n);
        at.skip = (-self->pairs & 7) * (three ? QDSP_BLOCK_OF_3 : QDSP_BLOCK);
        qdsp_group(&at, self->limit, three);
    }
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
