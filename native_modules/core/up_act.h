// SPDX-License-Identifier: MIT
// Activations, our own, so that every target computes the same value (no libm).
//
// accurate: tanh and sigmoid within 3e-7 (absolute) of the true value.
// fast:     within 2e-5, from a table of values and slopes at equidistant nodes:
//               f(x) ~ v[k] + d[k] * (u - k),  u = x * nodes per unit, k = round(u)
//           v is f at the node plus f'' s^2 / 24 (s: the nodes' distance), which takes out the mean
//           error of the straight line: a recurrent net would add it up.
//           The nodes per unit are powers of two and are folded into the weights by the packer
//           (exact in binary floating point), so the kernels look up u directly.
#ifndef UP_ACT_H
#define UP_ACT_H

#include "up_core.h"

UP_BEGIN_C

enum {
    UP_ACT_LINEAR, UP_ACT_TANH, UP_ACT_SIGMOID, UP_ACT_SOFTSIGN, UP_ACT_RELU, UP_ACT_LEAKY_RELU, UP_ACT_PRELU,
    UP_ACT_HARD_TANH, UP_ACT_LEAKY_HARD_TANH, UP_ACT_SILU, UP_ACT_HARD_SWISH, UP_ACT_RATIONAL_TANH, UP_ACT_ELU,
    UP_ACT_COUNT
};
enum { UP_GATE_NONE, UP_GATE_GATED, UP_GATE_BLENDED, UP_GATE_COUNT };
enum { UP_GRADE_ACCURATE, UP_GRADE_FAST, UP_GRADE_COUNT };

#define UP_TABLE_BITS 10
#define UP_TABLE_SIZE (1 << UP_TABLE_BITS)
#define UP_TANH_NODES 64.0f    // per unit of x: -8 .. 8
#define UP_SIGMOID_NODES 32.0f // per unit of x: -16 .. 16

typedef struct {
    float v, d; // value and slope at the node
} up_node_t;

// The two tables of the fast grade; both NULL in the accurate grade.
typedef struct {
    up_node_t *tanh;    // [UP_TABLE_SIZE], lies in the arena
    up_node_t *sigmoid; // [UP_TABLE_SIZE]
} up_tables_t;

// exp(x) of x >= -87, relative error about 1e-7; x is clamped to 88. Cody-Waite reduction to
// |r| <= ln2/2, a polynomial of degree 6 (minimax, 3e-9), and the power of two put into the exponent.
static inline float up_exp_above(float x) {
    x = x > 88.0f ? 88.0f : x;
    const float magic = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
    float m = up_fma(x, 1.44269504f, magic);
    uint32_t power = (up_bits(m) << 23) + 0x3F800000u; // 2^m: the magic number's own bits leave at the top
    m -= magic;
    float r = up_fma(m, -0.693145752f, x); // ln2 in two parts
    r = up_fma(m, -1.42860677e-6f, r);
    float p = up_fma(r, 1.38145406e-3f, 8.36874545e-3f);
    p = up_fma(p, r, 4.1668389e-2f);
    p = up_fma(p, r, 1.66665211e-1f);
    p = up_fma(p, r, 4.9999994e-1f);
    p = up_fma(p, r, 1.0f);
    p = up_fma(p, r, 1.0f);
    return p * up_from_bits(power);
}

// exp(x); x is clamped to [-87, 88].
static inline float up_exp(float x) {
    return up_exp_above(x < -87.0f ? -87.0f : x);
}

static inline float up_sigmoid(float x) {
    return 1.0f / (1.0f + up_exp(-x));
}

// Coefficients of (tanh(x)/x - 1) / x^2 in x^2 on |x| < 0.625: iteratively reweighted least squares,
// error 4e-9.
#define UP_TANH_P1 -0.333332837f
#define UP_TANH_P2 0.133314908f
#define UP_TANH_P3 -0.0537434965f
#define UP_TANH_P4 0.0206505843f
#define UP_TANH_P5 -0.00571704237f

// |x| < 0.625: odd polynomial, so that quiet signals keep their relative precision;
// elsewhere 1 - 2 / (exp(2|x|) + 1).
static inline float up_tanh(float x) {
    float a = __builtin_fabsf(x);
    float s = x * x;
    float p = up_fma(s, UP_TANH_P5, UP_TANH_P4);
    p = up_fma(p, s, UP_TANH_P3);
    p = up_fma(p, s, UP_TANH_P2);
    p = up_fma(p, s, UP_TANH_P1);
    float small = up_fma(p * s, x, x);
    float big = 1.0f - 2.0f / (up_exp_above(2.0f * a) + 1.0f);
    big = up_from_bits(up_bits(big) | (up_bits(x) & 0x80000000u));
    return a < 0.625f ? small : big;
}

static inline float up_softsign(float x) {
    return x / (1.0f + up_from_bits(up_bits(x) & 0x7fffffffu));
}

// Lambda(x) of NeuralAmpModelerCore's "Fasttanh".
static inline float up_rational_tanh(float x) {
    float a = up_from_bits(up_bits(x) & 0x7fffffffu), x2 = x * x;
    float p = up_fma(up_fma(0.821226666969744f, a, 0.893229853513558f), x2, up_fma(2.45550750702956f, a, 2.45550750702956f));
    float q = up_fma(2.44506634652299f + x2, up_from_bits(up_bits(up_fma(0.814642734961073f * x, a, x)) & 0x7fffffffu), 2.44506634652299f);
    return x * p / q;
}

static inline float up_clamp(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

static inline float up_relu(float x) {
    return x > 0.0f ? x : 0.0f;
}

// Look-up at u (already in nodes), |u| < 2^23. Rounds by adding 2^23 + half the table; saturates at its
// ends. A larger finite u gives one of the two end values, perhaps the wrong one; no sane net comes near.
static inline float up_look(const up_node_t *table, float u) {
    const float magic = 8388608.0f + UP_TABLE_SIZE / 2;
    float m = u + magic;
    float f = u - (m - magic);
    int32_t k = (int32_t)(up_bits(m) - 0x4B000000u);
    #if defined(__ARM_FEATURE_SAT)
    __asm("usat %0, %1, %2" : "=r"(k) : "I"(UP_TABLE_BITS), "r"(k));
    #else
    k = k < 0 ? 0 : k;
    k = k >= UP_TABLE_SIZE ? UP_TABLE_SIZE - 1 : k;
    #endif
    return up_fma(f, table[k].d, table[k].v);
}

// [setup] Fills both tables (the ends are flat, so that the look-up saturates).
void up_tables_fill(up_tables_t *self);

// One activation and its numbers.
typedef struct {
    const float *par;   // [4] leaky ReLU, ELU: slope; leaky hard tanh: low, high, slope below, slope above
    const float *slope; // PReLU: [channels], one a channel; else NULL
    uint8_t kind;       // UP_ACT_
} up_act_t;

// [audio] In place: n_frames, up to UP_CHUNK, of x's planes of UP_CHUNK frames, one a channel. A single plane may
// have more.
void up_act_process(const up_act_t *self, const up_tables_t *tables, float *x, size_t channels, size_t n_frames);

// [audio] In place: the first half of x's planes becomes, gated, f(top) * g(bottom); blended, with w = g(bottom),
// w * f(top) + (1 - w) * top. The rest of x holds anything then.
void up_gate_process(int gate, const up_act_t *f, const up_act_t *g, const up_tables_t *tables, float *x,
    size_t half, size_t n_frames);

UP_END_C

#endif
