// SPDX-License-Identifier: MIT
// The checks of an integer model's records, tables and matrices (models/SPEC.md, "Integer models"): after
// them no sum overflows, whatever is played.
#include "up_qmodel.h"

#include "up_model.h"

enum { QFILE_TABLE_BYTES = UP_QTABLE * 4 };

typedef struct {
    const uint8_t *r, *weights;
    size_t weights_size;
    uint32_t op, act, src, src2, dst, plus, in, out, taps, dilation, side, offset, bytes, gate, gate_act, flags;
    int32_t n[8];
    bool q7;
} qfile_t;

static uint32_t qfile_u16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t qfile_u32(const uint8_t *p) {
    return qfile_u16(p) | qfile_u16(p + 2) << 16;
}

static qfile_t qfile_record(const uint8_t *r, const uint8_t *weights, size_t weights_size, bool q7) {
    qfile_t l = {
        .r = r, .weights = weights, .weights_size = weights_size, .op = r[0], .act = r[1], .src = r[2], .src2 = r[3],
        .dst = r[4], .plus = r[5], .in = qfile_u16(r + 6), .out = qfile_u16(r + 8), .taps = qfile_u16(r + 10),
        .dilation = qfile_u16(r + 12), .side = qfile_u16(r + 14), .offset = qfile_u32(r + 16), .bytes = qfile_u32(r + 20),
        .gate = r[28], .gate_act = r[29], .flags = qfile_u16(r + 30), .q7 = q7,
    };
    for (int i = 0; i < 8; i++) {
        l.n[i] = (int32_t)qfile_u32(r + 32 + 4 * i);
    }
    return l;
}

// ---- fields ----------------------------------------------------------------------------------

static bool qfile_factor_ok(int32_t n) {
    return n >= 1 && n <= UP_QONE;
}

static bool qfile_conv_ok(const qfile_t *l) {
    if (l->taps < 1 || l->dilation < 1 || (l->gate && l->out > UP_MAX_CHANNELS / 2) || l->dst == l->src
        || (uint64_t)(l->taps - 1) * l->dilation * l->in > UP_MAX_ARENA / 16 || (l->side && l->dst == l->src2)
        || l->plus == l->dst + 1) {
        return false;
    }
    if (l->flags & UP_QFLAG_WIDE && (l->out != 1 || l->act || l->gate || l->plus)) {
        return false;
    }
    int64_t shift = (int64_t)l->n[3] + 8 - l->n[2];
    if (!l->q7 && (l->plus ? !qfile_factor_ok(l->n[2]) : l->n[2])) {
        return false;
    }
    bool bits = l->n[2] == 1 || l->n[2] == 2 || l->n[2] == 4 || l->n[2] == 8;
    return !l->q7 || (l->taps <= 9 && !l->side && !l->gate && !l->plus && (l->act == UP_ACT_LINEAR || l->act == UP_ACT_RELU) && bits
                      && shift >= -15 && shift <= 15);
}

static int64_t qfile_abs(int32_t v) {
    return v < 0 ? -(int64_t)v : v;
}

static bool qfile_dither_ok(const qfile_t *l) {
    const int32_t *n = l->n;
    bool filter = n[2] >= 0 && n[2] <= UP_DITHER_MOST_B && qfile_abs(n[3]) + qfile_abs(n[4]) <= UP_DITHER_MOST_A;
    return l->in == 1 && n[0] >= 0 && n[0] < UP_DITHER_COUNT && filter && n[5] >= 0 && n[5] <= UP_DITHER_MOST_GAIN
           && l->dst != l->src;
}

// How many of n0.. the op uses; the rest must be 0.
static int qfile_numbers(const qfile_t *l) {
    switch (l->op) {
        case UP_OP_CONV1D: return l->q7 ? 4 : 3;
        case UP_OP_LSTM: return 4;
        case UP_OP_EMPHASIS:
        case UP_OP_ACTIVATION: return 1;
        case UP_OP_DITHER: return 6;
        default: return 2;
    }
}

