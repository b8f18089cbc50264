// SPDX-License-Identifier: MIT
// The integer arithmetic of q15 and q7 models (models/SPEC.md, "Integer models"). All of it is exact:
// every target gives the same bits, with or without the DSP instructions of a Cortex-M4, M7 or M33.
#ifndef UP_Q_H
#define UP_Q_H

#include "up_core.h"

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#define UP_DSP 1
// A Cortex-M7 starts a load and a multiplication together; it alone of these has double precision.
#if (__ARM_FP & 8) && !defined(__ARM_FEATURE_MVE)
#define UP_DSP_DUAL 1
#endif
#endif

#if defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
#define UP_QAVX2 1
#endif

// Two int16 of a signal side by side, the earlier in the low half: read from, and written to, int16 memory.
typedef int32_t __attribute__((may_alias)) up_word_t;

#define UP_QTABLE 1024 // words of an activation's table
#define UP_QONE 16384 // a sum's factor that stands for 1

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

// c + the product of two low halves, of a low and a high, of two high ones.
static inline int32_t up_mac_low(int32_t a, int32_t b, int32_t c) {
    #if defined(UP_DSP)
    __asm ("smlabb %0, %1, %2, %3" : "=r" (a) : "r" (a), "r" (b), "r" (c));
    return a;
    #else
    return (int16_t)a * (int16_t)b + c;
    #endif
}

static inline int32_t up_mac_cross(int32_t a, int32_t b, int32_t c) {
    #if defined(UP_DSP)
    __asm ("smlabt %0, %1, %2, %3" : "=r" (a) : "r" (a), "r" (b), "r" (c));
    return a;
    #else
    return (int16_t)a * (b >> 16) + c;
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

// Two halves into a word: the low half of `low`, the high half of `high`; or the low halves of both.
static inline int32_t up_pack(int32_t low, int32_t high) {
    #if defined(UP_DSP)
    __asm ("pkhbt %0, %1, %2" : "=r" (low) : "r" (low), "r" (high));
    return low;
    #else
    return (int32_t)(((uint32_t)high & 0xffff0000u) | (uint16_t)low);
    #endif
}

static inline int32_t up_pack_low(int32_t low, int32_t high) {
    #if defined(UP_DSP)
    __asm ("pkhbt %0, %1, %2, lsl #16" : "=r" (low) : "r" (low), "r" (high));
    return low;
    #else
    return (int32_t)((uint32_t)high << 16 | (uint16_t)low);
    #endif
}

// up_pack of low >> shift; a constant shift of 1 or more.
#if defined(UP_DSP)
#define up_pack_down(low, shift, high) __extension__ ({ \
        int32_t packed_; \
        __asm ("pkhtb %0, %1, %2, asr %3" : "=r" (packed_) : "r" (high), "r" (low), "I" (shift)); \
        packed_; \
    })
#else
#define up_pack_down(low, shift, high) up_pack((low) >> (shift), high)
#endif

// A function from its table: 1,024 nodes 64 apart, values and slopes; check() proved that it stays int16.
// `middle`: the table's node of 0.
static inline int32_t up_qlook(const int32_t *middle, int32_t x) {
    int32_t w = middle[x >> 6];
    return (up_mac_low(w, x & 63, 32) + (w >> 10)) >> 6;
}

// up_qlook of both halves of a word, before its last shift of 6.
typedef struct {
    int32_t low, high;
} up_pair_t;

