// SPDX-License-Identifier: MIT
// Lays a checked .upm out in an arena and runs it; see up_model.h.
#include "up_model.h"
#include "up_plane.h"

enum { MODEL_KNOB = 64, MODEL_KNOB_DEFAULT = 40 };

// Bits of 1024.0, 60 dB over full scale: no such sample is sound, and sums stay where look-ups are exact.
#define MODEL_ABSURD 0x44800000u

static uint16_t model_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t model_u32(const uint8_t *p) {
    return model_u16(p) | (uint32_t)model_u16(p + 2) << 16;
}

// Floats in the file at an address that check() found to be aligned.
static const float *model_floats(const uint8_t *p) {
    return (const float *)(const void *)p;
}

static const float *model_weights(const up_info_t *info, const uint8_t *r) {
    return model_floats(info->weights + model_u32(r + 16));
}

static void model_parse(up_layer_t *self, const uint8_t *r) {
    self->record = r;
    self->slopes = NULL;
    self->block.mix = NULL;
    self->block.sum = self->block.to = self->block.plus = self->block.out = 0; // slots, of which some blocks use some
    self->block.on = false;
    self->op = r[0];
    self->act = r[1];
    self->src = r[2];
    self->src2 = r[3];
    self->dst = r[4];
    self->plus = r[5];
    self->in = model_u16(r + 6);
    self->out = model_u16(r + 8);
    self->gate = r[28];
    self->gate_act = r[29];
}

static void model_layout_conv(up_layer_t *self, const float *weight, up_arena_t *arena) {
    const uint8_t *r = self->record;
    up_conv1d_t *conv = &self->conv;
    conv->weight = weight;
    conv->in = self->in;
    conv->out = (uint16_t)(self->gate ? 2 * self->out : self->out);
    conv->taps = model_u16(r + 10);
    conv->dilation = model_u16(r + 12);
    conv->side = model_u16(r + 14);
    self->slopes = weight + up_matrix_floats(conv->out, (size_t)conv->in * conv->taps + conv->side);
    up_conv1d_layout(conv, arena);
}

// The cells lie in the arena; NULL when measuring.
static up_gru_t *model_layout_gru(const up_layer_t *self, const float *weight, const up_tables_t *tables, up_arena_t *arena) {
    up_gru_t gru = { .tables = *tables, .inputs = self->in, .hidden = self->out };
    up_gru_t *at = up_arena_take(arena, sizeof(gru));
    up_gru_layout(&gru, weight, arena);
    if (at) {
        *at = gru;
    }
    return at;
}

static up_lstm_t *model_layout_lstm(const up_layer_t *self, const float *weight, const up_tables_t *tables, up_arena_t *arena) {
    up_lstm_t lstm = { .tables = *tables, .inputs = self->in, .hidden = self->out };
    up_lstm_t *at = up_arena_take(arena, sizeof(lstm));
    up_lstm_layout(&lstm, weight, arena);
    if (at) {
        *at = lstm;
    }
    return at;
}

// UP_FINISH_ of an activation that kernels may do in one go with others; -1: it is none of these.
static int model_finish(const up_info_t *info, const up_layer_t *self) {
    float slope = *model_floats(self->record + 32);
    if (self->act == UP_ACT_LEAKY_RELU && slope > 0.0f && slope <= 1.0f) {
        return UP_FINISH_LEAKY;
    }
    if ((self->act == UP_ACT_TANH || self->act == UP_ACT_SIGMOID) && info->grade == UP_GRADE_FAST) {
        return UP_FINISH_LOOK;
    }
    return self->act == UP_ACT_LINEAR ? UP_FINISH_LINEAR : -1;
}

// `wide2`: channels that src2 has when this layer reads it.
static void model_layout_layer(up_layer_t *self, const up_info_t *info, const float *weight, size_t wide2, const up_tables_t *tables,
    up_arena_t *arena) {
    switch (self->op) {
        case UP_OP_CONV1D:
            model_layout_conv(self, weight, arena);
            self->finish = (int8_t)(self->gate ? -1 : model_finish(info, self));
            break;
        case UP_OP_GRU:
            self->gru = model_layout_gru(self, weight, tables, arena);
            break;
        case UP_OP_LSTM:
            self->lstm = model_layout_lstm(self, weight, tables, arena);
            break;
        case UP_OP_EMPHASIS:
        case UP_OP_DEEMPHASIS:
            self->filter.coef = up_from_bits(model_u32(self->record + 24));
            self->filter.z = up_arena_take(arena, self->in * sizeof(float));
            break;
        case UP_OP_ACTIVATION:
            self->slopes = weight;
            break;
        default:
            self->film_shift = wide2 > self->in;
    }
}