static bool qfile_op_ok(const qfile_t *l) {
    bool coef = l->n[0] > -32768 && l->n[0] < 32768;
    switch (l->op) {
        case UP_OP_CONV1D: return qfile_conv_ok(l);
        case UP_OP_GRU: return !l->q7 && l->dst != l->src;
        case UP_OP_LSTM: return !l->q7 && l->dst != l->src && l->n[3] >= 0 && l->n[3] <= 8;
        case UP_OP_EMPHASIS: return l->in == l->out && coef;
        case UP_OP_DEEMPHASIS: return l->in == 1 && l->out == 1 && coef && l->n[1] >= 0 && l->n[1] <= 15;
        case UP_OP_FILM:
            return l->in == l->out && l->dst != l->src2 && (l->side == l->in || l->side == 2 * l->in) && l->n[0] >= 0 && l->n[1] >= 0;
        case UP_OP_DITHER: return qfile_dither_ok(l);
        case UP_OP_ADD: return l->in == l->out && qfile_factor_ok(l->n[0]) && qfile_factor_ok(l->n[1]);
        default: return l->in == l->out;
    }
}

static bool qfile_fields_ok(const qfile_t *l) {
    bool conv = l->op == UP_OP_CONV1D, film = l->op == UP_OP_FILM, add = l->op == UP_OP_ADD;
    float scale = up_from_bits(qfile_u32(l->r + 24));
    if (l->op < 1 || l->op >= UP_OP_COUNT || l->in < 1 || l->in > UP_MAX_CHANNELS || l->out < 1 || l->out > UP_MAX_CHANNELS
        || l->side > UP_MAX_CHANNELS || l->act >= UP_ACT_COUNT || l->gate_act >= UP_ACT_COUNT || l->gate >= UP_GATE_COUNT
        || l->src >= UP_SLOTS || l->src2 >= UP_SLOTS || l->dst >= UP_SLOTS || l->dst == 0 || l->plus > UP_SLOTS
        || l->flags & ~(uint32_t)UP_QFLAG_WIDE || !up_is_finite(scale) || scale <= 0.0f) {
        return false;
    }
    if (!conv && (l->taps || l->dilation || l->plus || l->gate || l->flags || (l->side && !film) || (l->act && l->op != UP_OP_ACTIVATION))) {
        return false;
    }
    if ((l->gate_act && !l->gate) || (l->src2 && !add && !film && !l->side)) {
        return false;
    }
    for (int i = qfile_numbers(l); i < 8; i++) {
        if (l->n[i]) {
            return false;
        }
    }
    return qfile_op_ok(l);
}

// ---- slots -----------------------------------------------------------------------------------

static bool qfile_reads(const up_qslots_t *slots, uint32_t slot, uint32_t channels) {
    return slots->channels[slot] == channels && (slots->kind[slot] == UP_QKIND_S16 || slots->kind[slot] == UP_QKIND_S8);
}

static bool qfile_slots_ok(const qfile_t *l, up_qslots_t *slots) {
    bool deemphasis = l->op == UP_OP_DEEMPHASIS, wide = deemphasis || l->flags & UP_QFLAG_WIDE;
    bool narrow = l->op == UP_OP_DITHER || (l->op == UP_OP_CONV1D && l->q7);
    if (slots->ended && !deemphasis) {
        return false;
    }
    if (deemphasis ? slots->channels[l->src] != 1 || !slots->kind[l->src] : !qfile_reads(slots, l->src, l->in)) {
        return false;
    }
    if (l->op == UP_OP_CONV1D && l->q7 && slots->kind[l->src] != UP_QKIND_S8) {
        return false;
    }
    bool second = l->side || l->op == UP_OP_FILM;
    if ((second && !qfile_reads(slots, l->src2, l->side)) || (l->plus && !qfile_reads(slots, l->plus - 1, l->out))) {
        return false;
    }
    if (l->op == UP_OP_ADD && (slots->channels[l->src2] < l->in || !qfile_reads(slots, l->src2, slots->channels[l->src2]))) {
        return false;
    }
    slots->channels[l->dst] = (uint16_t)l->out;
    slots->kind[l->dst] = wide ? UP_QKIND_WIDE : narrow ? UP_QKIND_S8 : UP_QKIND_S16;
    slots->ended |= wide;
    return true;
}

