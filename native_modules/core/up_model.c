// SPDX-License-Identifier: MIT
// Lays a checked .upm out in an arena and runs it; see up_model.h.
#include "up_model.h"

enum { MODEL_RECORD = 48, MODEL_KNOB = 64, MODEL_KNOB_DEFAULT = 40 };

// Bits of 1024.0, 60 dB over full scale: no such sample is sound, and sums stay where look-ups are exact.
#define MODEL_ABSURD 0x44800000u

static uint16_t model_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t model_u32(const uint8_t *p) {
    return model_u16(p) | (uint32_t)model_u16(p + 2) << 16;
}

static size_t model_width(const up_layer_t *layer) {
    return layer->op == UP_OP_CONV1D ? layer->conv.out : layer->out;
}

// Weights at an offset of WGHT that check() found in range and 16-aligned.
static const float *model_weights(const up_info_t *info, const uint8_t *r) {
    return (const float *)(const void *)(info->weights + model_u32(r + 16));
}

static void model_parse(up_layer_t *self, const uint8_t *r) {
    self->op = r[0];
    self->act = r[1];
    self->src = r[2];
    self->src2 = r[3];
    self->dst = r[4];
    self->in = model_u16(r + 6);
    self->out = model_u16(r + 8);
    self->coef = up_from_bits(model_u32(r + 24));
}

static void model_layout_layer(up_layer_t *self, const uint8_t *r, const float *weight,
    const up_tables_t *tables, up_arena_t *arena) {
    if (self->op == UP_OP_CONV1D) {
        self->conv.weight = weight;
        self->conv.in = self->in;
        self->conv.out = self->act == UP_ACT_GATED ? 2u * self->out : self->out;
        self->conv.taps = model_u16(r + 10);
        self->conv.dilation = model_u16(r + 12);
        up_conv1d_layout(&self->conv, arena, UP_CHUNK);
    } else if (self->op == UP_OP_GRU) {
        self->gru.inputs = self->in;
        self->gru.hidden = self->out;
        self->gru.head = NULL;
        self->gru.tables = *tables;
        up_gru_layout(&self->gru, weight, arena);
    } else if (self->op != UP_OP_ADD) {
        self->z = up_arena_take(arena, self->in * sizeof(float));
    }
}

// Is `r`, at index i + 1, a dense layer of one output that alone reads the GRU before it?
static bool model_is_head(const up_info_t *info, uint32_t i, uint8_t gru_dst) {
    if (i + 1 >= info->n_layers) {
        return false;
    }
    const uint8_t *r = info->layers + (i + 1) * MODEL_RECORD;
    if (r[0] != UP_OP_CONV1D || r[1] != UP_ACT_LINEAR || r[2] != gru_dst || model_u16(r + 8) != 1 || model_u16(r + 10) != 1) {
        return false;
    }
    if (r[4] == gru_dst) {
        return true;
    }
    for (i += 2; i < info->n_layers; i++) {
        const uint8_t *later = info->layers + i * MODEL_RECORD;
        if (later[2] == gru_dst || (later[0] == UP_OP_ADD && later[3] == gru_dst)) {
            return false;
        }
    }
    return true;
}

