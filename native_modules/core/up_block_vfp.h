// SPDX-License-Identifier: MIT
// A layer of a WaveNet of 2 to 4 channels in one go, a tile at a time, for cores with a single-precision VFP and FMA:
// convolution, activation, what is added to it on its way to the heads, and the dense layer behind it with its
// residual. The same sums in the same order as the layers one by one. Included by up_conv1d.c only.
//
// r0 what follows, r4 bytes of frames done, r11 planes, the rest as in up_tile_vfp.h.
#ifndef UP_BLOCK_VFP_H
#define UP_BLOCK_VFP_H

#include "up_look_vfp.h"

typedef struct {
    const float *w;
    const float *const *cols;
    uint32_t fours, rest, end; // end: bytes of frames to do
    uint32_t act;              // UP_FINISH_
    float slope;
    const up_node_t *middle;   // node of 0 of the activation's table
    const float *bias, *mix_bias;
    const float *sum;          // planes to be added, or NULL
    float *to;                 // activated, and sum added
    const float *mix;          // dense layer's columns, or NULL
    const float *plus;         // planes to be added to it, or NULL
    float *out;                // its planes
    float from[24], mix_from[24], y[24]; // biases as a tile has its sums; the dense layer's input
} block_vfp_t;

#define BLOCK_FOUR_4 TILE_FOUR_4_DENSE
#define BLOCK_FOUR_3 TILE_FOUR_3
#define BLOCK_FOUR_2 TILE_FOUR_2
#define BLOCK_REST_4 "vldmia r1!, {s0-s3}\n" "vldmia r7, {s8-s11}\n" TILE_4X4(0, 1, 2, 3, 8, 9, 10, 11, )
#define BLOCK_REST_3 TILE_REST_3
#define BLOCK_REST_2 TILE_REST_2

// The dense layer: its input is at r11, its columns at r1.
#define BLOCK_TWO_4 "vldmia r1!, {s0-s7}\n" "vldmia r11!, {s8-s15}\n" TILE_4X4(0, 1, 2, 3, 8, 9, 10, 11, ) TILE_4X4(4, 5, 6, 7, 12, 13, 14, 15, )
#define BLOCK_ONE_3 "vldmia r1!, {s0-s3}\n" TILE_3X8("r11", ) "adds r11, #16\n"
#define BLOCK_MIX_4 BLOCK_TWO_4 BLOCK_TWO_4
#define BLOCK_MIX_3 BLOCK_ONE_3 BLOCK_ONE_3 BLOCK_ONE_3
#define BLOCK_MIX_2 "vldmia r1, {s0-s7}\n" "vldmia r11!, {s8-s15}\n" TILE_2X8(0, 1) "vldmia r11, {s8-s15}\n" TILE_2X8(4, 5)

#define BLOCK_ADD_8(x, a, b, c, d, e, f, g, h) x(0, a) x(1, b) x(2, c) x(3, d) x(4, e) x(5, f) x(6, g) x(7, h)
// Planes at r11 + sums to planes at r12; planes at r11 added to the sums.
#define BLOCK_SUM_2 TILE_ROWS_AT_2("ldm", "s0-s7", "s8-s15") TILE_ADD_16(TILE_TO_LOW) "mov r11, r12\n" TILE_ROWS_AT_2("stm", "s0-s7", "s8-s15")
#define BLOCK_PLUS_2 TILE_ROWS_AT_2("ldm", "s0-s7", "s8-s15") TILE_ADD_16(TILE_TO_HIGH)
#define BLOCK_SUM_4 \
    TILE_ROWS_AT_4("ldm", "s0-s3", "s4-s7", "s8-s11", "s12-s15") TILE_ADD_16(TILE_TO_LOW) "mov r11, r12\n" \
    TILE_ROWS_AT_4("stm", "s0-s3", "s4-s7", "s8-s11", "s12-s15")
#define BLOCK_PLUS_4 TILE_ROWS_AT_4("ldm", "s0-s3", "s4-s7", "s8-s11", "s12-s15") TILE_ADD_16(TILE_TO_HIGH)
#define BLOCK_ROW_3(x, at, to, ...) "vldmia " at ", {s0-s7}\n" BLOCK_ADD_8(x, __VA_ARGS__) to
#define BLOCK_ROWS_3(x, to_a, to_b, to_c) \
    "add r7, r11, #128\n" "add r8, r11, #256\n" \
    BLOCK_ROW_3(x, "r11", to_a, 8, 9, 10, 11, 12, 13, 14, 15) BLOCK_ROW_3(x, "r7", to_b, 16, 17, 18, 19, 20, 21, 22, 23) \
    BLOCK_ROW_3(x, "r8", to_c, 24, 25, 26, 27, 28, 29, 30, 31)
#define BLOCK_SUM_3 \
    "add r9, r12, #128\n" "add r10, r12, #256\n" \
    BLOCK_ROWS_3(TILE_TO_LOW, "vstmia r12, {s0-s7}\n", "vstmia r9, {s0-s7}\n", "vstmia r10, {s0-s7}\n")
#define BLOCK_PLUS_3 BLOCK_ROWS_3(TILE_TO_HIGH, , , )