static bool model_reads(const uint8_t *r, uint8_t slot) {
    bool second = r[0] == UP_OP_ADD || r[0] == UP_OP_FILM || model_u16(r + 14);
    return r[2] == slot || (second && r[3] == slot) || r[5] == slot + 1;
}

// Does no layer from index i on read what the slot holds now?
static bool model_unread(const up_info_t *info, uint32_t i, uint8_t slot) {
    for (; i < info->n_layers; i++) {
        const uint8_t *r = info->layers + i * UP_RECORD;
        if (model_reads(r, slot)) {
            return false;
        }
        if (r[4] == slot) {
            break; // written anew
        }
    }
    return true;
}

// A dense layer without an activation that reads a slot alone.
static bool model_is_dense(const uint8_t *r, uint8_t src, uint32_t out) {
    return r[0] == UP_OP_CONV1D && r[1] == UP_ACT_LINEAR && r[2] == src && !r[28] && model_u16(r + 8) == out
           && model_u16(r + 10) == 1 && !model_u16(r + 14);
}

// Is the layer behind the GRU at index i a plain dense one of one output that alone reads the GRU?
static bool model_is_head(const up_info_t *info, uint32_t i, uint8_t gru_dst) {
    const uint8_t *r = info->layers + (i + 1) * UP_RECORD;
    return i + 1 < info->n_layers && model_is_dense(r, gru_dst, 1) && !r[5] && model_unread(info, i + 2, gru_dst);
}

// When measuring there is no cell.
static void model_set_head(up_layer_t *self, const float *head) {
    if (self->op == UP_OP_GRU && self->gru) {
        self->gru->head = head;
    }
    if (self->op == UP_OP_LSTM && self->lstm) {
        self->lstm->head = head;
    }
}

static bool model_act_needs_table(uint8_t act) {
    return act == UP_ACT_TANH || act == UP_ACT_SIGMOID || act == UP_ACT_SILU;
}

#if defined(UP_CONV1D_BLOCKS)
// Layers behind the convolution at index i that it takes along: an addition to its output, a square dense layer.
static uint32_t model_layout_block(const up_info_t *info, uint32_t i, up_layer_t *self) {
    const uint8_t *r = info->layers + i * UP_RECORD, *end = info->layers + info->n_layers * UP_RECORD;
    uint8_t own = self->dst;
    if (self->gate || self->plus || self->finish < 0 || !up_conv1d_is_block(&self->conv)) {
        return 0;
    }
    uint32_t taken = 0;
    const uint8_t *add = r + UP_RECORD, *dense = add;
    self->block.to = own;
    if (add < end && add[0] == UP_OP_ADD && (add[2] == own) != (add[3] == own) && add[4] != own && model_u16(add + 6) == self->out) {
        self->block.sum = (uint8_t)(1 + (add[2] == own ? add[3] : add[2]));
        self->block.to = add[4];
        taken = 1;
        dense += UP_RECORD;
    }
    if (dense < end && model_u16(dense + 6) == self->out && model_is_dense(dense, own, self->out) && !(self->block.sum && dense[5] == own + 1)) {
        self->block.mix = model_weights(info, dense);
        self->block.plus = dense[5];
        self->block.out = dense[4];
        taken++;
    }
    bool over = self->block.to == self->src || (self->block.mix && self->block.out == self->src); // what is to become its past
    if (over || (self->block.sum && !model_unread(info, i + 1 + taken, own))) {
        self->block.mix = NULL;
        self->block.sum = 0;
        return 0;
    }
    self->block.on = taken || self->act;
    return taken;
}
#else
static uint32_t model_layout_block(const up_info_t *info, uint32_t i, up_layer_t *self) {
    (void)info;
    (void)i;
    (void)self;
    return 0;
}
#endif

