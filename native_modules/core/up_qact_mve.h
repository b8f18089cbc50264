// SPDX-License-Identifier: MIT
// Activations of integers on cores with Helium (Cortex-M55, M85): four words, that is two channels of four frames,
// at a time. Same bits as the C version. Included by up_qact.c only.
#ifndef UP_QACT_MVE_H
#define UP_QACT_MVE_H

#include <arm_mve.h>

// Nodes of a table and what is between them: see up_qlook.
static inline int32x4_t qmve_between(const int32_t *table, uint32x4_t node, int32x4_t rest) {
    int32x4_t w = vldrwq_gather_shifted_offset_s32(table, node);
    int32x4_t part = vmullbq_int_s16(vreinterpretq_s16_s32(w), vreinterpretq_s16_s32(rest));
    return vrshrq_n_s32(vaddq_s32(part, vshrq_n_s32(w, 10)), 6);
}

static inline void qmve_look2(const int32_t *table, int32_t *x) {
    int32x4_t v = vldrwq_s32(x), rest = vandq_s32(v, vdupq_n_s32(0x003f003f));
    uint32x4_t node = vreinterpretq_u32_s32(veorq_s32(v, vdupq_n_s32((int32_t)0x80008000))); // 64 times, from 0 on
    int32x4_t low = qmve_between(table, vshrq_n_u32(vshlq_n_u32(node, 16), 22), rest);
    int32x4_t high = qmve_between(table, vshrq_n_u32(node, 22), vshrq_n_s32(rest, 16));
    vstrwq_s32(x, vsliq_n_s32(low, high, 16));
}

// VQRDMULH rounds as up_mul15 does.
static inline void qmve_slope2(int32_t slopes, int16_t *x) {
    int16x8_t v = vldrhq_s16(x), y = vqrdmulhq_s16(v, vreinterpretq_s16_s32(vdupq_n_s32(slopes)));
    vstrhq_s16(x, vpselq_s16(y, v, vcmpltq_n_s16(v, 0)));
}

#endif
