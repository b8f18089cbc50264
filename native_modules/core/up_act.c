// SPDX-License-Identifier: MIT
// Activations over blocks, and the tables of the fast grade. See up_act.h.
#include "up_act.h"

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

// expr of x over channels from .. to; where they are the whole frame it is one loop.
#define ACT_EACH(expr) \
    for (size_t t = 0; t < n_frames; t++, at += stride) { \
        for (size_t c = 0; c < width; c++) { float x = at[c]; at[c] = expr; } \
    } \
    break

void up_act_process(const up_act_t *self, const up_tables_t *tables, float *buf, size_t stride, size_t from,
    size_t to, size_t n_frames) {
    const up_node_t *tanh = tables->tanh, *sigmoid = tables->sigmoid;
    const float *par = self->par, *slope = self->slope;
    float *restrict at = buf + from;
    size_t width = to - from;
    if (width == stride && self->kind != UP_ACT_PRELU) {
        width *= n_frames;
        n_frames = 1;
    }
    switch (self->kind) {
        case UP_ACT_TANH:
            if (tanh) {
                ACT_EACH(up_look(tanh, x));
            }
            ACT_EACH(up_tanh(x));
        case UP_ACT_SIGMOID:
            if (sigmoid) {
                ACT_EACH(up_look(sigmoid, x));
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
            ACT_EACH(up_relu(x));
        case UP_ACT_LEAKY_RELU:
            ACT_EACH(x > 0.0f ? x : par[0] * x);
        case UP_ACT_PRELU:
            ACT_EACH(x > 0.0f ? x : slope[c] * x);
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

// The usual pair, without the detour of the general case.
static void gate_tanh_sigmoid(const up_tables_t *tables, float *x, size_t half, size_t n_frames) {
    float *y = x;
    for (size_t t = 0; t < n_frames; t++, x += 2 * half, y += half) {
        for (size_t c = 0; c < half; c++) {
            y[c] = tables->tanh
                ? up_look(tables->tanh, x[c]) * up_look(tables->sigmoid, x[half + c])
                : up_tanh(x[c]) * up_sigmoid(x[half + c]);
        }
    }
}

// What the packer multiplied the rows before an activation by, undone.
static float gate_unit(const up_act_t *f, const up_tables_t *tables) {
    if (!tables->tanh) {
        return 1.0f;
    }
    return f->kind == UP_ACT_TANH ? 1.0f / UP_TANH_NODES : f->kind == UP_ACT_SIGMOID ? 1.0f / UP_SIGMOID_NODES : 1.0f;
}

static void gate_frame(int gate, const float *top, const float *f, const float *w, float *y, size_t half) {
    for (size_t c = 0; c < half; c++) {
        y[c] = gate == UP_GATE_GATED ? f[c] * w[c] : up_fma(w[c], f[c] - top[c], top[c]);
    }
}

void up_gate_process(int gate, const up_act_t *f, const up_act_t *g, const up_tables_t *tables, float *x,
    size_t half, size_t n_frames) {
    if (gate == UP_GATE_GATED && f->kind == UP_ACT_TANH && g->kind == UP_ACT_SIGMOID) {
        gate_tanh_sigmoid(tables, x, half, n_frames);
        return;
    }
    float top[UP_MAX_CHANNELS], unit = gate_unit(f, tables);
    float *y = x;
    for (size_t t = 0; t < n_frames; t++, x += 2 * half, y += half) {
        for (size_t c = 0; c < half; c++) {
            top[c] = x[c] * unit;
        }
        up_act_process(f, tables, x, 2 * half, 0, half, 1);
        up_act_process(g, tables, x, 2 * half, half, 2 * half, 1);
        gate_frame(gate, top, x, x + half, y, half);
    }
}
