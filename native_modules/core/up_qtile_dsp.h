// SPDX-License-Identifier: MIT
// Tiles of four rows and two frames on cores with DSP instructions: eight sums in r2-r9, so that each word of weights
// serves twice and each of the signal four times. What follows the sums (requantise, activation, what is added) is
// done while they are in registers. Included by up_qmatvec.c only.
#ifndef UP_QTILE_DSP_H
#define UP_QTILE_DSP_H

// What becomes of the sums. The order is that of QTILE_CODE's table.
enum {
    QTILE_IS_S16, QTILE_IS_U15, QTILE_IS_S8, QTILE_IS_U7, QTILE_IS_PLUS, QTILE_IS_MIX, QTILE_IS_TABLE, QTILE_IS_SLOPES,
    QTILE_IS_HALF_S8, QTILE_IS_HALF_U7,
};

// What the code keeps on the stack, for want of registers. Pairs are loaded by LDRD: keep the order.
typedef struct {
    const int32_t *bias;     // of a group of four rows; its words follow
    const up_word_t *v;      // columns of the next two frames
    uintptr_t y;             // where they go; UP_DSP_DUAL: less v
    uintptr_t end;           // y behind the last frame; UP_DSP_DUAL: v there
    const int32_t *w;        // the words, less those that the loop's first turn skips
    uint32_t v_skip;         // bytes of columns that it skips
    const int32_t *w_end;    // the multipliers
    const int32_t *middle;   // the table's node of 0
    int32_t slopes[4];       // 2^17 times
    ptrdiff_t plus;          // bytes from y to what is added
    int32_t factor;          // of what is added
    uint32_t entry, after;   // code addresses
} qtile_t;

#define QTILE_MAC(a, w, v) "smlad r" #a ", " w ", " v ", r" #a "\n"

#if defined(UP_DSP_DUAL)
#include "up_qtile_m7.h"
// A multiplication and a load start together, a load's word can be multiplied two cycles later: each word is loaded
// while the one before is multiplied. 8 cycles; entered with the first weight and the signal loaded.
// `w`, `v`: bytes from r0 to this word's weights and from r1 to the next word's signal.
#define QTILE_WORD4_(w1, w2, w3, w4, v0, v1, add0, add1) \
    QTILE_MAC(2, "r10", "r12") "ldr r11, [r0, #" w1 "]\n" QTILE_MAC(6, "r10", "lr") "ldr r10, [r0, #" w2 "]\n" \
    QTILE_MAC(3, "r11", "r12") QTILE_MAC(7, "r11", "lr") "ldr r11, [r0, #" w3 "]\n" \
    QTILE_MAC(4, "r10", "r12") add0 QTILE_MAC(8, "r10", "lr") "ldr r10, [r0, #" w4 "]\n" \
    QTILE_MAC(5, "r11", "r12") add1 "ldr r12, [r1, #" v0 "]\n" QTILE_MAC(9, "r11", "lr") "ldr lr, [r1, #" v1 "]\n"
