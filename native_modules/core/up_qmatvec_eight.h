// SPDX-License-Identifier: MIT
// Matrices of one frame on a Cortex-M7, eight rows (two groups) at a time: an LDR beside each SMLAD, and a word of
// signal loaded for eight of them. All fourteen registers are taken: r2-r9 sums, r0 and r1 the weights of either
// group, r12 and lr two weights, r10 and r11 two words of signal. So the signal lies on the stack, from its end
// down, where the code of each column finds its word without a pointer. Included by up_qmatvec_one.h only.
#ifndef UP_QMATVEC_EIGHT_H
#define UP_QMATVEC_EIGHT_H

enum { QEIGHT_PAIRS = 24, QEIGHT_ONE_CODE = 64, QEIGHT_TWO_CODE = 136 }; // columns' words; bytes of code of one and two

// Eight rows of a matrix, and the rows after them.
typedef struct {
    const int32_t *w;
    int16_t *y, *y_last; // the first and the last eight rows
    size_t group;        // bytes from a group of four rows to the next
    uint32_t start;      // where a row's columns begin: bytes of code, and 1 for Thumb
    uint32_t v;          // where its signal begins on the stack, at an even column
} qeight_step_t;

#define QEIGHT_MAC(sum, w, v) "smlad r" #sum ", " w ", " v ", r" #sum "\n"
// The first two weights are there. r0 points behind them, r1 to the other group's first.
#define QEIGHT_SIX(v) \
    QEIGHT_MAC(2, "r12", v) "ldr r12, [r0], #16\n" QEIGHT_MAC(3, "lr", v) "ldr lr, [r0, #-12]\n" \
    QEIGHT_MAC(4, "r12", v) "ldr r12, [r1], #16\n" QEIGHT_MAC(5, "lr", v) "ldr lr, [r1, #-12]\n" \
    QEIGHT_MAC(6, "r12", v) "ldr r12, [r1, #-8]\n" QEIGHT_MAC(7, "lr", v) "ldr lr, [r1, #-4]\n"
#define QEIGHT_COLUMN(v) \
    QEIGHT_SIX(v) QEIGHT_MAC(8, "r12", v) "ldr r12, [r0, #-8]\n" QEIGHT_MAC(9, "lr", v) "ldr lr, [r0, #-4]\n"
// Two columns; the next two words of signal are at sp + even and sp + odd.
#define QEIGHT_TWO(even, odd) \
    QEIGHT_COLUMN("r10") \
    QEIGHT_SIX("r11") QEIGHT_MAC(8, "r12", "r11") "ldr r10, [sp, #" #even "]\n" \
    QEIGHT_MAC(9, "lr", "r11") "ldr r12, [r0, #-8]\n" "ldr lr, [r0, #-4]\n" "ldr r11, [sp, #" #odd "]\n"
#define QEIGHT_COLUMNS \
    QEIGHT_TWO(12, 16) QEIGHT_TWO(20, 24) QEIGHT_TWO(28, 32) QEIGHT_TWO(36, 40) QEIGHT_TWO(44, 48) QEIGHT_TWO(52, 56) \
    QEIGHT_TWO(60, 64) QEIGHT_TWO(68, 72) QEIGHT_TWO(76, 80) QEIGHT_TWO(84, 88) QEIGHT_TWO(92, 96) \
    QEIGHT_COLUMN("r10") QEIGHT_COLUMN("r11")
#define QEIGHT_LIMIT(r) "ssat r" #r ", #16, r" #r "\n"
#define QEIGHT_JOIN(to, low, high) "pkhbt r" #to ", r" #low ", r" #high ", lsl #16\n"

// The stack: 4 the signal, 100 start, 104 group, 108 y, 112 y_last, 116 signal's begin, 120 step, 124 its end.
// eights: how many times eight words, up to the last, hold the longest signal; what is read before counts for nothing.
static inline __attribute__((always_inline)) void qeight_run(const qeight_step_t *step, const qeight_step_t *end,
    const up_word_t *v_end, size_t eights) {
    register const qeight_step_t *first __asm ("r0") = step;
    register const up_word_t *v __asm ("r1") = v_end;
    register size_t count __asm ("r2") = eights;
    register const qeight_step_t *last __asm ("r3") = end;
    __asm volatile (
        "sub sp, #128\n"
        "str r3, [sp, #124]\n"
        "add r3, sp, #100\n"
        "1: ldmdb r1!, {r4-r11}\n" "stmdb r3!, {r4-r11}\n" "subs r2, #1\n" "bne 1b\n"
        "4: ldmia r0!, {r2-r7}\n"
        "adr.w r8, 2f\n"
        "add r6, r8\n" "add r7, sp\n" "mov r9, r0\n"
        "mov r0, r2\n" "add r1, r2, r5\n"
        "strd r6, r5, [sp, #100]\n" "strd r3, r4, [sp, #108]\n" "strd r7, r9, [sp, #116]\n"
        "ldrd r10, r11, [r7]\n"
        "3: ldmia r0!, {r2-r5}\n" "ldmia r1!, {r6-r9}\n" "ldrd r12, lr, [r0], #8\n"
        "ldr pc, [sp, #100]\n"
        "2:" QEIGHT_COLUMNS
        "smmulr r2, r2, r12\n" "ldr r10, [r0], #8\n"
        "smmulr r3, r3, lr\n" "ldr r11, [r0, #-4]\n"
        "smmulr r4, r4, r10\n" "ldr r12, [r1], #16\n"
        "smmulr r5, r5, r11\n" "ldr lr, [r1, #-12]\n"
        QEIGHT_LIMIT(2) "ldr r10, [r1, #-8]\n"
        QEIGHT_LIMIT(3) "ldr r11, [r1, #-4]\n"
        QEIGHT_LIMIT(4) "smmulr r6, r6, r12\n"
        QEIGHT_LIMIT(5) "smmulr r7, r7, lr\n"
        QEIGHT_JOIN(2, 2, 3) "smmulr r8, r8, r10\n"
        QEIGHT_JOIN(3, 4, 5) "smmulr r9, r9, r11\n"
        QEIGHT_LIMIT(6) "ldr r12, [sp, #108]\n"
        QEIGHT_LIMIT(7) "ldr lr, [sp, #112]\n"
        QEIGHT_LIMIT(8) "ldr r10, [sp, #116]\n"
        QEIGHT_LIMIT(9) "cmp r12, lr\n"
        QEIGHT_JOIN(4, 6, 7) "ldr r11, [sp, #104]\n"
        QEIGHT_JOIN(5, 8, 9) "mov r0, r1\n"
        "stmia r12!, {r2-r5}\n"
        "add r1, r11\n" "str r12, [sp, #108]\n"
        "ldrd r10, r11, [r10]\n"
        "bne.w 3b\n"
        "ldrd r0, r1, [sp, #120]\n"
        "cmp r0, r1\n"
        "bne.w 4b\n"
        "add sp, #128\n"
        : "+r" (first), "+r" (v), "+r" (count), "+r" (last) :
        : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}

#endif
