// SPDX-License-Identifier: MIT
// The core without Python: play MODEL.upm < in.f32 > out.f32 (raw float32, any length).
#include <stdio.h>
#include <stdlib.h>

#include "up_model.h"

int main(int argc, char **argv) {
    static uint8_t file[1 << 20] __attribute__((aligned(16)));
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    size_t size = f ? fread(file, 1, sizeof(file), f) : 0;
    up_arena_t arena = { NULL, 0, 0 };
    up_model_t *model;
    int error = up_model_layout(&model, file, size, &arena); // measures
    arena = (up_arena_t){ malloc(arena.used), arena.used, 0 };
    error = error ? error : up_model_layout(&model, file, size, &arena);
    if (error) {
        fprintf(stderr, "play: %s\n", up_error_text(error));
        return 1;
    }
    float x[48];
    for (size_t n; (n = fread(x, sizeof(*x), 48, stdin)) > 0;) {
        up_model_process(model, x, x, n);
        fwrite(x, sizeof(*x), n, stdout);
    }
    return 0;
}
