// SPDX-License-Identifier: MIT
// Damages .upm files in every way it can think of and runs whatever the reader still accepts.
//     fuzz_upm RUNS SEED FILE...
// Prints how many files were refused by which check; a crash or a sanitizer report is the failure.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "up_model.h"

enum { MOST = 1 << 16, ARENA = 1 << 18, SEEDS = 64 };

static uint32_t state;

static uint32_t rnd(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return below ? state % below : state;
}

static uint32_t crc(const uint8_t *p, size_t n, uint32_t c) {
    while (n--) {
        c ^= *p++;
        for (int k = 0; k < 8; k++) {
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        }
    }
    return c;
}

static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

// A value a careless reader trips over.
static uint32_t awkward(void) {
    static const uint32_t v[] = { 0, 1, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
        0x7fffffff, 0x80000000u, 0xfffffff0u, 0xffffffffu, 0x7f800000, 0x7fc00000, 0x3f800000 };
    return rnd(4) ? v[rnd(sizeof(v) / sizeof(*v))] : rnd(0);
}

static size_t damage(uint8_t *b, size_t n) {
    for (uint32_t times = 1 + rnd(3); times; times--) {
        // Mostly the header, the section table and the layer list: weights are just numbers.
        size_t at = rnd(4) ? rnd(n < 512 ? (uint32_t)n : 512) : rnd((uint32_t)n);
        uint32_t v = awkward();
        switch (rnd(6)) {
            case 0: b[at] ^= (uint8_t)(1u << rnd(8)); break;
            case 1: b[at] = (uint8_t)v; break;
            case 2: if (at + 2 <= n) { b[at & ~(size_t)1] = (uint8_t)v; b[at | 1] = (uint8_t)(v >> 8); } break;
            case 3: if ((at & ~(size_t)3) + 4 <= n) { put32(b + (at & ~(size_t)3), v); } break;
            case 4: if (n > 64 && !rnd(4)) { n -= rnd((uint32_t)n); } break;
            default: if ((at & ~(size_t)3) + 4 <= n && at >= 4) { memmove(b + (at & ~(size_t)3), b + rnd((uint32_t)(n - 4)), 4); }
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

// Runs an accepted file in an arena of exactly the size it asked for.
static void use(const uint8_t *b, size_t n, size_t bytes) {
    uint8_t *memory = malloc(bytes);
    up_arena_t arena = { memory, bytes, 0 };
    up_model_t *model;
    if (!memory || up_model_layout(&model, b, n, &arena) != 0) {
        abort(); // measured and laid out must agree
    }
    float x[100];
    for (int i = 0; i < 100; i++) {
        x[i] = (float)(int)(rnd(2001) - 1000) * 1e-3f;
    }
    up_model_process(model, x, x, 100);
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
