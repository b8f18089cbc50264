// SPDX-License-Identifier: MIT
// Lays an integer model out in an arena and runs it; see up_qmodel.h.
#include "up_qmodel.h"

#include "up_model.h"

static uint16_t qmodel_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static int32_t qmodel_i32(const uint8_t *p) {
    return (int32_t)(qmodel_u16(p) | (uint32_t)qmodel_u16(p + 2) << 16);
}

static int32_t qmodel_n(const uint8_t *record, int i) {
    return qmodel_i32(record + 32 + 4 * i);
}

// A sum's factors in one word, the first in the low half.
static int32_t qmodel_factors(int32_t first, int32_t second) {
    return first | second * 65536;
}

// ---- layout ----------------------------------------------------------------------------------

static size_t qmodel_conv_rows(const up_qlayer_t *self) {
    return self->gate ? 2u * self->out : self->out;
}

static void qmodel_acts(up_qlayer_t *self, const uint8_t *r, const uint8_t *weights, const int32_t *behind) {
    const int16_t *slopes = (const void *)behind;
    up_qact_t *acts[2] = { &self->act, &self->gate_act };
    for (int i = 0; i < 2; i++) {
        acts[i]->kind = r[i ? 29 : 1];
        acts[i]->table = up_qact_has_table(acts[i]->kind) ? (const void *)(weights + qmodel_n(r, i)) : NULL;
        acts[i]->slopes = up_qact_has_slopes(acts[i]->kind) ? slopes : NULL;
        slopes += acts[i]->slopes ? up_even(self->out) : 0;
    }
}

// The matrix's limit and, of q7, where its spread weights go.
static void qmodel_conv_mat(up_qlayer_t *self, const uint8_t *r, const uint8_t *weight, bool q7, up_arena_t *arena) {
    up_qmat_t *mat = &self->conv.mat;
    int limit = q7 ? UP_QLIMIT_S8 : UP_QLIMIT_S16;
    limit += self->act.kind == UP_ACT_RELU && !self->gate ? 1 : 0;
    *mat = (up_qmat_t){
        .w = (const void *)weight, .rows = (uint16_t)qmodel_conv_rows(self), .limit = (uint8_t)limit,
        .pairs = (uint32_t)up_qconv1d_pairs(self->in, self->conv.taps, self->conv.side),
    };
    if (q7) {
        mat->w = up_arena_take(arena, up_qmat_words(mat->rows, mat->pairs) * sizeof(int32_t));
        self->narrow = weight;
        self->n[0] = qmodel_n(r, 3) + 8 - qmodel_n(r, 2);
    }
}

#if defined(UP_QBLOCKS)
static bool qmodel_reads(const uint8_t *r, uint8_t slot) {
    bool second = r[0] == UP_OP_ADD || r[0] == UP_OP_FILM || qmodel_u16(r + 14);
    return r[2] == slot || (second && r[3] == slot) || r[5] == slot + 1;
}

// Does no layer from r on read what the slot holds now?
static bool qmodel_unread(const uint8_t *r, const uint8_t *end, uint8_t slot) {
    for (; r < end; r += UP_RECORD) {
        if (qmodel_reads(r, slot)) {
            return false;
        }
        if (r[4] == slot) {
            break; // written anew
        }
    }
    return true;
}

// A dense layer without an activation that reads a slot alone.
static bool qmodel_is_dense(const uint8_t *r, uint8_t src, size_t out) {
    return r[0] == UP_OP_CONV1D && r[1] == UP_ACT_LINEAR && r[2] == src && !r[28] && !r[30] && qmodel_u16(r + 8) == out
           && qmodel_u16(r + 10) == 1 && !qmodel_u16(r + 14);
}

