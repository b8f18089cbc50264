// SPDX-License-Identifier: MIT
// Lays a checked .upm out in an arena and runs it; see up_model.h.
#include "up_model.h"

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

static up_lstm_t *model_layout_lstm(const up_layer_t *self, const float *weight, up_arena_t *arena) {
    up_lstm_t lstm = { .inputs = self->in, .hidden = self->out };
    up_lstm_t *at = up_arena_take(arena, sizeof(lstm));
    up_lstm_layout(&lstm, weight, arena);
    if (at) {
        *at = lstm;
    }
    return at;
}

// `wide2`: channels that src2 has when this layer reads it.
static void model_layout_layer(up_layer_t *self, const float *weight, size_t wide2, const up_tables_t *tables,
    up_arena_t *arena) {
    switch (self->op) {
        case UP_OP_CONV1D:
            model_layout_conv(self, weight, arena);
            break;
        case UP_OP_GRU:
            self->gru = model_layout_gru(self, weight, tables, arena);
            break;
        case UP_OP_LSTM:
            self->lstm = model_layout_lstm(self, weight, arena);
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
            self->stride2 = wide2;
    }
}

static bool model_reads(const uint8_t *r, uint8_t slot) {
    bool second = r[0] == UP_OP_ADD || r[0] == UP_OP_FILM || model_u16(r + 14);
    return r[2] == slot || (second && r[3] == slot) || r[5] == slot + 1;
}

// Is the layer behind the GRU at index i a plain dense one of one output that alone reads the GRU?
static bool model_is_head(const up_info_t *info, uint32_t i, uint8_t gru_dst) {
    if (i + 1 >= info->n_layers) {
        return false;
    }
    const uint8_t *r = info->layers + (i + 1) * UP_RECORD;
    if (r[0] != UP_OP_CONV1D || r[1] != UP_ACT_LINEAR || r[2] != gru_dst || r[5] || r[28] || model_u16(r + 8) != 1
        || model_u16(r + 10) != 1 || model_u16(r + 14)) {
        return false;
    }
    for (i += 2; i < info->n_layers; i++) {
        const uint8_t *later = info->layers + i * UP_RECORD;
        if (model_reads(later, gru_dst)) {
            return false;
        }
        if (later[4] == gru_dst) {
            break; // written anew
        }
    }
    return true;
}

static bool model_act_needs_table(uint8_t act) {
    return act == UP_ACT_TANH || act == UP_ACT_SIGMOID || act == UP_ACT_SILU;
}

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

// The last layer writes the caller's buffer. May that be the buffer slot 0 is read from?
static bool model_safe_in_place(const up_layer_t *last) {
    return !model_reads(last->record, 0) || (last->op == UP_OP_ADD && last->stride2 == last->in)
           || last->op == UP_OP_GRU || last->op == UP_OP_EMPHASIS || last->op == UP_OP_DEEMPHASIS
           || last->op == UP_OP_ACTIVATION;
}

