// SPDX-License-Identifier: MIT
// The checks of a .upm file (models/SPEC.md). A file is hostile until it has passed them all:
// sizes are bounded before they are multiplied, offsets are compared by subtraction.
#include "up_model.h"

enum { FILE_HEADER = 64, FILE_ENTRY = 16, FILE_LAYER = UP_RECORD, FILE_KNOB = 64 };

static uint32_t file_u16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t file_u32(const uint8_t *p) {
    return file_u16(p) | file_u16(p + 2) << 16;
}

static float file_f32(const uint8_t *p) {
    return up_from_bits(file_u32(p));
}

static bool file_all_zero(const uint8_t *p, size_t n) {
    uint8_t any = 0;
    while (n--) {
        any |= *p++;
    }
    return !any;
}

// CRC-32 (IEEE 802.3, reflected), four bits at a time.
static uint32_t file_crc(uint32_t crc, const uint8_t *p, size_t n) {
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    while (n--) {
        crc ^= *p++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static int file_header(const uint8_t *b, size_t size, up_info_t *info) {
    if (size < FILE_HEADER) {
        return UP_E_TRUNCATED;
    }
    if (b[0] != 'U' || b[1] != 'P' || b[2] != 'M' || b[3] != 'D') {
        return UP_E_MAGIC;
    }
    if (b[4] != UP_MAJOR) {
        return UP_E_VERSION;
    }
    if (file_u32(b + 8) > size) {
        return UP_E_TRUNCATED;
    }
    if (file_u32(b + 8) != size || file_u16(b + 6) != FILE_HEADER) {
        return UP_E_SIZE;
    }
    if ((file_crc(file_crc(~0u, b, 12), b + 16, size - 16) ^ ~0u) != file_u32(b + 12)) {
        return UP_E_CRC;
    }
    info->rate_hz = file_u32(b + 16);
    info->prewarm = file_u32(b + 20);
    info->receptive = file_u32(b + 24);
    info->arithmetic = b[28];
    info->grade = b[29];
    info->inputs = b[30];
    info->outputs = b[31];
    info->n_layers = (uint16_t)file_u16(b + 32);
    if (info->rate_hz < 1000 || info->rate_hz > 384000 || info->prewarm > 1u << 22
        || info->grade >= UP_GRADE_COUNT || info->inputs < 1 || info->inputs > UP_MAX_INPUTS
        || info->outputs != 1 || info->n_layers < 1 || info->n_layers > UP_MAX_LAYERS) {
        return UP_E_HEADER;
    }
    if (info->arithmetic >= UP_ARITH_COUNT) {
        return UP_E_ARITHMETIC;
    }
    if (info->arithmetic != UP_ARITH_F32 && info->grade != UP_GRADE_FAST) {
        return UP_E_HEADER;
    }
    return file_all_zero(b + 40, FILE_HEADER - 40) ? 0 : UP_E_RESERVED;
}

// Finds a section by tag. Each entry was found sound by file_sections.
static const uint8_t *file_find(const uint8_t *b, const char *tag, uint32_t *size) {
    const uint8_t *entry = b + file_u32(b + 36);
    for (uint32_t i = file_u16(b + 34); i; i--, entry += FILE_ENTRY) {
        if (file_u32(entry) == file_u32((const uint8_t *)tag)) {
            *size = file_u32(entry + 12);
            return b + file_u32(entry + 8);
        }
    }
    *size = 0;
    return NULL;
}

static bool file_known(uint32_t tag) {
    static const char known[6][5] = { "LAYR", "WGHT", "KNOB", "LEVL", "META", "SCAL" };
    for (int i = 0; i < 6; i++) {
        if (tag == file_u32((const uint8_t *)known[i])) {
            return true;
        }
    }
    return false;
}

static int file_sections(const uint8_t *b, size_t size) {
    uint32_t n = file_u16(b + 34), at = file_u32(b + 36), seen;
    if (n < 2 || n > 32 || at % 16 || at > size || (size - at) / FILE_ENTRY < n) {
        return UP_E_SECTION;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *entry = b + at + i * FILE_ENTRY;
        uint32_t flags = file_u32(entry + 4), offset = file_u32(entry + 8), bytes = file_u32(entry + 12);
        if (offset % 16 || offset < FILE_HEADER || offset > size || bytes > size - offset) {
            return UP_E_SECTION;
        }
        if (flags & ~1u) {
            return UP_E_RESERVED;
        }
        if (file_find(b, (const char *)entry, &seen) != b + offset || seen != bytes) {
            return UP_E_SECTION; // the same tag twice
        }
        if (flags & 1 && !file_known(file_u32(entry))) {
            return UP_E_REQUIRED;
        }
    }
    return 0;
}

// One layer's record, its numbers read.
typedef struct {
    uint32_t op, act, src, src2, dst, plus, in, out, taps, dilation, side, offset, bytes, gate, gate_act;
    float coef;
    const uint8_t *par; // 8 floats
} file_layer_t;

static file_layer_t file_record(const uint8_t *r) {
    file_layer_t l = {
        r[0], r[1], r[2], r[3], r[4], r[5], file_u16(r + 6), file_u16(r + 8), file_u16(r + 10), file_u16(r + 12),
        file_u16(r + 14), file_u32(r + 16), file_u32(r + 20), r[28], r[29], file_f32(r + 24), r + 32,
    };
    return l;
}

// Floats the layer takes from WGHT; 0 for a layer that has none. Fields are in range already.
static size_t file_layer_floats(const file_layer_t *l) {
    size_t slopes = l->act == UP_ACT_PRELU ? l->out : 0;
    slopes += l->gate && l->gate_act == UP_ACT_PRELU ? l->out : 0;
    switch (l->op) {
        case UP_OP_CONV1D: return up_matrix_floats(l->gate ? 2 * l->out : l->out, (size_t)l->in * l->taps + l->side) + slopes;
        case UP_OP_GRU: return up_gru_floats(l->in, l->out);
        case UP_OP_LSTM: return up_lstm_floats(l->in, l->out);
        case UP_OP_ACTIVATION: return slopes;
        default: return 0;
    }
}

// Ranges of one layer's fields, and that what an op does not use is 0.
static bool file_layer_ok(const file_layer_t *l) {
    bool conv = l->op == UP_OP_CONV1D, film = l->op == UP_OP_FILM, add = l->op == UP_OP_ADD;
    bool filter = l->op == UP_OP_EMPHASIS || l->op == UP_OP_DEEMPHASIS;
    bool same = l->op != UP_OP_CONV1D && l->op != UP_OP_GRU && l->op != UP_OP_LSTM;
    if (l->op < 1 || l->op > UP_OP_FILM || l->in < 1 || l->in > UP_MAX_CHANNELS || l->out < 1
        || l->out > UP_MAX_CHANNELS || l->side > UP_MAX_CHANNELS || l->act >= UP_ACT_COUNT || l->gate_act >= UP_ACT_COUNT
        || l->gate >= UP_GATE_COUNT || l->src >= UP_SLOTS || l->src2 >= UP_SLOTS || l->dst >= UP_SLOTS || l->dst == 0
        || l->plus > UP_SLOTS) {
        return false;
    }
    if (conv && (l->taps < 1 || l->taps > 65535 || l->dilation < 1 || (l->gate && l->out > UP_MAX_CHANNELS / 2)
        || (uint64_t)(l->taps - 1) * l->dilation * l->in > UP_MAX_ARENA / 16 || l->dst == l->src
        || (l->side && l->dst == l->src2) || l->plus == l->dst + 1)) {
        return false;
    }
    if (!conv && (l->taps || l->dilation || l->plus || l->gate || (l->side && !film) || (l->act && l->op != UP_OP_ACTIVATION))) {
        return false;
    }
    if ((l->gate_act && !l->gate) || (l->src2 && !add && !film && !l->side) || (film && l->dst == l->src2)) {
        return false;
    }
    if (!same && l->dst == l->src) {
        return false;
    }
    return (filter ? l->coef > -1.0f && l->coef < 1.0f : up_bits(l->coef) == 0) && (!same || l->in == l->out)
           && (!film || l->side == l->in || l->side == 2 * l->in);
}

static bool file_all_finite(const uint8_t *p, size_t n) {
    for (; n; n--, p += 4) {
        if (!up_is_finite(file_f32(p))) {
            return false;
        }
    }
    return true;
}

// One record: ranges, slots (width[s] = channels of slot s, 0 = not written yet), weights.
static int file_layer(const uint8_t *r, const up_info_t *info, uint16_t *width) {
    file_layer_t l = file_record(r);
    if (file_u16(r + 30)) {
        return UP_E_RESERVED;
    }
    if (!file_layer_ok(&l)) {
        return UP_E_LAYER;
    }
    if (width[l.src] != l.in || (l.op == UP_OP_ADD && width[l.src2] < l.in) || (l.side && width[l.src2] != l.side)
        || (l.plus && width[l.plus - 1] != l.out)) {
        return UP_E_SLOT;
    }
    width[l.dst] = (uint16_t)l.out;
    size_t floats = file_layer_floats(&l);
    if (l.offset % 16 || l.offset > info->weights_size || l.bytes > info->weights_size - l.offset
        || l.bytes / 4 != floats || l.bytes % 4) {
        return UP_E_WEIGHTS;
    }
    bool finite = file_all_finite(info->weights + l.offset, floats) && file_all_finite(l.par, 8);
    return finite ? 0 : UP_E_FINITE;
}

// The layers in order: each one's record, slots and weights.
static int file_layers(const up_info_t *info) {
    const uint8_t *r = info->layers;
    int error = 0;
    if (info->arithmetic != UP_ARITH_F32) {
        up_qslots_t slots = { .channels = { info->inputs }, .kind = { UP_QKIND_S16 } };
        for (uint32_t i = 0; i < info->n_layers && !error; i++, r += FILE_LAYER) {
            error = up_qfile_layer(r, info->weights, info->weights_size, info->arithmetic == UP_ARITH_Q7, &slots);
        }
        return error ? error : slots.channels[(r - FILE_LAYER)[4]] == 1 ? 0 : UP_E_SLOT;
    }
    uint16_t width[UP_SLOTS] = { info->inputs };
    for (uint32_t i = 0; i < info->n_layers && !error; i++, r += FILE_LAYER) {
        error = file_layer(r, info, width);
    }
    return error ? error : width[(r - FILE_LAYER)[4]] == 1 ? 0 : UP_E_SLOT;
}

// Units of the inputs of an integer model.
static int file_units(const uint8_t *b, up_info_t *info) {
    uint32_t size;
    const uint8_t *units = info->arithmetic ? file_find(b, "SCAL", &size) : NULL;
    info->units = (const float *)(const void *)units;
    if (!info->arithmetic) {
        return 0;
    }
    if (!units || size != 4u * info->inputs) {
        return UP_E_SECTION;
    }
    for (uint32_t k = 0; k < info->inputs; k++) {
        float u = file_f32(units + 4 * k);
        if (!(u > 0.0f && u <= 16777216.0f)) {
            return UP_E_UNITS;
        }
    }
    return 0;
}

int up_model_check(const void *blob, size_t size, up_info_t *info) {
    const uint8_t *b = blob;
    uint32_t layers_size, weights_size, knobs_size;
    int error = (uintptr_t)b & 15 ? UP_E_ALIGN : file_header(b, size, info);
    error = error ? error : file_sections(b, size);
    if (error) {
        return error;
    }
    info->layers = file_find(b, "LAYR", &layers_size);
    info->weights = file_find(b, "WGHT", &weights_size);
    info->knobs = file_find(b, "KNOB", &knobs_size);
    info->weights_size = weights_size;
    if (!info->layers || !info->weights || layers_size != (uint32_t)info->n_layers * FILE_LAYER
        || knobs_size != (info->inputs - 1u) * FILE_KNOB) {
        return UP_E_SECTION;
    }
    for (uint32_t k = 0; k + 1 < info->inputs; k++) {
        for (uint32_t at = 32; at < 44; at += 4) {
            float value = file_f32(info->knobs + k * FILE_KNOB + at);
            if (!(value >= -UP_MAX_KNOB && value <= UP_MAX_KNOB)) {
                return UP_E_FINITE;
            }
        }
    }
    error = file_units(b, info);
    return error ? error : file_layers(info);
}

const char *up_error_text(int error) {
    #define FILE_CASE(code, name, text) case code: return text;
    switch (error) {
        UP_ERRORS(FILE_CASE)
        default: return "no error";
    }
}
