// SPDX-License-Identifier: MIT
// up_tile_R for cores with a single-precision VFP and FMA (Cortex-M4F, M7, M33, M55). 4 rows x 4 frames: 16 sums
// in s16-s31, the weights of two columns in s0-s7, their inputs in s8-s15, so 32 multiply-adds for the lists of
// two columns: on a Cortex-M7 a list behind a multiply-add waits three cycles, an integer instruction does not.
// 3 and 2 rows x 8 frames take a column at a time, a single row two.
// Included by up_tile.h only. Same order of additions as the C version, so same bits.
//
// r0 what follows, r1 weights (r6 those of the next column, if not side by side), r2 table, r3 loops, r4 bytes of
// frames done, r5 two steps, r7-r10 columns, r11 out, r12 first sums, lr step.
#ifndef UP_TILE_VFP_H
#define UP_TILE_VFP_H

#include "up_look_vfp.h"

typedef struct {
    const float *w;
    const float *const *cols;
    uint32_t fours, rest, step; // columns / 4, % 4; bytes
    uint32_t end;               // bytes of frames to do
    const float *bias;          // NULL: go on with the sums in out
    float *out;
    uint32_t act;               // UP_FINISH_
    float slope;
    const up_node_t *middle;    // node of 0 of the activation's table
    const float *plus;          // planes that are added, or NULL
    float from[32];             // the biases as a tile has its sums
} tile_vfp_t;

#define TILE_CLOBBERS \
    "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", \
    "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", \
    "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31", \
    "cc", "memory"

#define TILE_S(x) #x
#define TILE_FMA(a, w, x) "vfma.f32 s" TILE_S(a) ", s" TILE_S(w) ", s" TILE_S(x) "\n"
#define TILE_X4(w, a, b, c, d, x, y, z, u) TILE_FMA(a, w, x) TILE_FMA(b, w, y) TILE_FMA(c, w, z) TILE_FMA(d, w, u)

// One column; i: integer instructions, which cost no cycle between multiply-adds of a Cortex-M7.
#define TILE_4X4(w0, w1, w2, w3, x, y, z, u, i) \
    TILE_X4(w0, 16, 17, 18, 19, x, y, z, u) i TILE_X4(w1, 20, 21, 22, 23, x, y, z, u) \
    TILE_X4(w2, 24, 25, 26, 27, x, y, z, u) TILE_X4(w3, 28, 29, 30, 31, x, y, z, u)
#define TILE_3X8(at, i) \
    "vldmia " at "!, {s4-s7}\n" \
    TILE_X4(0, 8, 9, 10, 11, 4, 5, 6, 7) i TILE_X4(1, 16, 17, 18, 19, 4, 5, 6, 7) TILE_X4(2, 24, 25, 26, 27, 4, 5, 6, 7) \
    "vldmia " at ", {s4-s7}\n" \
    TILE_X4(0, 12, 13, 14, 15, 4, 5, 6, 7) TILE_X4(1, 20, 21, 22, 23, 4, 5, 6, 7) TILE_X4(2, 28, 29, 30, 31, 4, 5, 6, 7)
#define TILE_1X8(w, x0, x1, x2, x3, x4, x5, x6, x7) TILE_X4(w, 24, 25, 26, 27, x0, x1, x2, x3) TILE_X4(w, 28, 29, 30, 31, x4, x5, x6, x7)
#define TILE_2X8(w0, w1) \
    TILE_X4(w0, 16, 17, 18, 19, 8, 9, 10, 11) TILE_X4(w0, 20, 21, 22, 23, 12, 13, 14, 15) TILE_1X8(w1, 8, 9, 10, 11, 12, 13, 14, 15)

// Four columns, whose pointers are in r7-r10; r3 counts.
#define TILE_POINTERS "ldmia r2!, {r7-r10}\n" "add r7, r7, r4\n" "add r8, r8, r4\n"
#define TILE_FOUR(load, next_a, next_b, col) \
    TILE_POINTERS \
    load "vldmia r7, {s8-s11}\n" "vldmia r8, {s12-s15}\n" \
    col(0, 1, 2, 3, 8, 9, 10, 11, next_a "add r9, r9, r4\n") \
    col(4, 5, 6, 7, 12, 13, 14, 15, next_b "add r10, r10, r4\n") \
    load "vldmia r9, {s8-s11}\n" "vldmia r10, {s12-s15}\n" \
    col(0, 1, 2, 3, 8, 9, 10, 11, next_a "subs r3, #1\n") \
    col(4, 5, 6, 7, 12, 13, 14, 15, next_b)