// Layers behind a convolution that it takes along: an addition of its output to the heads', a square dense layer.
static size_t qmodel_layout_block(up_qlayer_t *self, const uint8_t *r, const uint8_t *end, const uint8_t *weights) {
    uint8_t own = r[4];
    const uint8_t *add = r + UP_RECORD, *dense = add + UP_RECORD;
    if (self->gate || self->plus || self->narrow || !up_qconv1d_is_block(&self->conv, self->act.slopes) || add >= end) {
        return 0;
    }
    if (add[0] != UP_OP_ADD || (add[2] == own) == (add[3] == own) || add[4] == own || !qmodel_reads(add, add[4]) || qmodel_u16(add + 6) != self->out) {
        return 0;
    }
    bool mix = dense < end && qmodel_is_dense(dense, own, self->out) && dense[5] != own + 1;
    if (!qmodel_unread(dense + (mix ? UP_RECORD : 0), end, own)) {
        return 0;
    }
    up_qblock_t *block = &self->conv.block;
    bool first = add[3] == own; // the heads are
    block->on = true;
    block->slopes = self->act.slopes;
    block->factors = qmodel_factors(qmodel_n(add, first ? 0 : 1), qmodel_n(add, first ? 1 : 0));
    block->mix = mix ? (const void *)(weights + (uint32_t)qmodel_i32(dense + 16)) : NULL;
    block->factor = mix && dense[5] ? qmodel_n(dense, 2) : 0;
    self->plus = mix ? dense[5] : 0;
    self->head = add[4];
    self->dst = mix ? dense[4] : add[4];
    return mix ? 2 : 1;
}
#else
static size_t qmodel_layout_block(up_qlayer_t *self, const uint8_t *r, const uint8_t *end, const uint8_t *weights) {
    (void)self;
    (void)r;
    (void)end;
    (void)weights;
    return 0;
}
#endif

// How many of the layers behind it are done with it.
static size_t qmodel_layout_conv(up_qlayer_t *self, const uint8_t *r, const uint8_t *end, const uint8_t *weights, bool q7, up_arena_t *arena) {
    const uint8_t *weight = weights + (uint32_t)qmodel_i32(r + 16);
    up_qconv1d_t *conv = &self->conv;
    conv->in = self->in;
    conv->taps = qmodel_u16(r + 10);
    conv->dilation = qmodel_u16(r + 12);
    conv->side = self->side;
    conv->wide = r[30] & UP_QFLAG_WIDE;
    size_t words = up_qmat_words(qmodel_conv_rows(self), up_qconv1d_pairs(conv->in, conv->taps, conv->side));
    qmodel_acts(self, r, weights, (const int32_t *)(const void *)weight + (q7 ? 0 : words));
    qmodel_conv_mat(self, r, weight, q7, arena);
    size_t taken = qmodel_layout_block(self, r, end, weights);
    up_qconv1d_layout(conv, arena);
    return taken;
}

static void qmodel_layout_recurrent(up_qlayer_t *self, const uint8_t *r, const uint8_t *weights, up_arena_t *arena) {
    const int32_t *weight = (const void *)(weights + (uint32_t)qmodel_i32(r + 16)), *tables[3];
    for (int i = 0; i < 3; i++) {
        tables[i] = (const void *)(weights + qmodel_n(r, i));
    }
    if (self->op == UP_OP_GRU) {
        self->gru = (up_qgru_t){ .sigmoid = tables[0], .tanh = tables[1], .inputs = self->in, .hidden = self->out };
        up_qgru_layout(&self->gru, weight, arena);
    } else {
        self->lstm = (up_qlstm_t){
            .sigmoid = tables[0], .tanh = tables[1], .tanh_c = tables[2], .exponent = (uint8_t)qmodel_n(r, 3),
            .inputs = self->in, .hidden = self->out,
        };
        up_qlstm_layout(&self->lstm, weight, arena);
    }
}

static void qmodel_layout_dither(up_qlayer_t *self, const uint8_t *r, up_arena_t *arena) {
    self->dither = (up_dither_t){
        .kind = (uint8_t)qmodel_n(r, 0), .seed = (uint32_t)qmodel_n(r, 1), .b = qmodel_n(r, 2), .a1 = qmodel_n(r, 3),
        .a2 = qmodel_n(r, 4), .gain = (uint8_t)qmodel_n(r, 5), .channels = self->out,
    };
    up_dither_layout(&self->dither, arena);
}