static inline up_pair_t up_qlook64(const int32_t *middle, int32_t v) {
    int32_t a = middle[(int16_t)v >> 6], b = middle[v >> 22], rest = v & 0x003f003f;
    up_pair_t both = { up_mac_low(a, rest, 32) + (a >> 10), up_mac_cross(b, rest, 32) + (b >> 10) };
    return both;
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

// One sample of a sum whose terms have units of their own: a times n's low half and b times its high half, both
// factors 1 to UP_QONE, which stands for 1.
static inline int32_t up_mix16(int32_t a, int32_t b, int32_t n) {
    return up_sat16((a * (int16_t)n + b * (n >> 16) + UP_QONE / 2) >> 14);
}

// The same of two int16 each.
static inline int32_t up_mix16x2(int32_t a, int32_t b, int32_t n) {
    #if defined(UP_DSP)
    int32_t low, high, half = UP_QONE / 2;
    __asm ("pkhbt %0, %1, %2, lsl #16" : "=r" (low) : "r" (a), "r" (b));
    __asm ("pkhtb %0, %1, %2, asr #16" : "=r" (high) : "r" (b), "r" (a));
    __asm ("smlad %0, %1, %2, %3" : "=r" (low) : "r" (low), "r" (n), "r" (half));
    __asm ("smlad %0, %1, %2, %3" : "=r" (high) : "r" (high), "r" (n), "r" (half));
    __asm ("ssat %0, #16, %1, asr #14" : "=r" (low) : "r" (low));
    __asm ("ssat %0, #16, %1, asr #14" : "=r" (high) : "r" (high));
    __asm ("pkhbt %0, %1, %2, lsl #16" : "=r" (low) : "r" (low), "r" (high));
    return low;
    #else
    return (int32_t)((uint32_t)up_mix16(a >> 16, b >> 16, n) << 16 | (uint16_t)up_mix16((int16_t)a, (int16_t)b, n));
    #endif
}

#if defined(UP_QAVX2)
#include "up_q_avx2.h"
#endif

// A signal lies in planes of UP_CHUNK words, a plane two channels of all frames: one plane of a single channel,
// whose high halves are 0, else an even number of them. So any frame and its neighbour are two words in a
// row, whatever the delay of a tap.
static inline size_t up_qplanes(size_t channels) {
    return channels == 1 ? 1 : (channels + 3) / 4 * 2;
}

// Where channel c of frame t is, in int16.
static inline size_t up_qat(size_t c, size_t t) {
    return ((c >> 1) * UP_CHUNK + t) * 2 + (c & 1);
}

// int16 of all rows of a matrix.
static inline size_t up_qrows(size_t rows) {
    return (rows + 3) & ~(size_t)3;
}

static inline void up_qcopy(up_word_t *to, const up_word_t *from, size_t n) {
    #if defined(UP_DSP)
    __asm volatile (
        "subs %2, #8\n blo 2f\n"
        "1: ldmia %1!, {r2-r6, r8, r10, r12}\n stmia %0!, {r2-r6, r8, r10, r12}\n subs %2, #8\n bhs 1b\n"
        "2: lsls %2, #29\n beq 3f\n lsls %2, #1\n" // bit 2 is the carry, bit 1 the sign
        "itt cs\n ldmiacs %1!, {r2-r5}\n stmiacs %0!, {r2-r5}\n"
        "itt mi\n ldmiami %1!, {r2-r3}\n stmiami %0!, {r2-r3}\n"
        "lsls %2, #1\n itt mi\n ldrmi r2, [%1]\n strmi r2, [%0]\n 3:"
        : "+r" (to), "+r" (from), "+r" (n) : : "r2", "r3", "r4", "r5", "r6", "r8", "r10", "r12", "cc", "memory");
    #else
    #if defined(UP_QAVX2)
    for (; n >= 8; n -= 8, to += 8, from += 8) {
        qavx2_store(to, qavx2_load(from));
    }
    #endif
    for (; n; n--) {
        *to++ = *from++;
    }
    #endif
}

// out = a + b, limited: words of two int16.
static inline void up_qadd(const up_word_t *a, const up_word_t *b, up_word_t *out, size_t n) {
    #if defined(UP_DSP)
    for (; n >= 4; n -= 4) {
        __asm volatile ("ldmia %0!, {r2-r5}\n ldmia %1!, {r6, r8, r10, r12}\n"
            "qadd16 r2, r2, r6\n qadd16 r3, r3, r8\n qadd16 r4, r4, r10\n qadd16 r5, r5, r12\n stmia %2!, {r2-r5}"
            : "+r" (a), "+r" (b), "+r" (out) : : "r2", "r3", "r4", "r5", "r6", "r8", "r10", "r12", "memory");
    }
    #elif defined(UP_QAVX2)
    for (; n >= 8; n -= 8, a += 8, b += 8, out += 8) {
        qavx2_store(out, _mm256_adds_epi16(qavx2_load(a), qavx2_load(b)));
    }
    #endif
    for (; n; n--) {
        *out++ = up_add16x2(*a++, *b++);
    }
}

// The same with factors of their own, see up_mix16.
static inline void up_qmix(const up_word_t *a, const up_word_t *b, up_word_t *out, size_t n, int32_t factors) {
    #if defined(UP_QAVX2)
    for (; n >= 8; n -= 8, a += 8, b += 8, out += 8) {
        qavx2_store(out, qavx2_mix(qavx2_load(a), qavx2_load(b), _mm256_set1_epi32(factors)));
    }
    #endif
    for (; n; n--) {
        *out++ = up_mix16x2(*a++, *b++, factors);
    }
}

static inline size_t up_even(size_t n) {
    return (n + 1) & ~(size_t)1;
}

#endif
