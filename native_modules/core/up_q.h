// SPDX-License-Identifier: MIT
// The integer arithmetic of q15 and q7 models (models/SPEC.md, "Integer models"). All of it is exact:
// every target gives the same bits, with or without the DSP instructions of a Cortex-M4, M7 or M33.
#ifndef UP_Q_H
#define UP_Q_H

#include "up_core.h"

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#define UP_DSP 1
#endif

// Two int16 of a signal side by side, the earlier in the low half: read from, and written to, int16 memory.
typedef int32_t __attribute__((may_alias)) up_word_t;

#define UP_QTABLE 1024 // words of an activation's table

// Limited to int16.
static inline int32_t up_sat16(int32_t v) {
    #if defined(UP_DSP)
    __asm ("ssat %0, #16, %1" : "=r" (v) : "r" (v));
    return v;
    #else
    return v < -32768 ? -32768 : v > 32767 ? 32767 : v;
    #endif
}

// Limited to 31 bits, -2^30 .. 2^30 - 1.
static inline int32_t up_sat31(int32_t v) {
    #if defined(UP_DSP)
    __asm ("ssat %0, #31, %1" : "=r" (v) : "r" (v));
    return v;
    #else
    return v < -(1 << 30) ? -(1 << 30) : v >= 1 << 30 ? (1 << 30) - 1 : v;
    #endif
}

// (a * m + 2^31) >> 32: requantise.
static inline int32_t up_rq(int32_t a, int32_t m) {
    #if defined(UP_DSP)
    __asm ("smmulr %0, %1, %2" : "=r" (a) : "r" (a), "r" (m));
    return a;
    #else
    return (int32_t)(((int64_t)a * m + ((int64_t)1 << 31)) >> 32);
    #endif
}

// The product of two q15 numbers, rounded. |a * b| < 2^31 - 2^14.
static inline int32_t up_mul15(int32_t a, int32_t b) {
    return (a * b + (1 << 14)) >> 15;
}

// c + the product of two low or of two high halves.
static inline int32_t up_mac_low(int32_t a, int32_t b, int32_t c) {
    #if defined(UP_DSP)
    __asm ("smlabb %0, %1, %2, %3" : "=r" (a) : "r" (a), "r" (b), "r" (c));
    return a;
    #else
    return (int16_t)a * (int16_t)b + c;
    #endif
}

static inline int32_t up_mac_high(int32_t a, int32_t b, int32_t c) {
    #if defined(UP_DSP)
    __asm ("smlatt %0, %1, %2, %3" : "=r" (a) : "r" (a), "r" (b), "r" (c));
    return a;
    #else
    return (a >> 16) * (b >> 16) + c;
    #endif
}

// Two halves into a word: the low half of `low`, the high half of `high`.
static inline int32_t up_pack(int32_t low, int32_t high) {
    #if defined(UP_DSP)
    __asm ("pkhbt %0, %1, %2" : "=r" (low) : "r" (low), "r" (high));
    return low;
    #else
    return (int32_t)(((uint32_t)high & 0xffff0000u) | (uint16_t)low);
    #endif
}

// A function from its table: 1,024 nodes 64 apart, values and slopes; check() proved that it stays int16.
// `middle`: the table's node of 0.
static inline int32_t up_qlook(const int32_t *middle, int32_t x) {
    int32_t w = middle[x >> 6];
    return (up_mac_low(w, x & 63, 32) + (w >> 10)) >> 6;
}

static inline const int32_t *up_qmiddle(const int32_t *table) {
    return table + UP_QTABLE / 2;
}

// Two int16 added to two, each limited to int16.
static inline int32_t up_add16x2(int32_t a, int32_t b) {
    #if defined(UP_DSP)
    __asm ("qadd16 %0, %1, %2" : "=r" (a) : "r" (a), "r" (b));
    return a;
    #else
    return (int32_t)((uint32_t)up_sat16((a >> 16) + (b >> 16)) << 16 | (uint16_t)up_sat16((int16_t)a + (int16_t)b));
    #endif
}

// Channels from frame to frame of an int16 signal: one, or a multiple of 4, so that frames are words.
static inline size_t up_qstride(size_t channels) {
    return channels == 1 ? 1 : (channels + 3) & ~(size_t)3;
}

static inline size_t up_even(size_t n) {
    return (n + 1) & ~(size_t)1;
}

#endif
