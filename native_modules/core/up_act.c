// SPDX-License-Identifier: MIT
// Activations over blocks, and the tables of the fast grade. See up_act.h.
#include "up_act.h"
#include "up_plane.h"

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#include "up_act_vfp.h"
#else
#if defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
#include "up_avx2.h"
#endif

#define ACT_C(name, expr) \
    static void name(float *x, float own, size_t n) { \
        for (; n; n--, x++) { *x = expr; } \
    }
ACT_C(act_leaky, *x > 0.0f ? *x : own * *x)
ACT_C(act_relu, *x > 0.0f ? *x : own)

static void act_look(const up_node_t *table, float *x, size_t n) {
    #if defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
    for (; n >= 8; n -= 8, x += 8) {
        _mm256_storeu_ps(x, avx2_look(table, _mm256_loadu_ps(x)));
    }
    #endif
    for (; n; n--, x++) {
        *x = up_look(table, *x);
    }
}
#endif

static void act_fill(up_node_t *table, float nodes, bool is_tanh) {
    float square = 1.0f / (24.0f * nodes * nodes);
    for (int k = 0; k < UP_TABLE_SIZE; k++) {
        float x = (float)(k - UP_TABLE_SIZE / 2) / nodes;
        float v = is_tanh ? up_tanh(x) : up_sigmoid(x);
        float slope = is_tanh ? up_fma(-v, v, 1.0f) : up_fma(-v, v, v);
        float curve = slope * (is_tanh ? -2.0f * v : up_fma(-2.0f, v, 1.0f));
        table[k].v = up_fma(curve, square, v);
        table[k].d = slope / nodes;
    }
    up_node_t *last = table + UP_TABLE_SIZE - 1;
    table->v = is_tanh ? -1.0f : 0.0f;
    last->v = 1.0f;
    table->d = last->d = 0.0f;
}

void up_tables_fill(up_tables_t *self) {
    if (self->tanh) {
        act_fill(self->tanh, UP_TANH_NODES, true);
    }
    if (self->sigmoid) {
        act_fill(self->sigmoid, UP_SIGMOID_NODES, false);
    }
}

static inline float act_leaky_hard_tanh(float x, const float *par) {
    if (x < par[0]) {
        return up_fma(x - par[0], par[2], par[0]);
    }
    return x > par[1] ? up_fma(x - par[1], par[3], par[1]) : x;
}

// expr of every sample of a plane, where x is what it was.
#define ACT_EACH(expr) \
    for (size_t t = 0; t < n; t++) { float x = at[t]; at[t] = expr; } \
    break

static void act_plane(const up_act_t *self, const up_tables_t *tables, float *restrict at, float slope, size_t n) {
    const up_node_t *tanh = tables->tanh, *sigmoid = tables->sigmoid;
    const float *par = self->par;
    switch (self->kind) {
        case UP_ACT_TANH:
            if (tanh) {
                act_look(tanh, at, n);
                break;
            }
            ACT_EACH(up_tanh(x));
        case UP_ACT_SIGMOID:
            if (sigmoid) {
                act_look(sigmoid, at, n);
                break;
            }
            ACT_EACH(up_sigmoid(x));
        case UP_ACT_SILU:
            if (sigmoid) {
                ACT_EACH(x * up_look(sigmoid, x * UP_SIGMOID_NODES));
            }
            ACT_EACH(x * up_sigmoid(x));
        case UP_ACT_SOFTSIGN:
            ACT_EACH(up_softsign(x));
        case UP_ACT_RELU:
            act_relu(at, 0.0f, n);
            break;
        case UP_ACT_LEAKY_RELU:
        case UP_ACT_PRELU:
            if (slope > 0.0f && slope <= 1.0f) {
                act_leaky(at, slope, n);
                break;
            }
            ACT_EACH(x > 0.0f ? x : slope * x);
        case UP_ACT_HARD_TANH:
            ACT_EACH(up_clamp(x, -1.0f, 1.0f));
        case UP_ACT_LEAKY_HARD_TANH:
            ACT_EACH(act_leaky_hard_tanh(x, par));
        case UP_ACT_HARD_SWISH:
            ACT_EACH(x * up_clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f));
        case UP_ACT_RATIONAL_TANH:
            ACT_EACH(up_rational_tanh(x));
        case UP_ACT_ELU:
            ACT_EACH(x > 0.0f ? x : par[0] * (up_exp(x) - 1.0f));
        default:
            break;
    }
}

void up_act_process(const up_act_t *self, const up_tables_t *tables, float *x, size_t channels, size_t n_frames) {
    if (self->kind == UP_ACT_PRELU) {
        for (size_t c = 0; c < channels; c++, x += UP_CHUNK) {
            act_plane(self, tables, x, self->slope[c], n_frames);
        }
        return;
    }
    UP_PLANES(channels, n_frames, act_plane(self, tables, x + at, *self->par, frames));
}

// What the packer multiplied the rows before an activation by, undone.
static float gate_unit(const up_act_t *f, const up_tables_t *tables) {
    if (!tables->tanh) {
        return 1.0f;
    }
    return f->kind == UP_ACT_TANH ? 1.0f / UP_TANH_NODES : f->kind == UP_ACT_SIGMOID ? 1.0f / UP_SIGMOID_NODES : 1.0f;
}

// w * f(top) + (1 - w) * top of a channel; x is top and becomes the result.
static void gate_blend(const up_act_t *f, const up_tables_t *tables, float *x, float slope, const float *w, size_t n) {
    float top[UP_CHUNK], unit = gate_unit(f, tables);
    for (size_t t = 0; t < n; t++) {
        top[t] = x[t] * unit;
    }
    act_plane(f, tables, x, slope, n);
    for (size_t t = 0; t < n; t++) {
        x[t] = up_fma(w[t], x[t] - top[t], top[t]);
    }
}

void up_gate_process(int gate, const up_act_t *f, const up_act_t *g, const up_tables_t *tables, float *x,
    size_t half, size_t n_frames) {
    float *w = x + half * UP_CHUNK;
    up_act_process(g, tables, w, half, n_frames);
    if (gate == UP_GATE_GATED) {
        up_act_process(f, tables, x, half, n_frames);
        UP_PLANES(half, n_frames, up_plane_multiply(x + at, w + at, x + at, frames));
        return;
    }
    for (size_t c = 0; c < half; c++, x += UP_CHUNK, w += UP_CHUNK) {
        gate_blend(f, tables, x, f->kind == UP_ACT_PRELU ? f->slope[c] : *f->par, w, n_frames);
    }
}