static size_t qmodel_layout_layer(up_qlayer_t *self, const uint8_t *r, const uint8_t *end, const uint8_t *weights, bool q7, up_arena_t *arena) {
    size_t taken = 0;
    *self = (up_qlayer_t){
        .op = r[0], .src = r[2], .src2 = r[3], .dst = r[4], .plus = r[5], .gate = r[28],
        .in = qmodel_u16(r + 6), .out = qmodel_u16(r + 8), .side = qmodel_u16(r + 14), .n = { qmodel_n(r, 0), qmodel_n(r, 1) },
    };
    switch (self->op) {
        case UP_OP_CONV1D:
            self->factors = qmodel_factors(UP_QONE, qmodel_n(r, 2));
            taken = qmodel_layout_conv(self, r, end, weights, q7, arena);
            break;
        case UP_OP_ADD:
            self->factors = qmodel_factors(self->n[0], self->n[1]);
            break;
        case UP_OP_GRU:
        case UP_OP_LSTM:
            qmodel_layout_recurrent(self, r, weights, arena);
            break;
        case UP_OP_DITHER:
            qmodel_layout_dither(self, r, arena);
            break;
        case UP_OP_EMPHASIS:
        case UP_OP_DEEMPHASIS:
            self->z = up_arena_take(arena, self->in * sizeof(int32_t));
            break;
        case UP_OP_ACTIVATION:
            qmodel_acts(self, r, weights, (const void *)(weights + (uint32_t)qmodel_i32(r + 16)));
            break;
        default:
            break;
    }
    return taken;
}

// Sizes that all layers share: of slots, of the columns, of the widest gated layer.
typedef struct {
    size_t planes[UP_SLOTS], columns, spread;
    bool wide[UP_SLOTS], is_wide[UP_SLOTS];
} qmodel_sizes_t;

static size_t qmodel_most(size_t a, size_t b) {
    return a > b ? a : b;
}

static void qmodel_measure(const up_qlayer_t *layer, qmodel_sizes_t *sizes) {
    bool conv = layer->op == UP_OP_CONV1D;
    bool wide = layer->op == UP_OP_DEEMPHASIS || (conv && layer->conv.wide);
    if (conv) {
        sizes->columns = qmodel_most(sizes->columns, up_qconv1d_columns(&layer->conv));
        sizes->spread = qmodel_most(sizes->spread, layer->gate ? up_qplanes(2u * layer->out) : 0);
    }
    sizes->is_wide[layer->dst] = wide;
    sizes->wide[layer->dst] |= wide;
    sizes->planes[layer->dst] = qmodel_most(sizes->planes[layer->dst], wide ? 0 : up_qplanes(layer->out));
}

// Layers, without those that others take along.
static size_t qmodel_count(const uint8_t *layers, size_t n_layers, const uint8_t *weights, bool q7) {
    size_t n = 0;
    up_qlayer_t one;
    up_arena_t none = { 0 };
    for (size_t i = 0; i < n_layers; i++, n++) {
        i += qmodel_layout_layer(&one, layers + i * UP_RECORD, layers + n_layers * UP_RECORD, weights, q7, &none);
    }
    return n;
}

#define QMODEL_PLANE (UP_CHUNK * sizeof(up_word_t)) // bytes

void up_qmodel_layout(up_qmodel_t *self, const uint8_t *layers, size_t n_layers, const uint8_t *weights,
    const float *units, size_t inputs, bool q7, up_arena_t *arena) {
    qmodel_sizes_t sizes = { .planes = { up_qplanes(inputs) } };
    up_qlayer_t one;
    self->units = units;
    self->inputs = (uint8_t)inputs;
    self->n_layers = 0;
    self->layer = up_arena_take(arena, qmodel_count(layers, n_layers, weights, q7) * sizeof(up_qlayer_t));
    for (size_t i = 0; i < n_layers; i++, self->n_layers++) {
        const uint8_t *r = layers + i * UP_RECORD;
        size_t taken = qmodel_layout_layer(&one, r, layers + n_layers * UP_RECORD, weights, q7, arena);
        one.number = (uint16_t)i;
        one.wide_in = sizes.is_wide[one.src];
        qmodel_measure(&one, &sizes);
        i += taken;
        self->out_wide = sizes.is_wide[one.dst]; // the last one's word counts
        self->scale = up_from_bits((uint32_t)qmodel_i32(r + taken * UP_RECORD + 24));
        if (self->layer) {
            self->layer[self->n_layers] = one;
        }
    }
    self->column_planes = (uint32_t)sizes.columns;
    self->spread_planes = (uint16_t)sizes.spread;
    up_qmodel_scratch(self, arena);
    self->knobs = up_arena_take(arena, (inputs - 1) * sizeof(int16_t));
    for (int s = 0; s < UP_SLOTS; s++) {
        self->slot_planes[s] = (uint16_t)sizes.planes[s];
        self->slot[s] = sizes.planes[s] ? up_arena_take(arena, sizes.planes[s] * QMODEL_PLANE) : NULL;
        self->wide[s] = sizes.wide[s] ? up_arena_take(arena, UP_CHUNK * sizeof(int32_t)) : NULL;
        self->has_wide[s] = sizes.wide[s];
    }
    up_arena_take(arena, QMODEL_PLANE); // a matrix reads on behind its columns
}