#define QTILE_WORD4(k) \
    QTILE_WORD4_("16*" #k "+4", "16*" #k "+8", "16*" #k "+12", "16*" #k "+16", "128*" #k "+128", "128*" #k "+132", , )
#define QTILE_LAST4(k) \
    QTILE_WORD4_("16*" #k "+4", "16*" #k "+8", "16*" #k "+12", "0", "0", "4", "add r0, #16*" #k "+16\n", "add r1, #128*" #k "+128\n")
// Of three rows: r5 and r9 hold weights.
#define QTILE_WORD3_(w1, w2, w4, v0, v1, add0, add1) \
    QTILE_MAC(2, "r10", "r12") "ldr r11, [r0, #" w1 "]\n" QTILE_MAC(6, "r10", "lr") "ldr.w r5, [r0, #" w2 "]\n" \
    QTILE_MAC(3, "r11", "r12") add0 "ldr r10, [r0, #" w4 "]\n" QTILE_MAC(7, "r11", "lr") \
    QTILE_MAC(4, "r5", "r12") add1 "ldr r12, [r1, #" v0 "]\n" QTILE_MAC(8, "r5", "lr") "ldr lr, [r1, #" v1 "]\n"
#define QTILE_WORD3(k) QTILE_WORD3_("16*" #k "+4", "16*" #k "+8", "16*" #k "+16", "128*" #k "+128", "128*" #k "+132", , )
#define QTILE_LAST3(k) \
    QTILE_WORD3_("16*" #k "+4", "16*" #k "+8", "0", "0", "4", "add r0, #16*" #k "+16\n", "add r1, #128*" #k "+128\n")
#define QTILE_LOOP(rows) \
    QTILE_WORD##rows(0) QTILE_WORD##rows(1) QTILE_WORD##rows(2) QTILE_WORD##rows(3) QTILE_WORD##rows(4) \
    QTILE_WORD##rows(5) QTILE_WORD##rows(6) QTILE_WORD##rows(7) QTILE_WORD##rows(8) QTILE_WORD##rows(9) \
    QTILE_WORD##rows(10) QTILE_WORD##rows(11) QTILE_WORD##rows(12) QTILE_WORD##rows(13) QTILE_WORD##rows(14) QTILE_LAST##rows(15)
#define QTILE_FIRST "ldrd r10, r11, %[bias]\n" "mov r0, r11\n"
#define QTILE_START /* with r0 the columns, r10 the biases */ \
    "ldmia r10, {r2-r5}\n" "ldrd r12, lr, [r0]\n" \
    "ldr r1, %[v_skip]\n" "ldr r10, [r10, #16]\n" "add r1, r0\n" "ldr r0, %[w]\n" \
    "mov r6, r2\n" "mov r7, r3\n" "mov r8, r4\n" "mov r9, r5\n"
#define QTILE_TURNED "ldr r11, %[w_end]\n" "cmp r0, r11\n"
#define QTILE_ENDED3 "mov r5, #0\n"
#define QTILE_AFTER(name, rows) QTILE_##name##_##rows "beq.w 9f\n" "ldr pc, %[entry]\n"
enum { QTILE_WORDS = 16, QTILE_CODE_4 = 56, QTILE_CODE_3 = 44 }; // words of the loop; bytes of code of one
#else
#define QTILE_WORD4 \
    "ldrd r10, r11, [r0], #8\n" "ldrd r12, lr, [r1], #128\n" /* the next plane: 4 * UP_CHUNK bytes on */ \
    QTILE_MAC(2, "r10", "r12") QTILE_MAC(6, "r10", "lr") QTILE_MAC(3, "r11", "r12") QTILE_MAC(7, "r11", "lr") \
    "ldrd r10, r11, [r0], #8\n" \
    QTILE_MAC(4, "r10", "r12") QTILE_MAC(8, "r10", "lr") QTILE_MAC(5, "r11", "r12") QTILE_MAC(9, "r11", "lr")
#define QTILE_WORD3 \
    "ldrd r10, r11, [r0], #8\n" "ldrd r12, lr, [r1], #128\n" \
    QTILE_MAC(2, "r10", "r12") QTILE_MAC(6, "r10", "lr") QTILE_MAC(3, "r11", "r12") QTILE_MAC(7, "r11", "lr") \
    "ldr r10, [r0], #8\n" QTILE_MAC(4, "r10", "r12") QTILE_MAC(8, "r10", "lr")
#define QTILE_8(x) x x x x x x x x
#define QTILE_LOOP(rows) QTILE_8(QTILE_WORD##rows) QTILE_8(QTILE_WORD##rows)
#define QTILE_FIRST
#define QTILE_START "ldrd r0, r1, %[bias]\n" "ldmia r0, {r2-r5}\n" "ldmia r0!, {r6-r9}\n"
#define QTILE_TURNED "ldr r10, %[w_end]\n" "cmp r0, r10\n"
#define QTILE_ENDED3 ""
#define QTILE_RQ \
    "ldmia r0!, {r10, r11, r12, lr}\n" \
    "smmulr r2, r2, r10\n" "smmulr r6, r6, r10\n" "smmulr r3, r3, r11\n" "smmulr r7, r7, r11\n" \
    "smmulr r4, r4, r12\n" "smmulr r8, r8, r12\n" "smmulr r5, r5, lr\n" "smmulr r9, r9, lr\n"
#define QTILE_SAT(how) \
    how("r2", "r2") how("r6", "r6") how("r3", "r3") how("r7", "r7") how("r4", "r4") how("r8", "r8") how("r5", "r5") how("r9", "r9")
#define QTILE_SAT_S16(to, r) "ssat " to ", #16, " r "\n"
#define QTILE_SAT_U15(to, r) "usat " to ", #15, " r "\n"
#define QTILE_SAT_S8(to, r) "ssat " to ", #8, " r "\n"
#define QTILE_SAT_U7(to, r) "usat " to ", #7, " r "\n"
#define QTILE_PACK \
    "pkhbt r2, r2, r3, lsl #16\n" "pkhbt r3, r6, r7, lsl #16\n" "pkhbt r4, r4, r5, lsl #16\n" "pkhbt r5, r8, r9, lsl #16\n"
#define QTILE_S16 QTILE_RQ QTILE_SAT(QTILE_SAT_S16) QTILE_PACK
#define QTILE_U15 QTILE_RQ QTILE_SAT(QTILE_SAT_U15) QTILE_PACK
#define QTILE_S8 QTILE_RQ QTILE_SAT(QTILE_SAT_S8) QTILE_PACK
#define QTILE_U7 QTILE_RQ QTILE_SAT(QTILE_SAT_U7) QTILE_PACK
// What is added: r6-r9.
#define QTILE_ADDED QTILE_S16 "ldr r10, %[y]\n" "ldr r11, %[plus]\n" "add r11, r10\n" "ldrd r6, r7, [r11]\n" "ldrd r8, r9, [r11, #128]\n"
#define QTILE_ADD "qadd16 r2, r2, r6\n" "qadd16 r3, r3, r7\n" "qadd16 r4, r4, r8\n" "qadd16 r5, r5, r9\n"
// It times its factor in lr, of units of their own; r12: half of one.
#define QTILE_SCALED(a, b) \
    "smlabb r10, " a ", lr, r12\n" "smlatb " a ", " a ", lr, r12\n" "smlabb r11, " b ", lr, r12\n" "smlatb " b ", " b ", lr, r12\n" \
    "lsl " a ", #2\n" "lsl " b ", #2\n" "pkhtb " a ", " a ", r10, asr #14\n" "pkhtb " b ", " b ", r11, asr #14\n"
#define QTILE_PLUS QTILE_ADDED QTILE_ADD
#define QTILE_MIX \
    QTILE_ADDED "ldr lr, %[factor]\n" "mov r12, #8192\n" QTILE_SCALED("r6", "r7") QTILE_SCALED("r8", "r9") QTILE_ADD
// up_qlook64 of four sums; lr: the table, r12: half of a step.
#define QTILE_LOOK(a, b, c, d) \
    "asr r0, " a ", #6\n" "asr r1, " b ", #6\n" "asr r10, " c ", #6\n" "asr r11, " d ", #6\n" \
    "ldr r0, [lr, r0, lsl #2]\n" "ldr r1, [lr, r1, lsl #2]\n" "ldr r10, [lr, r10, lsl #2]\n" "ldr r11, [lr, r11, lsl #2]\n" \
    "and " a ", " a ", #63\n" "and " b ", " b ", #63\n" "and " c ", " c ", #63\n" "and " d ", " d ", #63\n" \
    "smlabb " a ", r0, " a ", r12\n" "smlabb " b ", r1, " b ", r12\n" "smlabb " c ", r10, " c ", r12\n" "smlabb " d ", r11, " d ", r12\n" \
    "add " a ", " a ", r0, asr #10\n" "add " b ", " b ", r1, asr #10\n" "add " c ", " c ", r10, asr #10\n" "add " d ", " d ", r11, asr #10\n"
#define QTILE_LOOKED(to, low, high) "lsl " high ", #10\n" "pkhtb " to ", " high ", " low ", asr #6\n"
#define QTILE_TABLE \
    QTILE_RQ QTILE_SAT(QTILE_SAT_S16) "ldr lr, %[middle]\n" "mov r12, #32\n" \
    QTILE_LOOK("r2", "r3", "r4", "r5") QTILE_LOOK("r6", "r7", "r8", "r9") \
    QTILE_LOOKED("r2", "r2", "r3") QTILE_LOOKED("r3", "r6", "r7") QTILE_LOOKED("r4", "r4", "r5") QTILE_LOOKED("r5", "r8", "r9")
// x = its positive part + slope * the rest: slopes are 2^17 times those of the format.
#define QTILE_SLOPE(x, y, s) \
    QTILE_SAT_U15("r0", x) QTILE_SAT_U15("r1", y) QTILE_SAT_S16(x, x) QTILE_SAT_S16(y, y) "sub " x ", r0\n" "sub " y ", r1\n" \
    "smmlar " x ", " x ", " s ", r0\n" "smmlar " y ", " y ", " s ", r1\n"
#define QTILE_SLOPES \
    QTILE_RQ "ldrd r10, r11, %[slope0]\n" "ldrd r12, lr, %[slope2]\n" \
    QTILE_SLOPE("r2", "r6", "r10") QTILE_SLOPE("r3", "r7", "r11") QTILE_SLOPE("r4", "r8", "r12") QTILE_SLOPE("r5", "r9", "lr") QTILE_PACK
// Sums of 2^16 units: their high halves.
#define QTILE_HALVES "pkhtb r2, r3, r2, asr #16\n" "pkhtb r3, r7, r6, asr #16\n" "pkhtb r4, r5, r4, asr #16\n" "pkhtb r5, r9, r8, asr #16\n"
#define QTILE_HALF_S8 QTILE_HALVES "ssat16 r2, #8, r2\n" "ssat16 r3, #8, r3\n" "ssat16 r4, #8, r4\n" "ssat16 r5, #8, r5\n"
#define QTILE_HALF_U7 QTILE_HALVES "usat16 r2, #7, r2\n" "usat16 r3, #7, r3\n" "usat16 r4, #7, r4\n" "usat16 r5, #7, r5\n"
#define QTILE_AFTER(name, rows) \
    QTILE_##name \
    "ldrd r10, r11, %[v]\n" "ldr r12, %[end]\n" \
    "strd r4, r5, [r11, #128]\n" "strd r2, r3, [r11], #8\n" \
    "add r10, #8\n" "strd r10, r11, %[v]\n" \
    "cmp r11, r12\n" "bne.w 3b\n" "b.w 9f\n"
enum { QTILE_WORDS = 16, QTILE_CODE_4 = 44, QTILE_CODE_3 = 36 };
#endif

#define QTILE_ENDED4

// All pairs of frames of a group of rows. The loop is entered so that its last turn ends with its last word.
#define QTILE_CODE(rows, at, kind, skip) \
    __asm volatile ( \
        "ldr r1, %[skips]\n" "adr.w r2, 2f\n" "add r2, r1\n" "orr r2, #1\n" "str r2, %[entry]\n" \
        "ldr r1, %[kinds]\n" "adr.w r2, 4f\n" "ldrh r1, [r2, r1]\n" "add r2, r1\n" "orr r2, #1\n" "str r2, %[after]\n" \
        QTILE_FIRST "b.w 3f\n" \
        "4: .short 10f - 4b, 11f - 4b, 12f - 4b, 13f - 4b, 14f - 4b, 15f - 4b, 16f - 4b, 17f - 4b, 18f - 4b, 19f - 4b\n" \
        "3:" QTILE_START "ldr pc, %[entry]\n" \
        "2:" QTILE_LOOP(rows) QTILE_TURNED "bne.w 2b\n" QTILE_ENDED##rows "ldr pc, %[after]\n" \
        "10:" QTILE_AFTER(S16, rows) \
        "11:" QTILE_AFTER(U15, rows) \
        "12:" QTILE_AFTER(S8, rows) \
        "13:" QTILE_AFTER(U7, rows) \
        "14:" QTILE_AFTER(PLUS, rows) \
        "15:" QTILE_AFTER(MIX, rows) \
        "16:" QTILE_AFTER(TABLE, rows) \
        "17:" QTILE_AFTER(SLOPES, rows) \
        "18:" QTILE_AFTER(HALF_S8, rows) \
        "19:" QTILE_AFTER(HALF_U7, rows) \
        "9:\n" \
        : "+m" (at) /* the whole: LDRD takes neighbours */ \
        : [bias] "m" (at.bias), [v] "m" (at.v), [y] "m" (at.y), [end] "m" (at.end), [w] "m" (at.w), [v_skip] "m" (at.v_skip), \
          [w_end] "m" (at.w_end), [middle] "m" (at.middle), [slope0] "m" (at.slopes[0]), [slope1] "m" (at.slopes[1]), \
          [slope2] "m" (at.slopes[2]), [slope3] "m" (at.slopes[3]), [plus] "m" (at.plus), [factor] "m" (at.factor), \
          [entry] "m" (at.entry), [after] "m" (at.after), \
          [skips] "m" (skip), [kinds] "m" (kind) \
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory")

// Not inline: it takes all registers.
static __attribute__((noinline)) void qtile_groups(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_qafter_t *after, uint32_t kind, size_t n) {
    const int32_t *table = after->act ? after->act->table : NULL;
    qtile_t at;
    at.bias = self->w; // one by one: no call of memset
    at.middle = table ? up_qmiddle(table) : NULL;
    at.plus = after->plus ? (ptrdiff_t)((uintptr_t)after->plus - (uintptr_t)y) : 0;
    at.factor = after->factor;
    const int16_t *slopes = after->act ? after->act->slopes : NULL;
    uint32_t words = -self->pairs % QTILE_WORDS, place = 2 * kind;
    at.v_skip = -words * UP_CHUNK * sizeof(up_word_t);
    for (size_t r = 0; r < self->rows; r += 4, at.bias = at.w_end + 4, y += 2 * UP_CHUNK) {
        at.w_end = at.bias + 4 + 4 * self->pairs;
        at.w = at.bias + 4 - 4 * words;
        at.v = v;
        #if defined(UP_DSP_DUAL)
        at.y = (uintptr_t)y - (uintptr_t)v;
        at.end = (uintptr_t)(v + up_even(n));
        #else
        at.y = (uintptr_t)y;
        at.end = (uintptr_t)(y + up_even(n));
        #endif
        if (kind == QTILE_IS_SLOPES) {
            for (size_t k = 0; k < 4; k++) {
                at.slopes[k] = r + k < self->rows ? slopes[r + k] * (1 << 17) : 0;
            }
        }
        if (self->rows - r == 3) {
            uint32_t skip = words * QTILE_CODE_3;
            QTILE_CODE(3, at, place, skip);
        } else {
            uint32_t skip = words * QTILE_CODE_4;
            QTILE_CODE(4, at, place, skip);
        }
    }
}

static inline uint32_t qtile_kind(const up_qmat_t *self, const up_qafter_t *after) {
    if (self->limit != UP_QLIMIT_S16) {
        return self->limit - UP_QLIMIT_S16 + (self->halves ? QTILE_IS_HALF_S8 - UP_QLIMIT_S8 : QTILE_IS_S16);
    }
    if (after->plus) {
        return after->factor == UP_QONE ? QTILE_IS_PLUS : QTILE_IS_MIX;
    }
    if (!after->act) {
        return QTILE_IS_S16;
    }
    return after->act->table ? QTILE_IS_TABLE : after->act->slopes ? QTILE_IS_SLOPES : QTILE_IS_S16;
}

#if defined(UP_DSP_DUAL)
// up_qmix, up to seven words more.
static __attribute__((noinline)) void qtile_mix(const up_word_t *x, const up_word_t *y, up_word_t *to, size_t n, int32_t factors) {
    register const up_word_t *a __asm ("r0") = x;
    register const up_word_t *b __asm ("r1") = y;
    register up_word_t *out __asm ("r2") = to;
    register int32_t both __asm ("r3") = factors;
    register int32_t half __asm ("r4") = UP_QONE / 2;
    const up_word_t *end = x + (n + 7) / 8 * 8;
    __asm volatile (
        "1:" QTILE_MIX_8 "bne.w 1b\n"
        : "+r" (a), "+r" (b), "+r" (out) : "r" (both), "r" (half), [end] "m" (end)
        : "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}
#endif

// Slopes of 1/2 and more do not fit.
static inline bool qtile_slopes_fit(const int16_t *slopes, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        if (slopes[r] >= 1 << 14 || slopes[r] < -(1 << 14)) {
            return false;
        }
    }
    return true;
}

// False: not for these, take the plain C.
static inline bool qtile_frames(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_qafter_t *after, size_t n) {
    if (self->left) {
        return false;
    }
    up_qafter_t within = *after, behind = { NULL, NULL, after->factor };
    if (after->act && after->act->slopes && !qtile_slopes_fit(after->act->slopes, self->rows)) {
        within.act = NULL;
        behind.act = after->act;
    }
    bool bent = after->act && (after->act->table || after->act->slopes);
    if (after->plus && (bent || self->limit != UP_QLIMIT_S16)) { // a tile does one of both
        within.plus = NULL;
        behind.plus = after->plus;
    }
    qtile_groups(self, v, y, &within, qtile_kind(self, &within), n);
    up_qmat_after(&behind, y, self->rows, n);
    return true;
}

#endif