static void model_layout_tables(const up_info_t *info, up_tables_t *tables, up_arena_t *arena) {
    bool any = false;
    for (uint32_t i = 0; i < info->n_layers; i++) {
        const uint8_t *r = info->layers + i * UP_RECORD;
        any |= r[0] == UP_OP_GRU || r[0] == UP_OP_LSTM || model_act_needs_table(r[1]) || model_act_needs_table(r[29]);
    }
    tables->tanh = tables->sigmoid = NULL;
    if (any && info->grade == UP_GRADE_FAST) {
        tables->tanh = up_arena_take(arena, UP_TABLE_SIZE * sizeof(up_node_t));
        tables->sigmoid = up_arena_take(arena, UP_TABLE_SIZE * sizeof(up_node_t));
    }
}

// Fills m (a scratch copy when measuring) and layer[] (NULL when measuring).
static void model_layout_all(up_model_t *m, up_layer_t *layer, up_arena_t *arena) {
    const up_info_t *info = &m->info;
    size_t width[UP_SLOTS] = { info->inputs }; // planes of a slot, with a convolution's padding
    size_t now[UP_SLOTS] = { info->inputs };   // what it holds at this layer
    size_t cut = 0;
    up_layer_t one;
    model_layout_tables(info, &m->tables, arena);
    m->knobs = up_arena_take(arena, (info->inputs - 1u) * sizeof(float));
    m->n_layers = 0;
    for (uint32_t i = 0; i < info->n_layers; i++, m->n_layers++) {
        const uint8_t *r = info->layers + i * UP_RECORD;
        model_parse(&one, r);
        model_layout_layer(&one, info, model_weights(info, r), now[one.src2], &m->tables, arena);
        if ((one.op == UP_OP_GRU || one.op == UP_OP_LSTM) && model_is_head(info, i, one.dst)) {
            i++;
            r += UP_RECORD;
            model_set_head(&one, model_weights(info, r));
            one.dst = r[4];
            one.out = 1;
        }
        for (uint32_t taken = one.op == UP_OP_CONV1D ? model_layout_block(info, i, &one) : 0; taken; taken--) {
            i++;
            r += UP_RECORD;
            now[r[4]] = one.out;
            width[r[4]] = up_rows_padded(one.out) > width[r[4]] ? up_rows_padded(one.out) : width[r[4]];
        }
        cut = one.op == UP_OP_CONV1D && up_conv1d_is_ring(&one.conv) && one.in > cut ? one.in : cut;
        size_t wide = one.op == UP_OP_CONV1D ? up_rows_padded(one.conv.out) : one.out;
        width[one.dst] = wide > width[one.dst] ? wide : width[one.dst];
        now[one.dst] = one.out;
        if (layer) {
            layer[m->n_layers] = one;
        }
    }
    m->copy_input = false;
    m->cut_planes = (uint32_t)cut;
    m->cut = up_arena_take(arena, cut * UP_CHUNK * sizeof(float));
    for (int s = 0; s < UP_SLOTS; s++) {
        m->slot_bytes[s] = (uint32_t)(UP_CHUNK * width[s] * sizeof(float));
        m->slot[s] = width[s] ? up_arena_take(arena, m->slot_bytes[s]) : NULL;
    }
}

static void model_layout_integer(up_model_t *m, up_arena_t *arena) {
    const up_info_t *info = &m->info;
    up_qmodel_t q;
    m->q = up_arena_take(arena, sizeof(q));
    m->knobs = NULL;
    up_qmodel_layout(&q, info->layers, info->n_layers, info->weights, info->units, info->inputs,
        info->arithmetic == UP_ARITH_Q7, arena);
    if (m->q) {
        *m->q = q;
    }
}

int up_model_layout(up_model_t **self, const void *blob, size_t size, up_arena_t *arena) {
    up_model_t scratch;
    *self = NULL;
    int error = up_model_check(blob, size, &scratch.info);
    if (error) {
        return error;
    }
    up_model_t *m = up_arena_take(arena, sizeof(*m));
    scratch.q = NULL;
    if (scratch.info.arithmetic != UP_ARITH_F32) {
        model_layout_integer(&scratch, arena);
    } else {
        scratch.layer = up_arena_take(arena, scratch.info.n_layers * sizeof(up_layer_t));
        model_layout_all(&scratch, scratch.layer, arena);
    }
    if (arena->used > UP_MAX_ARENA) {
        return UP_E_TOO_BIG;
    }
    if (!arena->base) {
        return 0;
    }
    if (arena->used > arena->size) {
        return UP_E_ARENA;
    }
    *m = scratch;
    *self = m;
    up_model_reset(m);
    return 0;
}