// Fills m (a scratch copy when measuring) and layer[] (NULL when measuring).
static void model_layout_all(up_model_t *m, up_layer_t *layer, up_arena_t *arena) {
    const up_info_t *info = &m->info;
    size_t width[UP_SLOTS] = { info->inputs }; // the most a slot ever holds
    size_t now[UP_SLOTS] = { info->inputs };   // what it holds at this layer
    up_layer_t one;
    model_layout_tables(info, &m->tables, arena);
    m->knobs = up_arena_take(arena, (info->inputs - 1u) * sizeof(float));
    m->n_layers = 0;
    m->copy_input = info->inputs > 1;
    for (uint32_t i = 0; i < info->n_layers; i++, m->n_layers++) {
        const uint8_t *r = info->layers + i * UP_RECORD;
        model_parse(&one, r);
        model_layout_layer(&one, model_weights(info, r), now[one.src2], &m->tables, arena);
        if (one.op == UP_OP_GRU && model_is_head(info, i, one.dst)) {
            i++;
            r += UP_RECORD;
            if (one.gru) {
                one.gru->head = model_weights(info, r);
            }
            one.dst = r[4];
            one.out = 1;
        }
        size_t wide = one.op == UP_OP_CONV1D ? one.conv.out : one.out;
        width[one.dst] = wide > width[one.dst] ? wide : width[one.dst];
        now[one.dst] = one.out;
        if (layer) {
            layer[m->n_layers] = one;
        }
    }
    m->copy_in_place = !model_safe_in_place(&one);
    for (int s = 0; s < UP_SLOTS; s++) {
        m->slot[s] = width[s] ? up_arena_take(arena, (UP_CHUNK * width[s] + 3) * sizeof(float)) : NULL; // 3: a convolution's row padding
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

// out may be a, and b where b is no wider.
static void model_add(const float *a, const float *b, float *out, size_t width, size_t stride, size_t n_frames) {
    if (width == stride) {
        width *= n_frames;
        n_frames = 1;
    }
    for (size_t t = 0; t < n_frames; t++, a += width, b += stride, out += width) {
        for (size_t c = 0; c < width; c++) {
            out[c] = a[c] + b[c];
        }
    }
}

// Feature-wise linear modulation (Perez et al. 2018): y = s * x + m, both from slot b: [s], or [s, m].
static void model_film(const float *a, const float *b, float *out, size_t width, size_t stride, size_t n_frames) {
    for (size_t t = 0; t < n_frames; t++, a += width, b += stride, out += width) {
        for (size_t c = 0; c < width; c++) {
            out[c] = stride == width ? b[c] * a[c] : up_fma(b[c], a[c], b[width + c]);
        }
    }
}

// First-order emphasis y[t] = x[t] - c x[t-1], or its inverse y[t] = x[t] + c y[t-1].
static void model_filter(up_layer_t *layer, const float *in, float *out, size_t n_frames) {
    bool inverse = layer->op == UP_OP_DEEMPHASIS;
    float coef = inverse ? layer->filter.coef : -layer->filter.coef;
    for (size_t c = 0; c < layer->in; c++) {
        float z = layer->filter.z[c];
        for (size_t i = c; i < n_frames * layer->in; i += layer->in) {
            float x = in[i];
            out[i] = up_fma(coef, z, x);
            z = inverse ? out[i] : x;
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
        up_act_process(&f, tables, x, layer->out, 0, layer->out, n_frames);
    }
}

static void model_conv(up_model_t *self, up_layer_t *layer, const float *a, const float *b, const float *plus, float *out, size_t n_frames) {
    up_conv1d_process(&layer->conv, a, b, out, n_frames);
    model_activate(layer, &self->tables, out, n_frames);
    if (plus) {
        model_add(out, plus, out, layer->out, layer->out, n_frames);
    }
}

// An activation of its own: no weights before it hold the look-up's nodes per unit.
static void model_activation(up_model_t *self, up_layer_t *layer, const float *a, float *out, size_t n_frames) {
    bool fast = self->tables.tanh != NULL;
    float nodes = !fast ? 1.0f : layer->act == UP_ACT_TANH ? UP_TANH_NODES : layer->act == UP_ACT_SIGMOID ? UP_SIGMOID_NODES : 1.0f;
    for (size_t i = 0; i < n_frames * layer->in; i++) {
        out[i] = a[i] * nodes;
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
            up_gru_process(layer->gru, a, out, layer->out, n_frames);
            up_heal(layer->gru->v + layer->gru->inputs, layer->gru->hidden);
            break;
        case UP_OP_LSTM:
            up_lstm_process(layer->lstm, &self->tables, a, out, n_frames);
            up_heal(layer->lstm->v + layer->lstm->inputs, layer->lstm->hidden);
            up_heal(layer->lstm->c, layer->lstm->hidden);
            break;
        case UP_OP_ADD:
            model_add(a, b, out, layer->in, layer->stride2, n_frames);
            break;
        case UP_OP_FILM:
            model_film(a, b, out, layer->in, layer->stride2, n_frames);
            break;
        case UP_OP_ACTIVATION:
            model_activation(self, layer, a, out, n_frames);
            break;
        default:
            model_filter(layer, a, out, n_frames);
    }
}

// The chunk as slot 0: the caller's buffer where it can be used as it is, else a copy with the
// knobs beside each frame and 0 for what is no sample.
static const float *model_input(up_model_t *self, const float *in, bool copy, size_t n_frames) {
    uint32_t worst = 0;
    for (size_t t = 0; t < n_frames; t++) {
        uint32_t magnitude = up_bits(in[t]) & 0x7fffffffu;
        worst = magnitude > worst ? magnitude : worst;
    }
    if (worst < MODEL_ABSURD && !copy) {
        return in;
    }
    float *to = self->slot[0];
    for (size_t t = 0; t < n_frames; t++) {
        *to++ = (up_bits(in[t]) & 0x7fffffffu) < MODEL_ABSURD ? in[t] : 0.0f;
        for (uint32_t k = 0; k + 1 < self->info.inputs; k++) {
            *to++ = self->knobs[k];
        }
    }
    return self->slot[0];
}

static void model_chunk(up_model_t *self, const float *in, float *out, size_t n_frames) {
    const float *first = model_input(self, in, self->copy_input || (in == out && self->copy_in_place), n_frames);
    up_layer_t *layer = self->layer, *last = layer + self->n_layers - 1;
    for (; layer <= last; layer++) {
        const float *a = layer->src ? self->slot[layer->src] : first;
        const float *b = layer->src2 ? self->slot[layer->src2] : first;
        const float *plus = layer->plus > 1 ? self->slot[layer->plus - 1] : layer->plus ? first : NULL;
        // A gated layer spreads over twice its width, which only its slot has room for.
        bool direct = layer == last && !layer->gate;
        model_run(self, layer, a, b, plus, direct ? out : self->slot[layer->dst], n_frames);
    }
    if (last->gate) {
        for (size_t t = 0; t < n_frames; t++) {
            out[t] = self->slot[last->dst][t];
        }
    }
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
