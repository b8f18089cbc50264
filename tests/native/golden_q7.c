// SPDX-License-Identifier: MIT
// Plays chains of q7 convolutions from a file of cases, as the core lays them out and runs them, and writes
// the last layer's integers: tests/native/test_golden_q7.py compares them.
// It reads cases.bin and writes out.bin, where it is started: a board has no arguments.
// A case, int32 words: layers, channels in, frames, calls, then frames of each call. Each layer: int32 out, in,
// taps, dilation, weight bits, output shift, ReLU, wide, bytes; then that many bytes of weights and biases as in
// a .upm. Then int8 input [frame][channel]. The result is int32 [frame][out].
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "up_model.h"
#include "up_qmodel.c" // its static functions run one layer

enum { MOST_LAYERS = 16, PAD = -32768 };

typedef struct {
    int32_t n_layers, in, frames, calls;
    int32_t *sizes;
    uint8_t records[MOST_LAYERS * UP_RECORD], *weights;
    size_t weights_size;
} case_t;

static void check(int fine, const char *what) {
    if (!fine) {
        fprintf(stderr, "golden_q7: %s\n", what);
        exit(1);
    }
}

static void *take(size_t bytes) {
    void *p = malloc(bytes + !bytes);
    check(p != NULL, "out of memory");
    return p;
}

static void read_in(FILE *f, void *to, size_t bytes) {
    check(fread(to, 1, bytes, f) == bytes, "the cases end too early");
}

static void put(uint8_t *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

// A layer of the cases as a record of a .upm, its weights behind those so far.
static void read_layer(FILE *f, case_t *c, int k) {
    int32_t v[9]; // out, in, taps, dilation, weight bits, output shift, ReLU, wide, bytes
    read_in(f, v, sizeof(v));
    uint8_t *r = c->records + k * UP_RECORD;
    memset(r, 0, UP_RECORD);
    r[0] = UP_OP_CONV1D;
    r[1] = (uint8_t)(v[6] ? UP_ACT_RELU : UP_ACT_LINEAR);
    r[2] = (uint8_t)(k ? 2 - k % 2 : 0);
    r[4] = (uint8_t)(1 + k % 2);
    put(r + 6, (uint32_t)v[1], 2);
    put(r + 8, (uint32_t)v[0], 2);
    put(r + 10, (uint32_t)v[2], 2);
    put(r + 12, (uint32_t)v[3], 2);
    put(r + 16, (uint32_t)c->weights_size, 4);
    put(r + 20, (uint32_t)v[8], 4);
    put(r + 24, up_bits(1.0f), 4);
    r[30] = (uint8_t)(v[7] ? UP_QFLAG_WIDE : 0);
    put(r + 40, (uint32_t)v[4], 4);
    put(r + 44, (uint32_t)v[5], 4);
    c->weights = realloc(c->weights, c->weights_size + (size_t)v[8] + 16);
    check(c->weights != NULL, "out of memory");
    read_in(f, c->weights + c->weights_size, (size_t)v[8]);
    c->weights_size = (c->weights_size + (size_t)v[8] + 15) & ~(size_t)15;
}

static int read_case(FILE *f, case_t *c) {
    memset(c, 0, sizeof(*c));
    if (fread(&c->n_layers, sizeof(int32_t), 4, f) != 4) {
        return 0;
    }
    check(c->n_layers >= 1 && c->n_layers <= MOST_LAYERS, "too many layers");
    c->sizes = take((size_t)c->calls * sizeof(int32_t));
    read_in(f, c->sizes, (size_t)c->calls * sizeof(int32_t));
    for (int k = 0; k < c->n_layers; k++) {
        read_layer(f, c, k);
    }
    return 1;
}

// The file's checks, then the layout in an arena of just the size, full of junk.
static void *open_case(const case_t *c, up_qmodel_t *model) {
    up_qslots_t slots = { .channels = { (uint16_t)c->in }, .kind = { UP_QKIND_S8 } };
    for (int k = 0; k < c->n_layers; k++) {
        int error = up_qfile_layer(c->records + k * UP_RECORD, c->weights, c->weights_size, true, &slots);
        check(error == 0, up_error_text(error));
    }
    up_arena_t arena = { NULL, 0, 0 };
    for (int pass = 0; pass < 2; pass++) {
        if (pass) {
            arena = (up_arena_t){ take(arena.used), arena.used, 0 };
            memset(arena.base, 0xa5, arena.size);
        }
        up_qmodel_layout(model, c->records, (size_t)c->n_layers, c->weights, NULL, (size_t)c->in, true, &arena);
    }
    up_qmodel_reset(model);
    return arena.base;
}

// n frames of input, their padding full of junk, through every layer.
static void run(up_qmodel_t *model, const case_t *c, FILE *in, FILE *out, size_t n) {
    size_t lanes = 2 * up_qplanes((size_t)c->in);
    for (size_t t = 0; t < n; t++) {
        int8_t frame[UP_MAX_CHANNELS];
        read_in(in, frame, (size_t)c->in);
        for (size_t i = 0; i < lanes; i++) {
            model->slot[0][up_qat(i, t)] = (int16_t)(i < (size_t)c->in ? frame[i] : PAD);
        }
    }
    for (int k = 0; k < c->n_layers; k++) {
        qmodel_run(model, model->layer + k, n);
    }
    const up_qlayer_t *last = model->layer + c->n_layers - 1;
    for (size_t t = 0; t < n; t++) {
        int32_t frame[UP_MAX_CHANNELS];
        for (size_t i = 0; i < last->out; i++) {
            frame[i] = last->conv.wide ? model->wide[last->dst][t] : model->slot[last->dst][up_qat(i, t)];
        }
        check(fwrite(frame, sizeof(int32_t), last->out, out) == last->out, "cannot write");
    }
}

static void play(const case_t *c, FILE *in, FILE *out) {
    up_qmodel_t model;
    void *memory = open_case(c, &model);
    int32_t frames = 0;
    for (int32_t k = 0; k < c->calls; k++) {
        size_t left = (size_t)c->sizes[k];
        for (frames += c->sizes[k]; left; left -= left < UP_CHUNK ? left : UP_CHUNK) {
            run(&model, c, in, out, left < UP_CHUNK ? left : UP_CHUNK);
        }
    }
    check(frames == c->frames, "the calls do not add up");
    free(memory);
}

int main(void) {
    FILE *in = fopen("cases.bin", "rb"), *out = fopen("out.bin", "wb");
    check(in && out, "cannot open the files");
    case_t c;
    while (read_case(in, &c)) {
        play(&c, in, out);
        free(c.sizes);
        free(c.weights);
    }
    fclose(in);
    return fclose(out) ? 1 : 0;
}