#define TILE_FOUR_4 TILE_FOUR("vldmia r1, {s0-s3}\n" "vldmia r6, {s4-s7}\n", "add r1, r1, r5\n", "add r6, r6, r5\n", TILE_4X4)
#define TILE_FOUR_4_DENSE TILE_FOUR("vldmia r1!, {s0-s7}\n", "", "", TILE_4X4)
#define TILE_FOUR_3 \
    TILE_POINTERS \
    "vldmia r1!, {s0-s3}\n" TILE_3X8("r7", "add r9, r9, r4\n") "vldmia r1!, {s0-s3}\n" TILE_3X8("r8", "add r10, r10, r4\n") \
    "vldmia r1!, {s0-s3}\n" TILE_3X8("r9", ) "vldmia r1!, {s0-s3}\n" TILE_3X8("r10", "subs r3, #1\n")
#define TILE_FOUR_2 \
    TILE_POINTERS "add r9, r9, r4\n" "add r10, r10, r4\n" \
    "vldmia r1!, {s0-s7}\n" "vldmia r7, {s8-s15}\n" TILE_2X8(0, 1) "vldmia r8, {s8-s15}\n" TILE_2X8(4, 5) \
    "vldmia r1!, {s0-s7}\n" "vldmia r9, {s8-s15}\n" TILE_2X8(0, 1) "vldmia r10, {s8-s15}\n" TILE_2X8(4, 5) \
    "subs r3, #1\n"
#define TILE_FOUR_1 \
    TILE_POINTERS "add r9, r9, r4\n" "add r10, r10, r4\n" \
    "vldmia r1!, {s0-s3}\n" "vldmia r7, {s8-s15}\n" "vldmia r8, {s16-s23}\n" \
    TILE_1X8(0, 8, 9, 10, 11, 12, 13, 14, 15) TILE_1X8(1, 16, 17, 18, 19, 20, 21, 22, 23) \
    "vldmia r9, {s8-s15}\n" "vldmia r10, {s16-s23}\n" \
    TILE_1X8(2, 8, 9, 10, 11, 12, 13, 14, 15) TILE_1X8(3, 16, 17, 18, 19, 20, 21, 22, 23) \
    "subs r3, #1\n"

// One column of the last few.
#define TILE_REST_4 "vldmia r1, {s0-s3}\n" "add r1, r1, lr\n" "vldmia r7, {s8-s11}\n" TILE_4X4(0, 1, 2, 3, 8, 9, 10, 11, )
#define TILE_REST_3 "vldmia r1!, {s0-s3}\n" TILE_3X8("r7", )
#define TILE_REST_2 "vldmia r1!, {s0-s3}\n" "vldmia r7, {s8-s15}\n" TILE_2X8(0, 1)
#define TILE_REST_1 "vldmia r1!, {s0}\n" "vldmia r7, {s8-s15}\n" TILE_1X8(0, 8, 9, 10, 11, 12, 13, 14, 15)

// Rows of a tile from or to planes at r11.
#define TILE_ROWS_AT_1(op, a) "v" op "ia r11, {" a "}\n"
#define TILE_ROWS_AT_2(op, a, b) "add r7, r11, #128\n" "v" op "ia r11, {" a "}\n" "v" op "ia r7, {" b "}\n"
#define TILE_ROWS_AT_3(op, a, b, c) \
    "add r7, r11, #128\n" "add r8, r11, #256\n" "v" op "ia r11, {" a "}\n" "v" op "ia r7, {" b "}\n" "v" op "ia r8, {" c "}\n"
#define TILE_ROWS_AT_4(op, a, b, c, d) "add r9, r11, #384\n" TILE_ROWS_AT_3(op, a, b, c) "v" op "ia r9, {" d "}\n"
#define TILE_PLANES_1(op) TILE_ROWS_AT_1(op, "s24-s31")
#define TILE_PLANES_2(op) TILE_ROWS_AT_2(op, "s16-s23", "s24-s31")
#define TILE_PLANES_3(op) TILE_ROWS_AT_3(op, "s8-s15", "s16-s23", "s24-s31")
#define TILE_PLANES_4(op) TILE_ROWS_AT_4(op, "s16-s19", "s20-s23", "s24-s27", "s28-s31")

// Biases in s0-s3 spread over a tile.
#define TILE_SPREAD_4(b, x, y, z, u) "vmov s" #x ", s" #b "\n" "vmov s" #y ", s" #b "\n" "vmov s" #z ", s" #b "\n" "vmov s" #u ", s" #b "\n"
#define TILE_SPREAD_8(b, x, y, z, u, v, w, p, q) TILE_SPREAD_4(b, x, y, z, u) TILE_SPREAD_4(b, v, w, p, q)
#define TILE_SPREAD_ROWS_1 "vldr s0, [r12]\n" TILE_SPREAD_8(0, 24, 25, 26, 27, 28, 29, 30, 31)
#define TILE_SPREAD_ROWS_2 "vldmia r12, {s0-s1}\n" TILE_SPREAD_8(0, 16, 17, 18, 19, 20, 21, 22, 23) TILE_SPREAD_8(1, 24, 25, 26, 27, 28, 29, 30, 31)
#define TILE_SPREAD_ROWS_3 \
    "vldmia r12, {s0-s2}\n" TILE_SPREAD_8(0, 8, 9, 10, 11, 12, 13, 14, 15) TILE_SPREAD_8(1, 16, 17, 18, 19, 20, 21, 22, 23) \
    TILE_SPREAD_8(2, 24, 25, 26, 27, 28, 29, 30, 31)
