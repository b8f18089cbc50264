// SPDX-License-Identifier: MIT
// Activations over blocks, and the tables of the fast grade. See up_act.h.
#include "up_act.h"

static void act_fill(up_node_t *table, float nodes, bool is_tanh) {
    for (int k = 0; k < UP_TABLE_SIZE; k++) {
        float x = (float)(k - UP_TABLE_SIZE / 2) / nodes;
        float v = is_tanh ? up_tanh(x) : up_sigmoid(x);
        float slope = is_tanh ? up_fma(-v, v, 1.0f) : up_fma(-v, v, v);
        table[k].v = v;
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

static void act_gated(const up_tables_t *tables, float *x, size_t channels, size_t n_frames) {
    size_t half = channels / 2;
    float *y = x;
    for (size_t t = 0; t < n_frames; t++, x += channels, y += half) {
        for (size_t c = 0; c < half; c++) {
            y[c] = tables->tanh
                ? up_look(tables->tanh, x[c]) * up_look(tables->sigmoid, x[half + c])
                : up_tanh(x[c]) * up_sigmoid(x[half + c]);
        }
    }
}

#define ACT_EACH(expr) for (size_t i = 0; i < n; i++) { x[i] = expr; } break

void up_act_process(int act, const up_tables_t *tables, float *x, size_t channels, size_t n_frames) {
    size_t n = channels * n_frames;
    const up_node_t *tanh = tables->tanh, *sigmoid = tables->sigmoid;
    switch (act) {
        case UP_ACT_TANH:
            if (tanh) {
                ACT_EACH(up_look(tanh, x[i]));
            }
            ACT_EACH(up_tanh(x[i]));
        case UP_ACT_SIGMOID:
            if (sigmoid) {
                ACT_EACH(up_look(sigmoid, x[i]));
            }
            ACT_EACH(up_sigmoid(x[i]));
        case UP_ACT_SOFTSIGN:
            ACT_EACH(up_softsign(x[i]));
        case UP_ACT_RELU:
            ACT_EACH(up_relu(x[i]));
        case UP_ACT_GATED:
            act_gated(tables, x, channels, n_frames);
            break;
        default:
            break;
    }
}
