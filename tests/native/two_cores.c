// Two threads on one model: two_cores FILE.upm INPUT.f32 [rounds]. Linked with -Wl,--wrap=up_model_back, so that the second
// core can be made late inside a block. Prints what failed, and how many blocks the second core ran.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "up_split.h"

enum { MOST = 512 };
static float input[MOST], want[MOST], got[MOST];
static size_t n_input;
static uint8_t *file;
static size_t file_size;
static long helped, stolen;
static __thread uint32_t dice; // 0: never late

static uint32_t roll(void) {
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return dice;
}

static void dawdle(void) {
    if (dice && roll() % 4 == 0) {
        struct timespec t = { 0, (long)(roll() % 60000) };
        nanosleep(&t, NULL);
    }
}

void __real_up_model_back(up_model_t *self, size_t first, float *out, size_t n_frames);
void __wrap_up_model_back(up_model_t *self, size_t first, float *out, size_t n_frames) {
    dawdle();
    __real_up_model_back(self, first, out, n_frames);
    dawdle();
}

static void relax(void) {
    sched_yield();
}

static void *serve(void *arg) {
    up_worker_t *worker = arg;
    dice = 2463534242u;
    while (!__atomic_load_n(&worker->stop, __ATOMIC_SEQ_CST)) {
        if (!up_worker_round(worker)) {
            sched_yield();
        }
        dawdle();
    }
    return NULL;
}

static void *memory(size_t bytes) {
    void *at = NULL;
    if (posix_memalign(&at, 16, bytes + 16)) {
        exit(2);
    }
    memset(at, 0, bytes + 16);
    return at;
}

static up_model_t *open_model(void **arena) {
    up_arena_t measure = { NULL, 0, 0 };
    up_model_t *model;
    if (up_model_layout(&model, file, file_size, &measure)) {
        exit(2);
    }
    *arena = memory(measure.used);
    up_arena_t real = { *arena, measure.used, 0 };
    up_model_layout(&model, file, file_size, &real);
    return model;
}

// Of exactly the size that was asked for, so that a sanitizer sees what goes beyond.
static up_split_t *open_split(up_model_t *model, size_t cut, size_t frames, void **arena) {
    up_arena_t measure = { NULL, 0, 0 };
    up_split_t *split;
    *arena = NULL;
    if (up_split_layout(&split, model, cut, frames, &measure)) {
        return NULL;
    }
    *arena = memory(measure.used);
    up_arena_t real = { *arena, measure.used, 0 };
    return up_split_layout(&split, model, cut, frames, &real) ? NULL : split;
}

static float knob_at(size_t t, uint32_t k) {
    return (float)((t / 96 + k) % 3) * 0.4f;
}

static void set_knobs(up_model_t *model, size_t t) {
    float values[UP_MAX_INPUTS];
    for (uint32_t k = 0; k < UP_MAX_INPUTS; k++) {
        values[k] = knob_at(t, k);
    }
    up_model_set_knobs(model, values);
}

static size_t block_of(size_t frames, size_t turn) {
    return turn % 5 == 3 && frames > 1 ? frames / 2 : turn % 7 == 4 && frames > 2 ? frames - 1 : frames;
}

// Plays the input, in blocks that are now and then shorter; knobs move between blocks. split: NULL for one core.
static bool play(up_model_t *model, up_split_t *split, size_t frames, float *out) {
    size_t turn = 0;
    for (size_t t = 0, n; t < n_input; t += n, turn++) {
        n = block_of(frames, turn);
        n = n < n_input - t ? n : n_input - t;
        set_knobs(model, t);
        dawdle();
        if (split && turn % 3 == 1) { // in place
            memcpy(out + t, input + t, n * sizeof(float));
            if (!up_split_process(split, out + t, out + t, n)) {
                return false;
            }
        } else if (!split) {
            up_model_process(model, input + t, out + t, n);
        } else if (!up_split_process(split, input + t, out + t, n)) {
            return false;
        }
    }
    return true;
}

static int failures;
static void expect(bool good, const char *what, size_t cut, size_t frames) {
    if (!good) {
        printf("FAILED %s: cut %zu, blocks of %zu\n", what, cut, frames);
        failures++;
    }
}

static bool delayed(size_t frames) {
    for (size_t t = 0; t < n_input; t++) {
        if (up_bits(got[t]) != (t < frames ? 0 : up_bits(want[t - frames]))) {
            return false;
        }
    }
    return true;
}