#define TILE_SPREAD_ROWS_4 \
    "vldmia r12, {s0-s3}\n" TILE_SPREAD_4(0, 16, 17, 18, 19) TILE_SPREAD_4(1, 20, 21, 22, 23) \
    TILE_SPREAD_4(2, 24, 25, 26, 27) TILE_SPREAD_4(3, 28, 29, 30, 31)

// The low registers added to sums, or sums to them.
#define TILE_ADD(to, a, b) "vadd.f32 s" #to ", s" #a ", s" #b "\n"
#define TILE_TO_LOW(a, b) TILE_ADD(a, a, b)
#define TILE_TO_HIGH(a, b) TILE_ADD(b, b, a)
#define TILE_ADD_16(x) \
    x(0, 16) x(1, 17) x(2, 18) x(3, 19) x(4, 20) x(5, 21) x(6, 22) x(7, 23) \
    x(8, 24) x(9, 25) x(10, 26) x(11, 27) x(12, 28) x(13, 29) x(14, 30) x(15, 31)

// Activation, and what is added, of 4 x 4 sums.
#define TILE_FINISH \
    "ldr r3, [r0, %[act]]\n" \
    "cmp r3, #1\n" \
    "blo.w 10f\n" \
    "bhi.w 9f\n" \
    "vldr s0, [r0, %[slope]]\n" \
    LEAKY_16 \
    "b.w 10f\n" \
    "9: ldr r11, [r0, %[middle]]\n" \
    LOOK_16 \
    "10: ldr r11, [r0, %[plus]]\n" \
    "cmp r11, #0\n" \
    "beq.w 11f\n" \
    "add r11, r11, r4\n" \
    TILE_ROWS_AT_4("ldm", "s0-s3", "s4-s7", "s8-s11", "s12-s15") TILE_ADD_16(TILE_TO_HIGH) \
    "11: ldr r11, [r0, %[out]]\n" \
    "add r11, r11, r4\n"

#define TILE_FIELD(name) [name] "I" (offsetof(tile_vfp_t, name))
#define TILE_VFP(name, rows, four, last, finish, sums, bytes) \
    static __attribute__((noinline)) void name(const tile_vfp_t *job) { \
        register const tile_vfp_t *at __asm ("r0") = job; \
        __asm volatile ( \
            "ldr r12, [r0, %[bias]]\n" \
            "ldr lr, [r0, %[step]]\n" \
            "ldr r11, [r0, %[out]]\n" \
            "movs r4, #0\n" \
            "lsl r5, lr, #1\n" \
            "cmp r12, #0\n" \
            "beq.w 1f\n" \
            TILE_SPREAD_ROWS_##rows \
            "add r12, r0, %[from]\n" \
            "vstmia r12, {" sums "}\n" \
            "1: ldmia r0, {r1-r3}\n" \
            "cmp r12, #0\n" \
            "beq.w 7f\n" \
            "vldmia r12, {" sums "}\n" \
            "2: add r6, r1, lr\n" \
            "cmp r3, #0\n" \
            "beq.w 4f\n" \
            "3:\n" four \
            "bne.w 3b\n" \
            "4: ldr r3, [r0, %[rest]]\n" \
            "cmp r3, #0\n" \
            "beq.w 6f\n" \
            "5: ldr r7, [r2], #4\n" \
            "add r7, r7, r4\n" \
            last \
            "subs r3, #1\n" \
            "bne.w 5b\n" \
            "6:\n" finish \
            "ldr r10, [r0, %[end]]\n" \
            TILE_PLANES_##rows("stm") \
            "adds r4, #" bytes "\n" \
            "add r11, r11, #" bytes "\n" \
            "cmp r4, r10\n" \
            "blo.w 1b\n" \
            "b.w 8f\n" \
            "7:" TILE_PLANES_##rows("ldm") \
            "b.w 2b\n" \
            "8:\n" \
            : : "r" (at), [bits] "I" (UP_TABLE_BITS), TILE_FIELD(rest), TILE_FIELD(step), TILE_FIELD(end), TILE_FIELD(bias), \
            TILE_FIELD(out), TILE_FIELD(act), TILE_FIELD(slope), TILE_FIELD(middle), TILE_FIELD(plus), TILE_FIELD(from) \
            : TILE_CLOBBERS); \
    }