void up_qmodel_scratch(up_qmodel_t *self, up_arena_t *arena) {
    self->columns = up_arena_take(arena, self->column_planes * QMODEL_PLANE);
    self->spread = up_arena_take(arena, self->spread_planes * QMODEL_PLANE);
}

// ---- reset -----------------------------------------------------------------------------------

// q7: by how many bits weights may go left so that a sum's high half is what it counts, or -1.
static int qmodel_halves(const up_qlayer_t *layer) {
    #if defined(UP_DSP)
    const up_qconv1d_t *conv = &layer->conv;
    size_t columns = (size_t)conv->taps * conv->in;
    const int8_t *weight = (const int8_t *)layer->narrow, *bias = weight + layer->out * columns;
    int left = layer->n[0] + 9;
    if (layer->out == 1 || left < 0 || left > 15) {
        return -1;
    }
    for (size_t r = 0; r < layer->out; r++) {
        uint64_t sum = bias[r] < 0 ? (uint32_t)-bias[r] : (uint32_t)bias[r];
        for (size_t c = 0; c < columns; c++) {
            uint32_t w = *weight < 0 ? (uint32_t)-*weight : (uint32_t)*weight;
            weight++;
            if (w << left > 32767) {
                return -1;
            }
            sum += w;
        }
        if (sum << (left + 7) > 0x7fff0000u) {
            return -1;
        }
    }
    return left;
    #else
    (void)layer;
    return -1;
    #endif
}

// q7: weights [out][tap][in] int8 and biases [out] become a matrix of int16 pairs, its multiplier 2^(25 + shift).
static void qmodel_spread(up_qlayer_t *layer) {
    up_qconv1d_t *conv = &layer->conv;
    const int8_t *weight = (const int8_t *)layer->narrow, *bias = weight + (size_t)layer->out * conv->taps * conv->in;
    size_t rows = layer->out, group = rows == 1 ? 1 : 4, tap = up_qconv1d_tap(conv->in), pairs = conv->mat.pairs;
    int shift = layer->n[0] > 5 ? 5 : layer->n[0];
    uint32_t *to = (uint32_t *)(uintptr_t)conv->mat.w; // the arena's
    int left = qmodel_halves(layer), scale = 1 << (left < 0 ? 0 : left);
    conv->mat.halves = left >= 0;
    conv->mat.left = (uint8_t)(left < 0 && layer->n[0] > 5 ? layer->n[0] - 5 : 0);
    for (size_t i = 0; i < up_qmat_words(rows, pairs); i++) {
        to[i] = 0;
    }
    for (size_t r = 0; r < rows; r++) {
        uint32_t *at = to + r / group * (pairs + 2) * group + r % group;
        at[0] = (uint32_t)(128 * scale * bias[r] + (left < 0 ? 0 : 1 << 15));
        at[group + pairs * group] = (uint32_t)1 << (25 + shift);
        for (size_t k = 0; k < conv->taps; k++) {
            for (size_t column = k * tap; column < k * tap + conv->in; column++) {
                at[group + column / 2 * group] |= (uint32_t)(uint16_t)(scale * *weight++) << (column % 2 * 16);
            }
        }
    }
}

static void qmodel_reset_layer(up_qlayer_t *layer) {
    switch (layer->op) {
        case UP_OP_CONV1D:
            up_qconv1d_reset(&layer->conv);
            if (layer->narrow) {
                qmodel_spread(layer);
            }
            break;
        case UP_OP_GRU:
            up_qgru_reset(&layer->gru);
            break;
        case UP_OP_LSTM:
            up_qlstm_reset(&layer->lstm);
            break;
        case UP_OP_DITHER:
            up_dither_reset(&layer->dither);
            break;
        case UP_OP_EMPHASIS:
        case UP_OP_DEEMPHASIS:
            for (size_t c = 0; c < layer->in; c++) {
                layer->z[c] = 0;
            }
            break;
        default:
            break;
    }
}

void up_qmodel_reset(up_qmodel_t *self) {
    for (size_t i = 0; i < self->n_layers; i++) {
        qmodel_reset_layer(self->layer + i);
    }
}