static void model_reset_layer(up_layer_t *layer) {
    switch (layer->op) {
        case UP_OP_CONV1D:
            up_conv1d_reset(&layer->conv);
            break;
        case UP_OP_GRU:
            up_gru_reset(layer->gru);
            break;
        case UP_OP_LSTM:
            up_lstm_reset(layer->lstm);
            break;
        case UP_OP_EMPHASIS:
        case UP_OP_DEEMPHASIS:
            for (size_t c = 0; c < layer->in; c++) {
                layer->filter.z[c] = 0.0f;
            }
            break;
        default:
            break;
    }
}

void up_model_reset(up_model_t *self) {
    float knobs[UP_MAX_INPUTS];
    for (uint32_t k = 0; k + 1 < self->info.inputs; k++) {
        knobs[k] = up_from_bits(model_u32(self->info.knobs + k * MODEL_KNOB + MODEL_KNOB_DEFAULT));
    }
    up_model_set_knobs(self, knobs);
    if (self->q) {
        up_qmodel_reset(self->q);
        return;
    }
    up_tables_fill(&self->tables);
    for (size_t i = 0; i < self->n_layers; i++) {
        model_reset_layer(self->layer + i);
    }
}

bool up_model_set_knobs(up_model_t *self, const float *values) {
    bool finite = true;
    for (uint32_t k = 0; k + 1 < self->info.inputs; k++) {
        finite &= values[k] >= -UP_MAX_KNOB && values[k] <= UP_MAX_KNOB;
    }
    if (finite && self->q) {
        up_qmodel_set_knobs(self->q, values);
        return true;
    }
    for (uint32_t k = 0; finite && k + 1 < self->info.inputs; k++) {
        self->knobs[k] = values[k];
    }
    return finite;
}

// Feature-wise linear modulation (Perez et al. 2018): y = s * x + m, both from slot b: [s], or [s, m].
static void model_film(const float *x, const float *b, float *out, size_t width, bool shift, size_t n_frames) {
    const float *m = b + width * UP_CHUNK;
    for (size_t c = 0; c < width; c++, x += UP_CHUNK, b += UP_CHUNK, m += UP_CHUNK, out += UP_CHUNK) {
        for (size_t t = 0; t < n_frames; t++) {
            out[t] = shift ? up_fma(b[t], x[t], m[t]) : b[t] * x[t];
        }
    }
}

// First-order emphasis y[t] = x[t] - c x[t-1], or its inverse y[t] = x[t] + c y[t-1].
static void model_filter(up_layer_t *layer, const float *in, float *out, size_t n_frames) {
    bool inverse = layer->op == UP_OP_DEEMPHASIS;
    float coef = inverse ? layer->filter.coef : -layer->filter.coef;
    for (size_t c = 0; c < layer->in; c++, in += UP_CHUNK, out += UP_CHUNK) {
        float z = layer->filter.z[c];
        for (size_t t = 0; t < n_frames; t++) {
            float x = in[t];
            out[t] = up_fma(coef, z, x);
            z = inverse ? out[t] : x;
        }
        layer->filter.z[c] = up_is_finite(z) ? z : 0.0f; // an overflow must not stay for ever
    }
}

// The layer's activation, or its gate over twice the width, in place.
static void model_activate(const up_layer_t *layer, const up_tables_t *tables, float *x, size_t n_frames) {
    up_act_t f = { model_floats(layer->record + 32), layer->slopes, layer->act };
    if (layer->gate) {
        const float *rest = layer->slopes + (layer->act == UP_ACT_PRELU ? layer->out : 0);
        up_act_t g = { model_floats(layer->record + 48), rest, layer->gate_act };
        up_gate_process(layer->gate, &f, &g, tables, x, layer->out, n_frames);
    } else if (layer->act) {
        up_act_process(&f, tables, x, layer->out, n_frames);
    }
}

