// SPDX-License-Identifier: MIT
// Runs the kernels of all effects on states that no program should write, and on ones that any may.
//     fuzz_fx RUNS SEED FILE [KERNEL...]
// FILE has a line for each kernel, "name words flags low high low high ...": words of memory behind its
// struct that a rig would give it, and the parameters' ranges. A flag: - none; b: its work depends on the
// block; cN: word N is a command, 0..7; iN: word N of an up_fir_t counts taps, which up_fir_load() takes.
// Run r of a case is `fuzz_fx 1 SEED+r FILE KERNEL` of the kernel it names. A fault ends the program, which then
// prints that; a sanitizer's report is a fault, and so is output that is not finite, or depends on the
// blocks, from parameters in range and input that is finite.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "up_kernels.h"

enum { MOST_PARAMS = 32, MOST_FRAMES = 300, MOST_EXTRA = 5000, PATIENCE_S = 60 };

typedef struct {
    const char *name;
    up_kernel_t *run;
    size_t bytes; // of the struct
    bool known;   // it has a line in FILE
    size_t words, params;
    bool by_block;
    size_t command, count; // words, or 0
    float low[MOST_PARAMS], high[MOST_PARAMS];
} kernel_t;

#define KERNEL(name) { #name, up_##name, sizeof(up_##name##_t), false, 0, 0, false, 0, 0, { 0 }, { 0 } },
static kernel_t kernels[] = { UP_KERNELS(KERNEL) };
enum { KERNELS = sizeof(kernels) / sizeof(*kernels) };

// ---- what is being done, for the last words ----

static const char *doing, *mode, *file;
static unsigned long seed;

static void last_words(void) {
    fprintf(stderr, "\n%s, %s: fuzz_fx 1 %lu %s %s\n", doing, mode, seed, file, doing);
}

static void ended(int signal_number) {
    fprintf(stderr, "%s", signal_number == SIGALRM ? "no end in sight" : "");
    last_words();
    _exit(1);
}

// Both sanitizers end by abort(), whose signal is ours to catch.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "abort_on_error=1";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) {
    return "abort_on_error=1:print_stacktrace=1";
}


// ---- numbers ----

static uint64_t state;

static uint32_t rnd(uint32_t below) { // splitmix64; 0: all 32 bits
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    uint32_t value = (uint32_t)((z ^ z >> 31) >> 16);
    return below ? value % below : value;
}

static float uniform(float low, float high) {
    return low + (high - low) * ((float)rnd(1 << 24) * (1.0f / (1 << 24)));
}

// What a careless kernel trips over, as a position, a size, a count or a float.
static uint32_t awkward(size_t bytes) {
    static const uint32_t bits[] = { 0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 0xffff, 0x10000, 0x7fffffff, 0x80000000u, 0x80000001u,
        0xfffffff0u, 0xffffffffu, 0x7f800000, 0xff800000u, 0x7fc00000, 0x7f7fffff, 0xff7fffffu, 0x3f800000, 0xbf800000u,
        0x00000100, 0x4f000000, 0xcf000000u, 0x4f800000, 0x47800000, 0x3f7fffff, 0x322bcc77 };
    uint32_t words = (uint32_t)(bytes / 4);
    switch (rnd(7)) {
        case 0: return rnd(0);
        case 1: return words + rnd(9) - 4; // near the end of the memory
        case 2: return (words + rnd(9) - 4) << (rnd(2) ? 16 : 2); // the same as a fixed-point position
        case 3: return rnd(words + 1);
        case 4: return up_bits(uniform(-2.0f, 2.0f) * (float)words);
        case 5: return up_bits(uniform(-1.5f, 1.5f));
        default: return bits[rnd(sizeof(bits) / sizeof(*bits))];
    }
}

static void scribble(uint32_t *words, size_t n, size_t bytes) {
    for (size_t i = 0; i < n; i++) {
        words[i] = awkward(bytes);
    }
}

// A block of one kind: any bits at all, a level up to +60 dBFS, one value, silence.
static void signal_in(float *x, size_t n, bool finite) {
    uint32_t kind = rnd(finite ? 5 : 7);
    float level = up_from_db(uniform(-100.0f, 60.0f)), value = uniform(-level, level);
    for (size_t i = 0; i < n; i++) {
        switch (kind) {
            case 0: x[i] = 0.0f; break;
            case 1: x[i] = value; break;
            case 2: x[i] = rnd(2) ? level : -level; break;
            case 3: case 4: x[i] = uniform(-level, level); break;
            case 5: x[i] = up_from_bits(rnd(0)); break;
            default: x[i] = rnd(8) ? uniform(-1.0f, 1.0f) : up_from_bits(awkward(4096));
        }
    }
}