// ---- running ---------------------------------------------------------------------------------

static int16_t qmodel_quantise(float x, float units) {
    float v = x * units;
    v = v < -40000.0f ? -40000.0f : v > 40000.0f ? 40000.0f : v;
    return (int16_t)up_sat16((int32_t)(v + 32768.5f) - 32768);
}

void up_qmodel_set_knobs(up_qmodel_t *self, const float *values) {
    for (size_t k = 0; k + 1 < self->inputs; k++) {
        self->knobs[k] = qmodel_quantise(values[k], self->units[1 + k]);
    }
}

static void qmodel_add(const int16_t *a, const int16_t *b, int16_t *out, size_t channels, size_t n_frames, int32_t factors) {
    up_qmat_mix((const void *)a, (const void *)b, (void *)out, up_qplanes(channels), n_frames, factors);
    for (size_t t = 0; channels == 1 && t < n_frames; t++) { // b may have more channels
        out[up_qat(1, t)] = 0;
    }
}

static void qmodel_film(const up_qlayer_t *layer, const int16_t *a, const int16_t *b, int16_t *out, size_t n_frames) {
    size_t width = layer->in;
    for (size_t c = 0; c < width; c++) {
        for (size_t t = 0; t < n_frames; t++) {
            int32_t lift = layer->side == width ? 0 : b[up_qat(width + c, t)], x = b[up_qat(c, t)] * a[up_qat(c, t)];
            int32_t shift = (int32_t)(((int64_t)lift * layer->n[1] + (1 << 15)) >> 16);
            out[up_qat(c, t)] = (int16_t)up_sat16(up_rq(x, layer->n[0]) + shift);
            if (width == 1) {
                out[up_qat(1, t)] = 0;
            }
        }
    }
}

static void qmodel_emphasis(up_qlayer_t *layer, const int16_t *in, int16_t *out, size_t n_frames) {
    for (size_t c = 0; c < layer->in; c++) {
        int32_t z = layer->z[c];
        for (size_t t = 0; t < n_frames; t++) {
            int32_t x = in[up_qat(c, t)];
            out[up_qat(c, t)] = (int16_t)up_sat16(x - up_mul15(layer->n[0], z));
            z = x;
            if (layer->in == 1) {
                out[up_qat(1, t)] = 0;
            }
        }
        layer->z[c] = z;
    }
}

static void qmodel_deemphasis(up_qlayer_t *layer, const int16_t *narrow, const int32_t *wide, int32_t *out, size_t n_frames) {
    int64_t coef = layer->n[0], y = *layer->z;
    for (size_t t = 0; t < n_frames; t++) {
        int64_t x = layer->wide_in ? wide[t] : narrow[up_qat(0, t)];
        y = x * (1 << layer->n[1]) + ((coef * y + (1 << 14)) >> 15);
        y = y < INT32_MIN ? INT32_MIN : y > INT32_MAX ? INT32_MAX : y;
        out[t] = (int32_t)y;
    }
    *layer->z = (int32_t)y;
}

static void qmodel_conv(up_qmodel_t *self, up_qlayer_t *layer, const int16_t *a, const int16_t *b, const int16_t *plus,
    void *out, size_t n_frames) {
    layer->conv.columns = self->columns;
    #if defined(UP_QBLOCKS)
    if (layer->conv.block.on) {
        up_qblock_io_t io = { (void *)self->slot[layer->head], (const void *)plus, layer->conv.block.mix ? out : NULL };
        up_qconv1d_block(&layer->conv, a, b, &io, n_frames);
        return;
    }
    #endif
    up_qafter_t after = { &layer->act, (const void *)plus, layer->factors >> 16 }; // ReLU is the matrix's limit
    up_qafter_t nothing = { NULL, NULL, UP_QONE };
    if (!layer->gate) {
        up_qconv1d_process(&layer->conv, a, b, &after, out, n_frames);
        return;
    }
    up_qconv1d_process(&layer->conv, a, b, &nothing, self->spread, n_frames);
    up_qgate_process(layer->gate, &layer->act, &layer->gate_act, self->spread, out, layer->out, n_frames);
    after.act = NULL;
    up_qmat_after(&after, out, layer->out, n_frames);
}