static up_finish_t model_finish_of(const up_model_t *self, const up_layer_t *layer, const float *plus) {
    up_finish_t finish = {
        .table = layer->act == UP_ACT_TANH ? self->tables.tanh : self->tables.sigmoid, .plus = plus,
        .slope = *model_floats(layer->record + 32), .act = (uint8_t)layer->finish,
    };
    return finish;
}

#if defined(UP_CONV1D_BLOCKS)
static void model_block(up_model_t *self, up_layer_t *layer, const float *a, const float *b, size_t n_frames) {
    up_block_t block = {
        .finish = model_finish_of(self, layer, layer->block.plus ? self->slot[layer->block.plus - 1] : NULL),
        .sum = layer->block.sum ? self->slot[layer->block.sum - 1] : NULL, .to = self->slot[layer->block.to],
        .mix = layer->block.mix, .out = self->slot[layer->block.out],
    };
    up_conv1d_block(&layer->conv, a, b, &block, n_frames);
}
#endif

static void model_conv(up_model_t *self, up_layer_t *layer, const float *a, const float *b, const float *plus, float *out, size_t n_frames) {
    layer->conv.cut = self->cut;
    #if defined(UP_CONV1D_BLOCKS)
    if (layer->block.on) {
        model_block(self, layer, a, b, n_frames);
        return;
    }
    #endif
    up_finish_t finish = model_finish_of(self, layer, plus);
    if (up_conv1d_process(&layer->conv, a, b, layer->finish >= 0 ? &finish : NULL, out, n_frames)) {
        return;
    }
    model_activate(layer, &self->tables, out, n_frames);
    if (plus) {
        UP_PLANES(layer->out, n_frames, up_plane_add(out + at, plus + at, out + at, frames));
    }
}

// An activation of its own: no weights before it hold the look-up's nodes per unit.
static void model_activation(up_model_t *self, up_layer_t *layer, const float *a, float *out, size_t n_frames) {
    bool fast = self->tables.tanh != NULL;
    float nodes = !fast ? 1.0f : layer->act == UP_ACT_TANH ? UP_TANH_NODES : layer->act == UP_ACT_SIGMOID ? UP_SIGMOID_NODES : 1.0f;
    for (size_t c = 0; c < layer->in; c++) {
        for (size_t t = c * UP_CHUNK; t < c * UP_CHUNK + n_frames; t++) {
            out[t] = a[t] * nodes;
        }
    }
    model_activate(layer, &self->tables, out, n_frames);
}

static void model_run(up_model_t *self, up_layer_t *layer, const float *a, const float *b, const float *plus,
    float *out, size_t n_frames) {
    switch (layer->op) {
        case UP_OP_CONV1D:
            model_conv(self, layer, a, b, plus, out, n_frames);
            break;
        case UP_OP_GRU:
            up_gru_process(layer->gru, a, out, n_frames);
            up_heal(layer->gru->v + layer->gru->inputs, layer->gru->hidden);
            break;
        case UP_OP_LSTM:
            up_lstm_process(layer->lstm, a, out, n_frames);
            up_heal(layer->lstm->v + layer->lstm->inputs, layer->lstm->hidden);
            up_heal(layer->lstm->c, layer->lstm->hidden);
            break;
        case UP_OP_ADD:
            UP_PLANES(layer->in, n_frames, up_plane_add(a + at, b + at, out + at, frames));
            break;
        case UP_OP_FILM:
            model_film(a, b, out, layer->in, layer->film_shift, n_frames);
            break;
        case UP_OP_ACTIVATION:
            model_activation(self, layer, a, out, n_frames);
            break;
        default:
            model_filter(layer, a, out, n_frames);
    }
}

// The chunk as slot 0: the caller's buffer where it can be used as it is, else a copy with 0 for what is no
// sample, and the knobs' planes. Convolutions take eight frames at a time, which a buffer may not have.
static const float *model_input(up_model_t *self, const float *in, size_t n_frames) {
    uint32_t worst = 0;
    for (size_t t = 0; t < n_frames; t++) {
        uint32_t magnitude = up_bits(in[t]) & 0x7fffffffu;
        worst = magnitude > worst ? magnitude : worst;
    }
    if (worst < MODEL_ABSURD && self->info.inputs == 1 && n_frames % 8 == 0 && !self->copy_input) {
        return in;
    }
    float *to = self->slot[0];
    for (size_t t = 0; t < n_frames; t++) {
        to[t] = (up_bits(in[t]) & 0x7fffffffu) < MODEL_ABSURD ? in[t] : 0.0f;
    }
    for (uint32_t k = 0; k + 1 < self->info.inputs; k++) {
        to += UP_CHUNK;
        for (size_t t = 0; t < n_frames; t++) {
            to[t] = self->knobs[k];
        }
    }
    return self->slot[0];
}

