// SPDX-License-Identifier: MIT
// A .upm file as a running model. The file (models/SPEC.md) is used in place: check() proves that
// every field, offset and weight is sound, layout() points into it, process() runs it.
#ifndef UP_MODEL_H
#define UP_MODEL_H

#include "up_conv1d.h"
#include "up_gru.h"
#include "up_lstm.h"
#include "up_qmodel.h"

UP_BEGIN_C

#define UP_MAJOR 1
#define UP_MAX_LAYERS 256
#define UP_MAX_INPUTS 8

enum {
    UP_OP_CONV1D = 1, UP_OP_GRU, UP_OP_ADD, UP_OP_EMPHASIS, UP_OP_DEEMPHASIS, UP_OP_LSTM, UP_OP_ACTIVATION,
    UP_OP_FILM, UP_OP_DITHER, UP_OP_COUNT // the last: in integer models only
};
enum { UP_RECORD = 64 }; // bytes of a layer in the file

// What a caller may want to know of a file; filled by up_model_check.
typedef struct {
    uint32_t rate_hz, prewarm, receptive; // receptive: frames, 0 = unbounded
    uint8_t arithmetic, grade, inputs, outputs;
    uint16_t n_layers;
    const uint8_t *layers; // n_layers records; point into the file
    const uint8_t *weights;
    const uint8_t *knobs;  // inputs - 1 records, or NULL
    const float *units;    // [inputs] of an integer model, else NULL
    size_t weights_size;
} up_info_t;

typedef struct {
    const uint8_t *record; // in the file: kind and numbers of the activations
    const float *slopes;   // of PReLU, the layer's then its gate's; else NULL
    uint8_t op, src, src2, dst, plus; // plus: 1 + the slot that is added to the output, 0: none
    uint8_t act, gate, gate_act;
    int8_t finish; // of a convolution: UP_FINISH_, -1: its activation is none of these
    uint16_t in, out;
    struct {
        const float *mix;      // dense layer that follows, or NULL
        uint8_t sum, to;       // 1 + the slot that is added, 0: none; where that goes
        uint8_t plus, out;     // of the dense layer
        bool on;
    } block;                   // a convolution that takes the next layers along: see up_block_t
    union {
        up_conv1d_t conv;
        up_gru_t *gru;   // in the arena, as they are large
        up_lstm_t *lstm;
        struct {
            float coef;
            float *z; // [in], last frame
        } filter;
        bool film_shift; // its second source holds shifts too
    };
} up_layer_t;

typedef struct {
    up_info_t info;
    up_qmodel_t *q;    // an integer model, and nothing of what follows; else NULL
    up_layer_t *layer; // [n_layers], those taken along by others not counted
    size_t n_layers;
    up_tables_t tables;
    float *slot[UP_SLOTS]; // planes of UP_CHUNK frames, one a channel, 16-byte aligned
    float *knobs;          // [inputs - 1]
    float *cut;            // [cut_planes] planes that convolutions need for a moment, one at a time
    uint32_t cut_planes;
    uint32_t slot_bytes[UP_SLOTS];
    bool copy_input;       // of a part: slot 0 is read after the caller's buffer is gone
} up_model_t;

// [setup] Everything in the file is checked here, once. 0 or a negative UP_E_.
int up_model_check(const void *blob, size_t size, up_info_t *info);

// [setup] Checks, then lays the model out in the arena; with arena->base == NULL only measures,
// and *self stays NULL. 0 or a negative UP_E_.
int up_model_layout(up_model_t **self, const void *blob, size_t size, up_arena_t *arena);
void up_model_reset(up_model_t *self); // [setup] silence, default knobs

// Sets all knobs (inputs - 1 values); false, and nothing set, if one is not finite.
bool up_model_set_knobs(up_model_t *self, const float *values);

// [audio] in [n] -> out [n]; in == out allowed. A frame that is not finite, or beyond
// +-1024, is read as 0.
void up_model_process(up_model_t *self, const float *in, float *out, size_t n_frames);

// ---- in two parts, for up_split ----
// A part has slots, and whatever else the layers of a chunk share, of its own; layers, weights and states are the model's.
typedef struct {
    up_model_t model;
    up_qmodel_t q;
} up_part_t;

// [setup] Memory for the slots of the bit mask `own` comes from the arena; with arena == NULL the part works in the model's.
void up_model_part(up_part_t *self, const up_model_t *model, uint32_t own, up_arena_t *arena);
size_t up_model_slot_bytes(const up_model_t *self, int slot);     // of a chunk; 0: never used
void up_model_give(up_model_t *self, int slot, void *memory);     // [audio] let a part's slot lie there, 16-byte aligned
size_t up_model_at(const up_model_t *self, size_t file_layer);    // place in the list that runs of that record, or the next after it
size_t up_model_file_layer(const up_model_t *self, size_t at);    // and back
// [audio] One chunk: input and layers before `end`; layers from `first` on and output.
void up_model_front(up_model_t *self, const float *in, size_t end, size_t n_frames);
void up_model_back(up_model_t *self, size_t first, float *out, size_t n_frames);

// Does the model still belong to this file? False where its arena was given to another model or cleared.
static inline bool up_model_is_of(const up_model_t *self, const void *blob, size_t size) {
    return (uintptr_t)self->info.layers - (uintptr_t)blob < size && (uintptr_t)self->info.weights - (uintptr_t)blob <= size;
}

const char *up_error_text(int error);

UP_END_C

#endif
