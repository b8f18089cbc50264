// SPDX-License-Identifier: MIT
// The gates of a GRU of one input, fast grade, for cores with a single-precision VFP and FMA.
// Included by up_gru.c only. Same operations in the same order as gru_cells, so same bits.
#ifndef UP_GRU_VFP_H
#define UP_GRU_VFP_H

// f32 registers in, out: table index and fraction. Rounds by the magic number (see up_look).
#define GRU_INDEX(reg) "sub " reg ", " reg ", #0x4B000000\n" "usat " reg ", #10, " reg "\n"

// h moves on by one frame; returns y + head . h.
static inline float gru_cells_vfp(const up_gru_t *self, float x, const float *head, float y) {
    const float *ar = self->acc, *az = ar + self->hidden, *an = ar + up_rows_padded(2 * self->hidden);
    const float *cell = self->cell;
    float *h = self->v + 1;
    size_t n = self->hidden;
    uint32_t i, j;
    __asm volatile (
        "1: vldmia %[ar]!, {s0}\n"
        "vldmia %[az]!, {s1}\n"
        "vadd.f32 s4, s0, %[magic]\n"
        "vadd.f32 s5, s1, %[magic]\n"
        "vldmia %[cell]!, {s2, s3}\n" // b_in, W_n
        "vmov %[i], %[j], s4, s5\n"
        "vsub.f32 s4, s4, %[magic]\n"
        "vsub.f32 s5, s5, %[magic]\n"
        GRU_INDEX("%[i]")
        GRU_INDEX("%[j]")
        "add %[i], %[sigmoid], %[i], lsl #3\n"
        "vsub.f32 s0, s0, s4\n"
        "add %[j], %[sigmoid], %[j], lsl #3\n"
        "vsub.f32 s1, s1, s5\n"
        "vldmia %[i], {s4, s5}\n"
        "vldmia %[j], {s6, s7}\n"
        "vfma.f32 s2, s3, %[x]\n"
        "vldmia %[an]!, {s3}\n"
        "vfma.f32 s4, s0, s5\n"  // r
        "vfma.f32 s6, s1, s7\n"  // z
        "vfma.f32 s2, s4, s3\n"
        "vadd.f32 s3, s2, %[magic]\n"
        "vldr s1, [%[h]]\n"
        "vmov %[i], s3\n"
        "vsub.f32 s3, s3, %[magic]\n"
        GRU_INDEX("%[i]")
        "add %[i], %[tanh], %[i], lsl #3\n"
        "vsub.f32 s2, s2, s3\n"
        "vldmia %[i], {s4, s5}\n"
        "vldmia %[head]!, {s0}\n"
        "vfma.f32 s4, s2, s5\n"  // n
        "vsub.f32 s1, s1, s4\n"
        "vfma.f32 s4, s6, s1\n"  // h
        "vstmia %[h]!, {s4}\n"
        "vfma.f32 %[y], s0, s4\n"
        "subs %[n], #1\n"
        "bne 1b\n"
        : [ar] "+&r" (ar), [az] "+&r" (az), [an] "+&r" (an), [cell] "+&r" (cell), [h] "+&r" (h), [head] "+&r" (head),
        [n] "+&r" (n), [i] "=&r" (i), [j] "=&r" (j), [y] "+&t" (y)
        : [sigmoid] "r" (self->tables.sigmoid), [tanh] "r" (self->tables.tanh), [x] "t" (x),
        [magic] "t" (8388608.0f + UP_TABLE_SIZE / 2)
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "cc", "memory");
    return y;
}

#endif