// ---- states ----

static void *exactly(size_t bytes) { // ASan sees one byte too far
    void *memory = malloc(bytes + !bytes);
    if (!memory) {
        abort();
    }
    memset(memory, 0, bytes);
    return memory;
}

static void turn_knobs(const kernel_t *k, float *words, bool all) {
    for (size_t p = 0; p < k->params; p++) {
        if (all || !rnd(3)) {
            float low = k->low[p], high = k->high[p];
            words[1 + p] = !rnd(4) ? low : !rnd(3) ? high : uniform(low, high);
        }
    }
    if (k->command && !rnd(3)) {
        words[k->command] = (float)rnd(8);
    }
}

// Some taps, as many as the memory has room for.
static void give_taps(const kernel_t *k, void *memory, size_t bytes) {
    uint32_t *count = (uint32_t *)memory + k->count;
    float taps[UP_FIR_STEP];
    *count = UP_FIR_STEP << rnd(9);
    *count += rnd(*count) & ~(UP_FIR_STEP - 1u);
    up_fir_load(taps, 0, memory, bytes);
    while (((up_fir_t *)memory)->words > (bytes - k->bytes) / 4 && *count) {
        *count = *count / (2 * UP_FIR_STEP) * UP_FIR_STEP;
        up_fir_load(taps, 0, memory, bytes);
    }
    for (uint32_t i = 0; i < *count && k->run != up_fir_load; i += UP_FIR_STEP) {
        for (int j = 0; j < UP_FIR_STEP; j++) {
            taps[j] = uniform(-1.0f, 1.0f);
        }
        up_fir_load(taps, UP_FIR_STEP, memory, bytes);
    }
}

// At rest, with parameters in range.
static void at_rest(const kernel_t *k, void *memory, size_t bytes) {
    static const float rates[] = { 48000.0f, 44100.0f, 96000.0f, 8000.0f, 32000.0f };
    float *words = memory;
    words[0] = rates[rnd(2) ? 0 : rnd(5)];
    turn_knobs(k, words, true);
    if (k->count) {
        give_taps(k, memory, bytes);
    }
}

static size_t room_for(const kernel_t *k) {
    return k->bytes + 4 * (rnd(4) && k->words ? k->words : rnd(MOST_EXTRA / 4 + 1));
}

static void run_some(const kernel_t *k, void *memory, size_t bytes, bool finite) {
    size_t n = rnd(8) ? rnd(MOST_FRAMES + 1) : 0;
    float *x = exactly(n * sizeof(float));
    signal_in(x, n, finite);
    k->run(x, n, memory, bytes);
    free(x);
}

// ---- what is tried ----

static void all_garbage(const kernel_t *k) {
    size_t bytes = room_for(k), head = k->bytes / 4;
    uint32_t *memory = exactly(bytes);
    mode = "garbage in all of the state";
    scribble(memory, rnd(2) ? head : bytes / 4, bytes);
    for (uint32_t turn = 1 + rnd(12); turn; turn--) {
        run_some(k, memory, bytes, false);
        if (!rnd(3)) {
            scribble(memory, 1 + k->params < head ? 1 + k->params : head, bytes);
        }
        memory[rnd((uint32_t)head)] = awkward(bytes);
    }
    free(memory);
}

static void some_garbage(const kernel_t *k) {
    size_t bytes = room_for(k), head = k->bytes / 4;
    uint32_t *memory = exactly(bytes);
    mode = "a state as it is, then a few words of it garbage";
    at_rest(k, memory, bytes);
    for (uint32_t turn = 1 + rnd(20); turn; turn--) {
        for (uint32_t i = rnd(6); i; i--) {
            run_some(k, memory, bytes, rnd(8) != 0);
        }
        turn_knobs(k, (float *)memory, false);
        for (uint32_t i = 1 + rnd(3); i; i--) {
            memory[rnd(6) ? rnd((uint32_t)head) : rnd((uint32_t)(bytes / 4))] = awkward(bytes);
        }
    }
    free(memory);
}

