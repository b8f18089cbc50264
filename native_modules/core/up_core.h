// SPDX-License-Identifier: MIT
// What every kernel shares: errors, the exact multiply-add, and the arena.
#ifndef UP_CORE_H
#define UP_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The headers are valid C++ too (libDaisy, Teensy, Arduino); the sources are C.
#ifdef __cplusplus
#define UP_BEGIN_C extern "C" {
#define UP_END_C }
#define UP_RESTRICT __restrict
#else
#define UP_BEGIN_C
#define UP_END_C
#define UP_RESTRICT restrict
#endif

UP_BEGIN_C

// Everything that can be wrong with a model file or its memory. One list: code, name, text.
#define UP_ERRORS(X) \
    X(-1, TRUNCATED, "file is shorter than it says") \
    X(-2, MAGIC, "not a .upm file: wrong magic") \
    X(-3, VERSION, "format version is newer than this reader") \
    X(-4, SIZE, "size field disagrees with the file's size") \
    X(-5, CRC, "CRC-32 mismatch: file is damaged") \
    X(-6, HEADER, "header field out of range") \
    X(-7, RESERVED, "reserved field is not zero") \
    X(-8, SECTION, "section outside the file, misaligned, twice or missing") \
    X(-9, REQUIRED, "unknown required section") \
    X(-10, LAYER, "layer field out of range or unknown op") \
    X(-11, SLOT, "layer reads a slot that nothing wrote, or channels disagree") \
    X(-12, WEIGHTS, "weight range disagrees with the layer's size") \
    X(-13, FINITE, "weight is not finite") \
    X(-14, ARITHMETIC, "arithmetic not supported by this build") \
    X(-15, ALIGN, "file is not 16-byte aligned in memory") \
    X(-16, TOO_BIG, "model needs more memory than the format allows") \
    X(-17, ARENA, "arena is smaller than arena_size()") \
    X(-18, OVERFLOW, "a row's sum could overflow 32 bits, or its multiplier is negative") \
    X(-19, TABLE, "table leaves its range, or lies outside the weights") \
    X(-20, UNITS, "units of an input are not above 0 and at most 2^24") \
    X(-21, CUT, "cut is not between two layers of the model, or a block has no frame or over 4096")

#define UP_ERROR_ENUM(code, name, text) UP_E_##name = code,
enum { UP_OK = 0, UP_ERRORS(UP_ERROR_ENUM) };

// r = a * b + c, rounded once where the target has a fused multiply-add. Every product that is
// summed goes through here and compilers may not contract anything else (-ffp-contract=off), so
// all targets with FMA give the same bits; the others differ by single roundings.
static inline float up_fma(float a, float b, float c) {
    #if defined(__ARM_FEATURE_FMA) || defined(__FMA__) || defined(__aarch64__) || defined(__riscv_flen)
    return __builtin_fmaf(a, b, c);
    #else
    return a * b + c;
    #endif
}

static inline uint32_t up_bits(float x) {
    union { float f; uint32_t u; } v = { x };
    return v.u;
}

static inline float up_from_bits(uint32_t u) {
    union { uint32_t u; float f; } v = { u };
    return v.f;
}

static inline bool up_is_finite(float x) {
    return (up_bits(x) & 0x7f800000u) != 0x7f800000u;
}

// A state that overflowed must not stay for ever: all of it back to 0 if one value is not finite.
static inline void up_heal(float *state, size_t n) {
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite &= up_is_finite(state[i]);
    }
    for (size_t i = 0; !finite && i < n; i++) {
        state[i] = 0.0f;
    }
}

// A bump allocator over the caller's memory. With base == NULL it only measures: the same layout
// code then answers "how much?".
typedef struct {
    uint8_t *base; // 16-byte aligned, or NULL to measure; not owned
    size_t size;   // bytes at base
    size_t used;   // bytes asked for so far; grows past size when memory runs out
} up_arena_t;

#define UP_MAX_CHANNELS 256
#define UP_SLOTS 16 // signals between layers
#define UP_CHUNK 32 // frames a model runs at a time; longer blocks are cut
#define UP_MAX_KNOB 1048576.0f // of a knob's magnitude: sums with it stay finite
#define UP_MAX_ARENA ((size_t)64 << 20) // no model needs more; keeps every sum far from overflow

// [setup] Returns 16-byte aligned memory, or NULL when measuring or full.
static inline void *up_arena_take(up_arena_t *self, size_t bytes) {
    size_t at = self->used;
    if (at > UP_MAX_ARENA || bytes > UP_MAX_ARENA) {
        self->used = UP_MAX_ARENA + 1;
        return NULL;
    }
    self->used = (at + bytes + 15) & ~(size_t)15;
    return self->base && self->used <= self->size ? self->base + at : NULL;
}

UP_END_C

#endif