#define BLOCK_FIELD(name) [name] "I" (offsetof(block_vfp_t, name))
#define BLOCK_VFP(name, rows, sums, count, bytes) \
    static __attribute__((noinline)) void name(const block_vfp_t *job) { \
        register const block_vfp_t *at __asm ("r0") = job; \
        __asm volatile ( \
            "ldr r12, [r0, %[mix_bias]]\n" \
            TILE_SPREAD_ROWS_##rows \
            "add r12, r0, %[mix_from]\n" \
            "vstmia r12, {" sums "}\n" \
            "ldr r12, [r0, %[bias]]\n" \
            TILE_SPREAD_ROWS_##rows \
            "add r12, r0, %[from]\n" \
            "vstmia r12, {" sums "}\n" \
            "movs r4, #0\n" \
            "1: ldmia r0, {r1-r3}\n" \
            "add r12, r0, %[from]\n" \
            "vldmia r12, {" sums "}\n" \
            "cmp r3, #0\n" \
            "beq.w 4f\n" \
            "3:\n" BLOCK_FOUR_##rows \
            "bne.w 3b\n" \
            "4: ldr r3, [r0, %[rest]]\n" \
            "cmp r3, #0\n" \
            "beq.w 6f\n" \
            "5: ldr r7, [r2], #4\n" \
            "add r7, r7, r4\n" \
            BLOCK_REST_##rows \
            "subs r3, #1\n" \
            "bne.w 5b\n" \
            "6: ldr r3, [r0, %[act]]\n" \
            "cmp r3, #1\n" \
            "blo.w 8f\n" \
            "bhi.w 7f\n" \
            "vldr s0, [r0, %[slope]]\n" \
            LEAKY_##count \
            "b.w 8f\n" \
            "7: ldr r11, [r0, %[middle]]\n" \
            LOOK_##count \
            "8: ldr r12, [r0, %[to]]\n" \
            "ldr r11, [r0, %[sum]]\n" \
            "add r12, r12, r4\n" \
            "cmp r11, #0\n" \
            "beq.w 9f\n" \
            "add r11, r11, r4\n" \
            BLOCK_SUM_##rows \
            "b.w 10f\n" \
            "9: mov r11, r12\n" \
            TILE_PLANES_##rows("stm") \
            "10: ldr r1, [r0, %[mix]]\n" \
            "cmp r1, #0\n" \
            "beq.w 12f\n" \
            "add r11, r0, %[y]\n" \
            "add r12, r0, %[mix_from]\n" \
            "vstmia r11, {" sums "}\n" \
            "vldmia r12, {" sums "}\n" \
            BLOCK_MIX_##rows \
            "ldr r11, [r0, %[plus]]\n" \
            "cmp r11, #0\n" \
            "beq.w 11f\n" \
            "add r11, r11, r4\n" \
            BLOCK_PLUS_##rows \
            "11: ldr r11, [r0, %[out]]\n" \
            "add r11, r11, r4\n" \
            TILE_PLANES_##rows("stm") \
            "12: ldr r3, [r0, %[end]]\n" \
            "adds r4, #" bytes "\n" \
            "cmp r4, r3\n" \
            "blo.w 1b\n" \
            : : "r" (at), [bits] "I" (UP_TABLE_BITS), BLOCK_FIELD(rest), BLOCK_FIELD(end), BLOCK_FIELD(act), BLOCK_FIELD(slope), \
            BLOCK_FIELD(middle), BLOCK_FIELD(bias), BLOCK_FIELD(mix_bias), BLOCK_FIELD(sum), BLOCK_FIELD(to), BLOCK_FIELD(mix), \
            BLOCK_FIELD(plus), BLOCK_FIELD(out), BLOCK_FIELD(from), BLOCK_FIELD(mix_from), BLOCK_FIELD(y) \
            : TILE_CLOBBERS); \
    }

BLOCK_VFP(block_2_vfp, 2, "s16-s31", 16, "32")
BLOCK_VFP(block_3_vfp, 3, "s8-s31", 24, "32")
BLOCK_VFP(block_4_vfp, 4, "s16-s31", 16, "16")

static inline void block_vfp(const up_conv1d_t *self, const up_block_t *block, const float *const *table, size_t n_cols, size_t n) {
    const up_finish_t *finish = &block->finish;
    block_vfp_t job;
    job.w = self->weight + 4;
    job.cols = table;
    job.fours = (uint32_t)(n_cols >> 2);
    job.rest = n_cols & 3;
    job.end = (uint32_t)(4 * n);
    job.act = finish->act;
    job.slope = finish->slope;
    job.middle = finish->table + (job.act == UP_FINISH_LOOK ? UP_TABLE_SIZE / 2 : 0);
    job.bias = self->weight;
    job.mix_bias = block->mix ? block->mix : self->weight; // any, where there is none
    job.sum = block->sum;
    job.to = block->to;
    job.mix = block->mix ? block->mix + 4 : NULL;
    job.plus = finish->plus;
    job.out = block->out;
    if (self->out == 2) {
        block_2_vfp(&job);
    } else if (self->out == 3) {
        block_3_vfp(&job);
    } else {
        block_4_vfp(&job);
    }
}

#endif