static void one_split(up_model_t *model, size_t cut, size_t frames, up_worker_t *worker) {
    void *arena;
    up_split_t *split = open_split(model, cut, frames, &arena);
    if (!split) { // nothing is left behind a GRU with its head
        free(arena);
        return;
    }
    up_model_reset(model);
    play(model, NULL, frames, want);
    up_model_reset(model);
    if (worker) {
        expect(up_worker_add(worker, split), "add", cut, frames);
    }
    for (int again = 0; again < 2; again++) {
        expect(play(model, split, frames, got), "play", cut, frames);
        expect(delayed(frames), again ? "the same after clear and reset" : "identical", cut, frames);
        expect(up_split_clear(split), "clear", cut, frames);
        up_model_reset(model);
    }
    if (worker) { // taken away in the middle, and back in
        size_t half = n_input / 2;
        size_t all = n_input;
        n_input = half - half % frames;
        play(model, split, frames, got);
        n_input = all;
        expect(up_worker_remove(worker, split), "remove", cut, frames);
        helped += split->put - split->here;
        stolen += split->here;
    }
    expect(split->lost == 0, "none lost", cut, frames);
    free(arena);
    up_model_reset(model);
}

static void hangs(up_model_t *model, size_t cut) {
    void *arena;
    enum { FRAMES = 16 };
    up_worker_t worker;
    up_split_t *split = open_split(model, cut, FRAMES, &arena);
    if (!split) {
        free(arena);
        return;
    }
    up_worker_init(&worker);
    worker.patience = 100;
    up_worker_add(&worker, split);
    up_model_reset(model);
    expect(play(model, split, FRAMES, got), "a worker that never came", cut, FRAMES);
    worker.at = split; // as if the second core hung inside a block
    float x[FRAMES] = { 0.25f }, y[FRAMES];
    y[0] = 7.0f;
    expect(!up_split_process(split, x, y, FRAMES) && y[0] == 7.0f, "refuses and leaves out alone", cut, FRAMES);
    expect(!up_split_process(split, x, y, FRAMES) && split->lost == 2, "refuses at once, counted", cut, FRAMES);
    expect(!up_split_clear(split) && !up_worker_remove(&worker, split), "neither clear nor remove", cut, FRAMES);
    worker.at = NULL;
    expect(up_split_process(split, x, y, FRAMES) && y[0] == 0.0f, "comes back with silence", cut, FRAMES);
    expect(!up_worker_round(&worker), "removed", cut, FRAMES);
    expect(up_worker_remove(&worker, split), "remove", cut, FRAMES);
    up_model_reset(model);
    expect(up_split_clear(split), "clear", cut, FRAMES);
    play(model, NULL, FRAMES, want);
    up_model_reset(model);
    expect(play(model, split, FRAMES, got) && delayed(FRAMES), "identical after a hang", cut, FRAMES);
    free(arena);
}

static void *slurp(const char *name, size_t *size) {
    FILE *f = fopen(name, "rb");
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    void *at = memory(*size);
    if (fread(at, 1, *size, f) != *size) {
        exit(2);
    }
    fclose(f);
    return at;
}

int main(int argc, char **argv) {
    static const size_t blocks[] = { 1, 2, 7, 16, 31, 32, 33, 48, 64, 65, 128, 192 };
    if (argc < 4) {
        return 2;
    }
    size_t bytes, cuts = 0;
    bool threads = !strcmp(argv[3], "threads");
    file = slurp(argv[1], &file_size);
    float *x = slurp(argv[2], &bytes);
    n_input = bytes / sizeof(float) < MOST ? bytes / sizeof(float) : MOST;
    memcpy(input, x, n_input * sizeof(float));
    free(x);
    void *arena;
    up_model_t *model = open_model(&arena);
    up_worker_t worker;
    up_worker_init(&worker);
    worker.relax = relax;
    pthread_t thread;
    if (threads && pthread_create(&thread, NULL, serve, &worker)) {
        return 2;
    }
    dice = threads ? 88172645u : 0;
    for (size_t cut = 1; cut < model->info.n_layers; cut++) {
        void *tried;
        cuts += open_split(model, cut, 1, &tried) != NULL;
        free(tried);
        for (size_t b = 0; b < sizeof(blocks) / sizeof(blocks[0]); b++) {
            if (!threads || b % 4 == cut % 4) {
                one_split(model, cut, blocks[b], threads ? &worker : NULL);
            }
        }
        if (!threads) {
            hangs(model, cut);
        }
    }
    if (threads) {
        up_worker_stop(&worker);
        pthread_join(thread, NULL);
    }
    size_t best = up_split_best_cut(model);
    free(arena);
    free(file);
    printf("%zu cuts, best before layer %zu, helped %ld stolen %ld, %d failures\n", cuts, best, helped, stolen, failures);
    return failures != 0;
}