static void qmodel_activation(const up_qlayer_t *layer, const int16_t *a, int16_t *out, size_t n_frames) {
    for (size_t i = 0; a != out && i < 2 * UP_CHUNK * up_qplanes(layer->in); i++) {
        out[i] = a[i];
    }
    up_qact_process(&layer->act, out, layer->in, n_frames);
}

static void qmodel_run(up_qmodel_t *self, up_qlayer_t *layer, size_t n_frames) {
    const int16_t *a = self->slot[layer->src], *b = self->slot[layer->src2];
    const int16_t *plus = layer->plus ? self->slot[layer->plus - 1] : NULL;
    int16_t *out = self->slot[layer->dst];
    switch (layer->op) {
        case UP_OP_CONV1D:
            qmodel_conv(self, layer, a, b, plus, layer->conv.wide ? (void *)self->wide[layer->dst] : (void *)out, n_frames);
            break;
        case UP_OP_GRU:
            up_qgru_process(&layer->gru, a, out, n_frames);
            break;
        case UP_OP_LSTM:
            up_qlstm_process(&layer->lstm, a, out, n_frames);
            break;
        case UP_OP_ADD:
            qmodel_add(a, b, out, layer->in, n_frames, layer->factors);
            break;
        case UP_OP_FILM:
            qmodel_film(layer, a, b, out, n_frames);
            break;
        case UP_OP_ACTIVATION:
            qmodel_activation(layer, a, out, n_frames);
            break;
        case UP_OP_EMPHASIS:
            qmodel_emphasis(layer, a, out, n_frames);
            break;
        case UP_OP_DEEMPHASIS:
            qmodel_deemphasis(layer, a, self->wide[layer->src], self->wide[layer->dst], n_frames);
            break;
        default:
            up_dither_process(&layer->dither, a, out, n_frames);
    }
}

// What is no sample (not finite, or beyond 60 dB over full scale) is silence.
static void qmodel_input(up_qmodel_t *self, const float *in, size_t n_frames) {
    up_word_t *to = (void *)self->slot[0];
    float units = self->units[0];
    for (size_t t = 0; t < n_frames; t++) {
        bool sound = (up_bits(in[t]) & 0x7fffffffu) < 0x44800000u;
        to[t] = (uint16_t)qmodel_quantise(sound ? in[t] : 0.0f, units);
    }
    for (size_t k = 1; k < self->inputs; k++) {
        for (size_t t = 0; t < n_frames; t++) {
            self->slot[0][up_qat(k, t)] = self->knobs[k - 1];
        }
    }
}

void up_qmodel_front(up_qmodel_t *self, const float *in, size_t end, size_t n_frames) {
    qmodel_input(self, in, n_frames);
    for (size_t i = 0; i < end; i++) {
        qmodel_run(self, self->layer + i, n_frames);
    }
}

void up_qmodel_back(up_qmodel_t *self, size_t first, float *out, size_t n_frames) {
    for (size_t i = first; i < self->n_layers; i++) {
        qmodel_run(self, self->layer + i, n_frames);
    }
    int last = self->layer[self->n_layers - 1].dst;
    for (size_t t = 0; t < n_frames; t++) {
        int32_t y = self->out_wide ? self->wide[last][t] : self->slot[last][up_qat(0, t)];
        out[t] = (float)y * self->scale;
    }
}

void up_qmodel_process(up_qmodel_t *self, const float *in, float *out, size_t n_frames) {
    while (n_frames) {
        size_t n = n_frames < UP_CHUNK ? n_frames : UP_CHUNK;
        up_qmodel_front(self, in, self->n_layers, n);
        up_qmodel_back(self, self->n_layers, out, n);
        in += n;
        out += n;
        n_frames -= n;
    }
}

// ---- in two parts ----------------------------------------------------------------------------

size_t up_qmodel_slot_bytes(const up_qmodel_t *self, int slot) {
    return self->slot_planes[slot] * QMODEL_PLANE + (self->has_wide[slot] ? UP_CHUNK * sizeof(int32_t) : 0);
}

// A slot that is written both ways has both there, the planes first.
void up_qmodel_give(up_qmodel_t *self, int slot, void *memory) {
    uint8_t *at = memory;
    size_t planes = self->slot_planes[slot] * QMODEL_PLANE;
    self->slot[slot] = at && planes ? (void *)at : NULL;
    self->wide[slot] = at && self->has_wide[slot] ? (void *)(at + planes) : NULL;
}