// In place: the last layer alone writes the caller's buffer, and it reads each frame before it writes it, or, as
// a convolution does, all of them.
static void model_layers(up_model_t *self, up_layer_t *layer, const up_layer_t *end, const float *first, float *out, size_t n_frames) {
    const up_layer_t *last = self->layer + self->n_layers - 1;
    for (; layer < end; layer++) {
        const float *a = layer->src ? self->slot[layer->src] : first;
        const float *b = layer->src2 ? self->slot[layer->src2] : first;
        const float *plus = layer->plus > 1 ? self->slot[layer->plus - 1] : layer->plus ? first : NULL;
        bool direct = layer == last && layer->op != UP_OP_CONV1D; // which writes more than there is room for
        model_run(self, layer, a, b, plus, direct ? out : self->slot[layer->dst], n_frames);
    }
    if (end > last && last->op == UP_OP_CONV1D) {
        up_planes_copy(out, 0, self->slot[last->dst], 0, 1, n_frames);
    }
}

static void model_chunk(up_model_t *self, const float *in, float *out, size_t n_frames) {
    model_layers(self, self->layer, self->layer + self->n_layers, model_input(self, in, n_frames), out, n_frames);
}

void up_model_process(up_model_t *self, const float *in, float *out, size_t n_frames) {
    if (self->q) {
        up_qmodel_process(self->q, in, out, n_frames);
        return;
    }
    while (n_frames) {
        size_t n = n_frames < UP_CHUNK ? n_frames : UP_CHUNK;
        model_chunk(self, in, out, n);
        in += n;
        out += n;
        n_frames -= n;
    }
}

// ---- in two parts ----------------------------------------------------------------------------

size_t up_model_slot_bytes(const up_model_t *self, int slot) {
    return self->q ? up_qmodel_slot_bytes(self->q, slot) : self->slot_bytes[slot];
}

void up_model_give(up_model_t *self, int slot, void *memory) {
    if (self->q) {
        up_qmodel_give(self->q, slot, memory);
    } else {
        self->slot[slot] = memory;
    }
}

void up_model_part(up_part_t *self, const up_model_t *model, uint32_t own, up_arena_t *arena) {
    self->model = *model;
    if (model->q) {
        self->q = *model->q;
        self->model.q = &self->q;
    }
    if (!arena) {
        return;
    }
    if (model->q) {
        up_qmodel_scratch(&self->q, arena);
    } else {
        self->model.cut = up_arena_take(arena, model->cut_planes * UP_CHUNK * sizeof(float));
    }
    for (int s = 0; s < UP_SLOTS; s++) {
        bool takes = (own >> s & 1) && up_model_slot_bytes(model, s);
        up_model_give(&self->model, s, takes ? up_arena_take(arena, up_model_slot_bytes(model, s)) : NULL);
    }
}

size_t up_model_file_layer(const up_model_t *self, size_t at) {
    return self->q ? self->q->layer[at].number : (size_t)(self->layer[at].record - self->info.layers) / UP_RECORD;
}

size_t up_model_at(const up_model_t *self, size_t file_layer) {
    size_t at = 0, n = self->q ? self->q->n_layers : self->n_layers;
    while (at < n && up_model_file_layer(self, at) < file_layer) {
        at++;
    }
    return at;
}

void up_model_front(up_model_t *self, const float *in, size_t end, size_t n_frames) {
    if (self->q) {
        up_qmodel_front(self->q, in, end, n_frames);
    } else {
        model_layers(self, self->layer, self->layer + end, model_input(self, in, n_frames), NULL, n_frames);
    }
}

void up_model_back(up_model_t *self, size_t first, float *out, size_t n_frames) {
    if (self->q) {
        up_qmodel_back(self->q, first, out, n_frames);
    } else {
        model_layers(self, self->layer + first, self->layer + self->n_layers, self->slot[0], out, n_frames);
    }
}
