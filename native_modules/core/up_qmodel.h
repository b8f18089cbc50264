// SPDX-License-Identifier: MIT
// The integer half of up_model: layers of a q15 or q7 file, laid out in the arena and run.
#ifndef UP_QMODEL_H
#define UP_QMODEL_H

#include "up_dither.h"
#include "up_qact.h"
#include "up_qconv1d.h"
#include "up_qrecur.h"

UP_BEGIN_C

enum { UP_ARITH_F32, UP_ARITH_Q15, UP_ARITH_Q7, UP_ARITH_COUNT };
enum { UP_QFLAG_WIDE = 1 };

typedef struct {
    uint8_t op, src, src2, dst, plus, gate; // as in the record; of a block what its last layer has
    uint8_t head;                           // of a block: the slot that its output is added to
    uint16_t number;                        // in the file
    bool wide_in;                           // de-emphasis: the source is int32
    uint16_t in, out, side;
    up_qact_t act, gate_act;
    const uint8_t *narrow; // q7: the file's weights, spread into the arena by reset; else NULL
    int32_t n[2];          // emphasis, de-emphasis, FiLM: the record's numbers
    int32_t factors;       // of a sum: x's (1 for a conv1d's own value) in the low half, x2's or plus's in the high
    int32_t *z;            // emphasis [in], de-emphasis [1]: last frame
    union {
        up_qconv1d_t conv;
        up_qgru_t gru;
        up_qlstm_t lstm;
        up_dither_t dither;
    };
} up_qlayer_t;

typedef struct {
    up_qlayer_t *layer; // [n_layers]
    const float *units; // [inputs], in the file
    int16_t *slot[UP_SLOTS]; // planes of the most channels it ever holds
    int32_t *wide[UP_SLOTS]; // [UP_CHUNK], of the slots that are ever written wide
    int16_t *spread;         // planes of 2 * channels of the widest gated layer
    up_word_t *columns;      // planes of the convolution that gathers the most
    uint16_t slot_planes[UP_SLOTS], spread_planes; // sizes of these
    uint32_t column_planes;
    int16_t *knobs;          // [inputs - 1]
    float scale;             // of the last layer
    uint16_t n_layers;
    uint8_t inputs;
    bool out_wide; // the last layer writes int32
    bool has_wide[UP_SLOTS];
} up_qmodel_t;

// [setup] `layers`, `weights`, `units`: parts of a file that up_qfile_layer found sound.
void up_qmodel_layout(up_qmodel_t *self, const uint8_t *layers, size_t n_layers, const uint8_t *weights,
    const float *units, size_t inputs, bool q7, up_arena_t *arena);
void up_qmodel_reset(up_qmodel_t *self);                          // [setup]
void up_qmodel_set_knobs(up_qmodel_t *self, const float *values); // finite values
void up_qmodel_process(up_qmodel_t *self, const float *in, float *out, size_t n_frames); // [audio]; in == out allowed

// In two parts: what up_model's functions of these names do. scratch: [setup] what layers share, anew from the arena.
void up_qmodel_scratch(up_qmodel_t *self, up_arena_t *arena);
size_t up_qmodel_slot_bytes(const up_qmodel_t *self, int slot);
void up_qmodel_give(up_qmodel_t *self, int slot, void *memory);
void up_qmodel_front(up_qmodel_t *self, const float *in, size_t end, size_t n_frames);
void up_qmodel_back(up_qmodel_t *self, size_t first, float *out, size_t n_frames);

// [setup] What a slot holds: channels and kind, at a point of the list of layers.
enum { UP_QKIND_NONE, UP_QKIND_S16, UP_QKIND_S8, UP_QKIND_WIDE };
typedef struct {
    uint16_t channels[UP_SLOTS];
    uint8_t kind[UP_SLOTS];
    bool ended; // something wide was written: only de-emphasis may follow
} up_qslots_t;
// [setup] Checks one record and its weights; 0 or a negative UP_E_.
int up_qfile_layer(const uint8_t *record, const uint8_t *weights, size_t weights_size, bool q7, up_qslots_t *slots);

UP_END_C

#endif