// ---- weights ---------------------------------------------------------------------------------

static bool qfile_row_ok(int32_t bias, const int32_t *w, size_t pairs, size_t step, int32_t mult, bool wide) {
    int64_t sum = qfile_abs(bias);
    for (; pairs; pairs--, w += step) {
        sum += (qfile_abs((int16_t)*w) + qfile_abs(*w >> 16)) * 32768;
    }
    return sum <= INT32_MAX && (mult >= 0 || wide);
}

static bool qfile_matrix_ok(const int32_t *w, size_t rows, size_t pairs, bool wide) {
    size_t group = rows == 1 ? 1 : 4, words = group * (pairs + 2);
    for (size_t r = 0; r < rows; r += group, w += words) {
        for (size_t k = 0; k < group; k++) {
            if (!qfile_row_ok(w[k], w + group + k, pairs, group, w[group + pairs * group + k], wide)) {
                return false;
            }
        }
    }
    return true;
}

// Columns of a convolution that only pad weigh nothing: what a signal has there is anything.
static bool qfile_pads_ok(const qfile_t *l, const int32_t *w) {
    size_t rows = l->gate ? 2 * l->out : l->out, group = rows == 1 ? 1 : 4, tap = up_qconv1d_tap(l->in) / 2;
    size_t pairs = up_qconv1d_pairs(l->in, l->taps, l->side), taps = l->in > 1 && l->in & 1 ? tap * l->taps : 0;
    for (size_t r = 0; r < rows; r += group, w += group * (pairs + 2)) {
        for (size_t c = 0; c < pairs; c++) {
            bool pad = (l->side & 1 && c + 1 == pairs) || (c < taps && (c + 1) % tap == 0);
            for (size_t k = 0; pad && k < group; k++) {
                if (w[group + c * group + k] >> 16) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool qfile_narrow_ok(const qfile_t *l) {
    const int8_t *weight = (const int8_t *)l->weights + l->offset, *bias = weight + (size_t)l->out * l->taps * l->in;
    for (size_t r = 0; r < l->out; r++) {
        int64_t sum = 128 * qfile_abs(bias[r]);
        for (size_t c = (size_t)l->taps * l->in; c; c--) {
            sum += 128 * qfile_abs(*weight++);
        }
        if (sum > INT32_MAX) {
            return false;
        }
    }
    return true;
}

static bool qfile_table_ok(const qfile_t *l, int32_t offset, int32_t lowest) {
    uint32_t at = (uint32_t)offset;
    if (offset < 0 || at % 16 || at > l->weights_size || l->weights_size - at < QFILE_TABLE_BYTES) {
        return false;
    }
    const int32_t *middle = up_qmiddle((const void *)(l->weights + at));
    for (int32_t k = 0; k < UP_QTABLE; k++) { // straight lines: the ends are the extremes
        int32_t x = 64 * (k - UP_QTABLE / 2), first = up_qlook(middle, x), last = up_qlook(middle, x + 63);
        if (first < lowest || first > 32767 || last < lowest || last > 32767) {
            return false;
        }
    }
    return true;
}

static bool qfile_tables_ok(const qfile_t *l) {
    if (l->op == UP_OP_GRU || l->op == UP_OP_LSTM) {
        return qfile_table_ok(l, l->n[0], 0) && qfile_table_ok(l, l->n[1], -32768)
               && (l->op == UP_OP_GRU || qfile_table_ok(l, l->n[2], -32768));
    }
    if (l->op != UP_OP_CONV1D && l->op != UP_OP_ACTIVATION) {
        return true;
    }
    bool first = up_qact_has_table(l->act), second = l->gate && up_qact_has_table(l->gate_act);
    return (first ? qfile_table_ok(l, l->n[0], -32768) : !l->n[0])
           && (second ? qfile_table_ok(l, l->n[1], -32768) : l->op == UP_OP_ACTIVATION || !l->n[1]);
}

static size_t qfile_slopes(const qfile_t *l) {
    size_t arrays = up_qact_has_slopes(l->act) + (l->gate && up_qact_has_slopes(l->gate_act));
    return arrays * 2 * up_even(l->out);
}

// Bytes the layer takes, slopes and states included. Fields are in range already.
static size_t qfile_bytes(const qfile_t *l) {
    size_t slopes = qfile_slopes(l);
    switch (l->op) {
        case UP_OP_CONV1D:
            if (l->q7) {
                return (size_t)l->out * l->taps * l->in + l->out;
            }
            return 4 * up_qmat_words(l->gate ? 2 * l->out : l->out, up_qconv1d_pairs(l->in, l->taps, l->side)) + slopes;
        case UP_OP_GRU: return 4 * up_qgru_words(l->in, l->out);
        case UP_OP_LSTM: return 4 * up_qlstm_words(l->in, l->out);
        case UP_OP_ACTIVATION: return slopes;
        default: return 0;
    }
}

static bool qfile_matrices_ok(const qfile_t *l) {
    const int32_t *w = (const void *)(l->weights + l->offset);
    size_t in = up_even(l->in) / 2, h = up_even(l->out) / 2;
    if (l->op == UP_OP_CONV1D && l->q7) {
        return qfile_narrow_ok(l);
    }
    if (l->op == UP_OP_CONV1D) {
        return qfile_matrix_ok(w, l->gate ? 2 * l->out : l->out, up_qconv1d_pairs(l->in, l->taps, l->side), l->flags & UP_QFLAG_WIDE);
    }
    if (l->op == UP_OP_GRU) {
        return qfile_matrix_ok(w, 2 * l->out, in + h, false)
               && qfile_matrix_ok(w + up_qmat_words(2 * l->out, in + h), l->out, in, false)
               && qfile_matrix_ok(w + up_qmat_words(2 * l->out, in + h) + up_qmat_words(l->out, in), l->out, h, false);
    }
    return l->op != UP_OP_LSTM || qfile_matrix_ok(w, 4 * l->out, in + h, false);
}

// A slope of -1 would take -1 to +1, which int16 does not hold. They lie last in the layer's bytes.
static bool qfile_slopes_ok(const qfile_t *l, size_t bytes) {
    const int16_t *slope = (const void *)(l->weights + l->offset + (l->bytes - bytes));
    for (size_t i = 0; i < bytes / 2; i++) {
        if (slope[i] == -32768) {
            return false;
        }
    }
    return true;
}

static bool qfile_state_ok(const qfile_t *l) {
    if (l->op != UP_OP_LSTM) {
        return true;
    }
    const int32_t *c = (const int32_t *)(const void *)(l->weights + l->offset)
        + up_qlstm_words(l->in, l->out) - l->out - up_even(l->out) / 2;
    for (size_t i = 0; i < l->out; i++) {
        if (qfile_abs(c[i]) >= 1 << 30) {
            return false;
        }
    }
    return true;
}

int up_qfile_layer(const uint8_t *record, const uint8_t *weights, size_t weights_size, bool q7, up_qslots_t *slots) {
    qfile_t l = qfile_record(record, weights, weights_size, q7);
    if (!qfile_fields_ok(&l)) {
        return UP_E_LAYER;
    }
    if (!qfile_slots_ok(&l, slots)) {
        return UP_E_SLOT;
    }
    if (l.offset % 16 || l.offset > weights_size || l.bytes > weights_size - l.offset || l.bytes != qfile_bytes(&l)) {
        return UP_E_WEIGHTS;
    }
    if (!qfile_tables_ok(&l)) {
        return UP_E_TABLE;
    }
    if (l.op == UP_OP_CONV1D && !q7 && !qfile_pads_ok(&l, (const void *)(weights + l.offset))) {
        return UP_E_RESERVED;
    }
    return qfile_matrices_ok(&l) && qfile_slopes_ok(&l, qfile_slopes(&l)) && qfile_state_ok(&l) ? 0 : UP_E_OVERFLOW;
}