TILE_VFP(tile_4_vfp, 4, TILE_FOUR_4, TILE_REST_4, TILE_FINISH, "s16-s31", "16")
TILE_VFP(tile_4_dense_vfp, 4, TILE_FOUR_4_DENSE, TILE_REST_4, , "s16-s31", "16")
TILE_VFP(tile_3_vfp, 3, TILE_FOUR_3, TILE_REST_3, , "s8-s31", "32")
TILE_VFP(tile_2_vfp, 2, TILE_FOUR_2, TILE_REST_2, , "s16-s31", "32")
TILE_VFP(tile_1_vfp, 1, TILE_FOUR_1, TILE_REST_1, , "s24-s31", "32")

static inline void tile_vfp(void (*kernel)(const tile_vfp_t *), const up_tile_t *self, size_t n) {
    tile_vfp_t job;
    job.w = self->w;
    job.cols = self->cols;
    job.fours = self->n_cols >> 2;
    job.rest = self->n_cols & 3;
    job.step = 4 * self->step;
    job.end = (uint32_t)(4 * n);
    job.bias = self->bias;
    job.out = self->out;
    job.act = UP_FINISH_LINEAR;
    job.plus = NULL;
    if (self->finish) {
        job.act = self->finish->act;
        job.slope = self->finish->slope;
        job.middle = self->finish->table + (job.act == UP_FINISH_LOOK ? UP_TABLE_SIZE / 2 : 0);
        job.plus = self->plus;
    }
    kernel(&job);
}

// Are activation and plus done in the tile?
static inline bool up_tile_finishes(size_t rows, uint32_t step) {
    return step > 4 && rows % 4 == 0;
}

static inline void up_tile_4_vfp(const up_tile_t *self, size_t n) {
    if (self->step == 4 && !self->finish) {
        tile_vfp(tile_4_dense_vfp, self, n);
    } else {
        tile_vfp(tile_4_vfp, self, n);
    }
}

static inline void up_tile_3_vfp(const up_tile_t *self, size_t n) {
    tile_vfp(tile_3_vfp, self, n);
}

static inline void up_tile_2_vfp(const up_tile_t *self, size_t n) {
    tile_vfp(tile_2_vfp, self, n);
}

static inline void up_tile_1_vfp(const up_tile_t *self, size_t n) {
    tile_vfp(tile_1_vfp, self, n);
}

// Eight sums in s0-s7, eight taps in s8-s15, and the inputs that eight frames need under eight taps in s16-s31:
// two halves that take turns.
#define TILE_TAP(h, a, b, c, d, e, f, g, i) TILE_X4(h, 0, 1, 2, 3, a, b, c, d) TILE_X4(h, 4, 5, 6, 7, e, f, g, i)
#define TILE_EIGHT(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o) \
    TILE_TAP(8, a, b, c, d, e, f, g, h) TILE_TAP(9, b, c, d, e, f, g, h, i) TILE_TAP(10, c, d, e, f, g, h, i, j) \
    TILE_TAP(11, d, e, f, g, h, i, j, k) TILE_TAP(12, e, f, g, h, i, j, k, l) TILE_TAP(13, f, g, h, i, j, k, l, m) \
    TILE_TAP(14, g, h, i, j, k, l, m, n) TILE_TAP(15, h, i, j, k, l, m, n, o)

// 8 taps or a multiple; an odd eighth begins with the loop's second half.
static __attribute__((noinline)) void up_tile_fir_vfp(const float *w, const float *x, float *y, size_t taps) {
    __asm volatile (
        "vldmia %[y], {s0-s7}\n"
        "lsrs %[taps], #4\n" // an odd eighth is the carry
        "bcc 4f\n"
        "vldmia %[x]!, {s24-s31}\n"
        "b.w 2f\n"
        "4: vldmia %[x]!, {s16-s23}\n"
        "1: vldmia %[w]!, {s8-s15}\n"
        "vldmia %[x]!, {s24-s31}\n"
        TILE_EIGHT(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)
        "subs %[taps], #1\n"
        "2: vldmia %[w]!, {s8-s15}\n"
        "vldmia %[x]!, {s16-s23}\n"
        TILE_EIGHT(24, 25, 26, 27, 28, 29, 30, 31, 16, 17, 18, 19, 20, 21, 22)
        "cmp %[taps], #0\n"
        "bne.w 1b\n"
        "vstmia %[y], {s0-s7}\n"
        : [w] "+&r" (w), [x] "+&r" (x), [taps] "+&r" (taps)
        : [y] "r" (y)
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
        "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30",
        "s31", "cc", "memory");
}

#endif