// The same stretch in blocks of up to `most` frames.
static void in_blocks(const kernel_t *k, float *x, size_t n, void *memory, size_t bytes, uint32_t most) {
    while (n) {
        size_t m = 1 + rnd(most);
        m = m < n ? m : n;
        k->run(x, m, memory, bytes);
        x += m;
        n -= m;
    }
}

static void fault(const kernel_t *k, const float *words, size_t bytes, const char *what, size_t frame) {
    fprintf(stderr, "%s at frame %zu, %zu bytes,", what, frame, bytes);
    for (size_t p = 0; p <= k->params; p++) {
        fprintf(stderr, " %g", (double)words[p]);
    }
    last_words();
    exit(1);
}

static void in_range(const kernel_t *k) {
    size_t bytes = room_for(k), frame = 0;
    void *memory = exactly(bytes), *other = exactly(bytes);
    mode = "parameters in range";
    at_rest(k, memory, bytes);
    memcpy(other, memory, bytes);
    for (uint32_t turn = 20 + rnd(100); turn; turn--) {
        size_t n = rnd(MOST_FRAMES) + 1;
        float *x = exactly(n * sizeof(float)), *y = exactly(n * sizeof(float));
        signal_in(x, n, true);
        memcpy(y, x, n * sizeof(float));
        k->run(x, n, memory, bytes);
        in_blocks(k, y, n, other, bytes, rnd(2) ? 8 : 100);
        for (size_t i = 0; i < n; i++) {
            if (!up_is_finite(x[i])) {
                fault(k, memory, bytes, "output that is not finite", frame + i);
            }
            if (!k->by_block && up_bits(x[i]) != up_bits(y[i])) {
                fault(k, memory, bytes, "output that depends on the blocks", frame + i);
            }
        }
        free(x);
        free(y);
        frame += n;
        if (!rnd(4)) {
            turn_knobs(k, memory, false);
            memcpy(other, memory, (1 + k->params) * sizeof(float));
            if (k->command) {
                memcpy((float *)other + k->command, (float *)memory + k->command, sizeof(float));
            }
        }
    }
    free(memory);
    free(other);
}

// ---- FILE ----

static kernel_t *find(const char *name) {
    for (size_t i = 0; i < KERNELS; i++) {
        if (!strcmp(kernels[i].name, name)) {
            return kernels + i;
        }
    }
    fprintf(stderr, "no kernel %s\n", name);
    exit(2);
}

static void read_line(char *line) {
    char *word = strtok(line, " \n");
    kernel_t *k = find(word);
    k->known = true;
    k->words = strtoul(strtok(NULL, " \n"), NULL, 10);
    const char *flags = strtok(NULL, " \n"), *at;
    k->by_block = strchr(flags, 'b') != NULL;
    k->command = (at = strchr(flags, 'c')) ? strtoul(at + 1, NULL, 10) : 0;
    k->count = (at = strchr(flags, 'i')) ? strtoul(at + 1, NULL, 10) : 0;
    while ((word = strtok(NULL, " \n")) && k->params < MOST_PARAMS) {
        k->low[k->params] = strtof(word, NULL);
        k->high[k->params++] = strtof(strtok(NULL, " \n"), NULL);
    }
}

static void read_file(const char *path) {
    char line[2000];
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "%s: cannot open\n", path);
        exit(2);
    }
    while (fgets(line, sizeof(line), f)) {
        read_line(line);
    }
    fclose(f);
    for (size_t i = 0; i < KERNELS; i++) {
        if (!kernels[i].known) {
            fprintf(stderr, "%s: no line for %s\n", path, kernels[i].name);
            exit(2);
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: fuzz_fx RUNS SEED FILE [KERNEL...]\n");
        return 2;
    }
    long runs = atol(argv[1]);
    unsigned long first = strtoul(argv[2], NULL, 10);
    file = argv[3];
    read_file(file);
    signal(SIGALRM, ended);
    signal(SIGABRT, ended);
    for (long r = 0; r < runs; r++) {
        int names = argc - 4;
        const kernel_t *k = names ? find(argv[4 + r % names]) : kernels + r % KERNELS;
        state = seed = first + (unsigned long)r;
        doing = k->name;
        alarm(PATIENCE_S);
        switch (rnd(3)) {
            case 0: all_garbage(k); break;
            case 1: some_garbage(k); break;
            default: in_range(k);
        }
    }
    printf("%ld runs of %d kernels\n", runs, argc > 4 ? argc - 4 : KERNELS);
    return 0;
}