static void model_layout_tables(const up_info_t *info, up_tables_t *tables, up_arena_t *arena) {
    bool any = false;
    for (uint32_t i = 0; i < info->n_layers; i++) {
        const uint8_t *r = info->layers + i * MODEL_RECORD;
        any |= r[0] == UP_OP_GRU || r[1] == UP_ACT_TANH || r[1] == UP_ACT_SIGMOID || r[1] == UP_ACT_GATED;
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
    size_t width[UP_SLOTS] = { info->inputs }; // the most a slot ever holds
    size_t now[UP_SLOTS] = { info->inputs };   // what it holds at this layer
    model_layout_tables(info, &m->tables, arena);
    m->knobs = up_arena_take(arena, (info->inputs - 1u) * sizeof(float));
    m->n_layers = 0;
    m->copy_input = info->inputs > 1;
    for (uint32_t i = 0; i < info->n_layers; i++, m->n_layers++) {
        const uint8_t *r = info->layers + i * MODEL_RECORD;
        up_layer_t one;
        model_parse(&one, r);
        model_layout_layer(&one, r, model_weights(info, r), &m->tables, arena);
        if (one.op == UP_OP_GRU && model_is_head(info, i, one.dst)) {
            i++;
            r += MODEL_RECORD;
            one.gru.head = model_weights(info, r);
            one.dst = r[4];
            one.out = 1;
        }
        // The last layer writes the caller's buffer; a convolution may not write what it reads.
        m->copy_input |= i + 1 == info->n_layers && one.op == UP_OP_CONV1D && one.src == 0;
        if (one.op == UP_OP_ADD) {
            one.stride2 = now[one.src2];
        }
        now[one.dst] = one.out;
        size_t wide = model_width(&one);
        width[one.dst] = wide > width[one.dst] ? wide : width[one.dst];
        if (layer) {
            layer[m->n_layers] = one;
        }
    }
    for (int s = 0; s < UP_SLOTS; s++) {
        m->slot[s] = width[s] ? up_arena_take(arena, UP_CHUNK * width[s] * sizeof(float)) : NULL;
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
    scratch.layer = up_arena_take(arena, scratch.info.n_layers * sizeof(up_layer_t));
    model_layout_all(&scratch, scratch.layer, arena);
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

void up_model_reset(up_model_t *self) {
    up_tables_fill(&self->tables);
    for (uint32_t k = 0; k + 1 < self->info.inputs; k++) {
        self->knobs[k] = up_from_bits(model_u32(self->info.knobs + k * MODEL_KNOB + MODEL_KNOB_DEFAULT));
    }
    for (size_t i = 0; i < self->n_layers; i++) {
        up_layer_t *layer = self->layer + i;
        if (layer->op == UP_OP_CONV1D) {
            up_conv1d_reset(&layer->conv);
        } else if (layer->op == UP_OP_GRU) {
            up_gru_reset(&layer->gru);
        } else if (layer->op != UP_OP_ADD) {
            for (size_t c = 0; c < layer->in; c++) {
                layer->z[c] = 0.0f;
            }
        }
    }
}

bool up_model_set_knobs(up_model_t *self, const float *values) {
    bool finite = true;
    for (uint32_t k = 0; k + 1 < self->info.inputs; k++) {
        finite &= up_is_finite(values[k]);
    }
    for (uint32_t k = 0; finite && k + 1 < self->info.inputs; k++) {
        self->knobs[k] = values[k];
    }
    return finite;
}

// out may be a, but not b where b is wider.
static void model_add(const float *a, const float *b, float *out, size_t width, size_t stride, size_t n_frames) {
    if (width == stride) {
        n_frames *= width;
        width = stride = 1;
    }
    for (size_t t = 0; t < n_frames; t++, a += width, b += stride, out += width) {
        for (size_t c = 0; c < width; c++) {
            out[c] = a[c] + b[c];
        }
    }
}

// First-order emphasis y[t] = x[t] - c x[t-1], or its inverse y[t] = x[t] + c y[t-1].
static void model_filter(up_layer_t *layer, const float *in, float *out, size_t n_frames) {
    bool inverse = layer->op == UP_OP_DEEMPHASIS;
    float coef = inverse ? layer->coef : -layer->coef;
    for (size_t c = 0; c < layer->in; c++) {
        float z = layer->z[c];
        for (size_t i = c; i < n_frames * layer->in; i += layer->in) {
            float x = in[i];
            out[i] = up_fma(coef, z, x);
            z = inverse ? out[i] : x;
        }
        layer->z[c] = up_is_finite(z) ? z : 0.0f; // an overflow must not stay for ever
    }
}

static void model_run(up_layer_t *layer, const up_tables_t *tables, const float *a, const float *b,
    float *out, size_t n_frames) {
    switch (layer->op) {
        case UP_OP_CONV1D:
            up_conv1d_process(&layer->conv, a, out, n_frames);
            up_act_process(layer->act, tables, out, layer->conv.out, n_frames);
            break;
        case UP_OP_GRU:
            up_gru_process(&layer->gru, a, out, layer->out, n_frames);
            break;
        case UP_OP_ADD:
            model_add(a, b, out, layer->in, layer->stride2, n_frames);
            break;
        default:
            model_filter(layer, a, out, n_frames);
    }
}

// The chunk as slot 0: the caller's buffer where it can be used as it is, else a copy with the
// knobs beside each frame and 0 for what is no sample.
static const float *model_input(up_model_t *self, const float *in, size_t n_frames) {
    uint32_t worst = 0;
    for (size_t t = 0; t < n_frames; t++) {
        uint32_t magnitude = up_bits(in[t]) & 0x7fffffffu;
        worst = magnitude > worst ? magnitude : worst;
    }
    if (worst < MODEL_ABSURD && !self->copy_input) {
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
    const float *first = model_input(self, in, n_frames);
    up_layer_t *layer = self->layer, *last = layer + self->n_layers - 1;
    for (; layer <= last; layer++) {
        const float *a = layer->src ? self->slot[layer->src] : first;
        const float *b = layer->src2 ? self->slot[layer->src2] : first;
        // A gated layer spreads over twice its width, which only its slot has room for.
        bool direct = layer == last && layer->act != UP_ACT_GATED;
        model_run(layer, &self->tables, a, b, direct ? out : self->slot[layer->dst], n_frames);
    }
    if (last->act == UP_ACT_GATED) {
        for (size_t t = 0; t < n_frames; t++) {
            out[t] = self->slot[last->dst][t];
        }
    }
}

void up_model_process(up_model_t *self, const float *in, float *out, size_t n_frames) {
    while (n_frames) {
        size_t n = n_frames < UP_CHUNK ? n_frames : UP_CHUNK;
        model_chunk(self, in, out, n);
        in += n;
        out += n;
        n_frames -= n;
    }
}
