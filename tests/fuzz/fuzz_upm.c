// SPDX-License-Identifier: MIT
// Damages .upm files in every way it can think of and runs whatever the reader still accepts.
//     fuzz_upm RUNS SEED FILE...
// Prints how many files were refused by which check; a crash or a sanitizer report is the failure.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "up_model.h"

enum { MOST = 1 << 16, ARENA = 1 << 18, SEEDS = 128, FRAMES = 150 };

static uint32_t state;

static uint32_t rnd(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return below ? state % below : state;
}

static uint32_t crc(const uint8_t *p, size_t n, uint32_t c) {
    static uint32_t table[256]; // of each byte, made at the first call
    for (uint32_t i = 0; !table[255] && i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++) {
            table[i] = table[i] & 1 ? table[i] >> 1 ^ 0xedb88320u : table[i] >> 1;
        }
    }
    while (n--) {
        c = c >> 8 ^ table[(c ^ *p++) & 255];
    }
    return c;
}

static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

static uint32_t get32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// A value a careless reader trips over.
static uint32_t awkward(void) {
    static const uint32_t v[] = { 0, 1, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
        0x7fffffff, 0x80000000u, 0xfffffff0u, 0xffffffffu, 0x7f800000, 0x7fc00000, 0x3f800000 };
    return rnd(4) ? v[rnd(sizeof(v) / sizeof(*v))] : rnd(0);
}

static size_t damage(uint8_t *b, size_t n) {
    for (uint32_t times = 1 + rnd(3); times; times--) {
        // Mostly the header, the section table and the layer list: a float weight is just a number. Those of
        // an integer model are checked, one by one and as sums, and so are its tables.
        bool integer = n > 28 && b[28];
        size_t at = rnd(integer ? 2 : 4) ? rnd(n < 512 ? (uint32_t)n : 512) : rnd((uint32_t)n);
        uint32_t v = awkward();
        size_t word = at & ~(size_t)3;
        switch (rnd(7)) {
            case 0: b[at] ^= (uint8_t)(1u << rnd(8)); break;
            case 1: b[at] = (uint8_t)v; break;
            case 2: if (at + 2 <= n) { b[at & ~(size_t)1] = (uint8_t)v; b[at | 1] = (uint8_t)(v >> 8); } break;
            case 3: if (word + 4 <= n) { put32(b + word, v); } break;
            case 4: if (n > 64 && !rnd(4)) { n -= rnd((uint32_t)n); } break;
            case 5: if (word + 4 <= n) { put32(b + word, get32(b + word) + 16 * (rnd(513) - 256)); } break; // an offset moved
            default: if (word + 4 <= n && at >= 4) { memmove(b + word, b + rnd((uint32_t)(n - 4)), 4); }
        }
        if (n < 1) {
            return 0;
        }
    }
    if (n >= 64 && rnd(16)) { // past the checksum, to the checks behind it
        if (rnd(8)) {
            put32(b + 8, (uint32_t)n);
        }
        put32(b + 12, ~crc(b + 16, n - 16, crc(b, 12, ~0u)));
    }
    return n;
}

// Noise up to full scale, of the two extremes only, of one throughout, or any float at all.
static float loud(uint32_t kind) {
    switch (kind) {
        case 0: return (float)(int)(rnd(2001) - 1000) * 1e-3f;
        case 1: return rnd(2) ? 1.0f : -1.0f;
        case 2: return -1.0f;
        default: return up_from_bits(rnd(0));
    }
}

// Runs an accepted file in an arena of exactly the size it asked for.
static void use(const uint8_t *b, size_t n, size_t bytes) {
    uint8_t *memory = malloc(bytes);
    up_arena_t arena = { memory, bytes, 0 };
    up_model_t *model;
    if (!memory || up_model_layout(&model, b, n, &arena) != 0) {
        abort(); // measured and laid out must agree
    }
    float x[FRAMES], knobs[UP_MAX_INPUTS];
    uint32_t kind = rnd(4);
    for (int k = 0; k < UP_MAX_INPUTS; k++) {
        knobs[k] = rnd(2) ? UP_MAX_KNOB : -UP_MAX_KNOB;
    }
    if (rnd(2)) {
        up_model_set_knobs(model, knobs);
    }
    for (int i = 0; i < FRAMES; i++) {
        x[i] = loud(kind);
    }
    uint32_t cut = rnd(FRAMES + 1);
    up_model_process(model, x, x, cut);
    up_model_process(model, x + cut, x + cut, FRAMES - cut);
    free(memory);
}

static uint8_t *slurp(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    uint8_t *b = malloc(MOST);
    if (!f || !b) {
        fprintf(stderr, "%s: cannot open\n", path);
        exit(2);
    }
    *n = fread(b, 1, MOST, f);
    fclose(f);
    return b;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: fuzz_upm RUNS SEED FILE...\n");
        return 2;
    }
    unsigned refused[32] = { 0 }, accepted = 0;
    uint8_t *files[SEEDS];
    size_t sizes[SEEDS];
    int n_files = argc - 3 < SEEDS ? argc - 3 : SEEDS;
    for (int i = 0; i < n_files; i++) {
        files[i] = slurp(argv[3 + i], sizes + i);
    }
    uint8_t *seed = malloc(MOST);
    long runs = atol(argv[1]);
    state = (uint32_t)atol(argv[2]) | 1;
    for (long r = 0; r < runs; r++) {
        size_t n = sizes[r % n_files];
        memcpy(seed, files[r % n_files], n);
        n = damage(seed, n);
        uint8_t *exact = malloc(n + !n); // malloc aligns to 16, and ASan sees one byte too far
        memcpy(exact, seed, n);
        up_arena_t measure = { NULL, 0, 0 };
        up_model_t *model;
        int error = up_model_layout(&model, exact, n, &measure);
        if (error) {
            refused[-error]++;
        } else {
            accepted++;
            if (measure.used <= ARENA) {
                use(exact, n, measure.used);
            }
        }
        free(exact);
    }
    free(seed);
    while (n_files) {
        free(files[--n_files]);
    }
    printf("%ld files: %u accepted\n", runs, accepted);
    for (int e = 1; e < 32; e++) {
        if (refused[e]) {
            printf("%8u  %s\n", refused[e], up_error_text(-e));
        }
    }
    return 0;
}
