// SPDX-License-Identifier: MIT
// Hands blocks of a model from core to core; see up_split.h. No locks and no read-modify-write: words that one core
// writes and the other reads. Who may run the back is settled as Dekker did: each side writes that it wants in, then
// looks whether the other has; the loads and stores of that are sequentially consistent.
#include "up_split.h"

enum { SPLIT_TURNS = 64, SPLIT_IDLE = 4096 };
#if defined(__x86_64__) || defined(__i386__)
enum { SPLIT_PATIENCE = 1 << 26 }; // an operating system may take the core away for long
#else
enum { SPLIT_PATIENCE = 1 << 22 }; // some tenths of a second at 150 MHz
#endif

static uint32_t split_get(const uint32_t *word) {
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void split_set(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static bool split_is_at(const up_worker_t *worker, const up_split_t *split) {
    return worker && __atomic_load_n(&worker->at, __ATOMIC_SEQ_CST) == split;
}

// ---- waiting ---------------------------------------------------------------------------------

// The other core, if it sleeps in split_sleep(), looks again.
static void split_wake(void) {
    #if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && !defined(UP_NO_ASM)
    __asm volatile("dsb\n\tsev" ::: "memory");
    #endif
}

// Until the other core wakes this one, or an interrupt; a wake that came before is not lost. Elsewhere just a moment.
static void split_sleep(void) {
    #if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && !defined(UP_NO_ASM)
    __asm volatile("wfe" ::: "memory");
    #elif defined(__x86_64__) && !defined(UP_NO_ASM)
    __asm volatile("pause");
    #endif
}

// One turn of waiting for something short: now and then the operating system may run something else.
static void split_relax(const up_worker_t *worker, uint32_t turn) {
    if (worker->relax && turn % SPLIT_TURNS == 0) {
        worker->relax();
    }
    #if defined(__x86_64__) && !defined(UP_NO_ASM)
    __asm volatile("pause");
    #endif
}

// Wait until the worker is outside; false when it takes too long.
static bool split_outside(const up_split_t *self) {
    const up_worker_t *worker = self->worker;
    for (uint32_t left = worker ? worker->patience : 0; split_is_at(worker, self); left--) {
        if (!left) {
            return false;
        }
        split_relax(worker, left);
    }
    return true;
}

// ---- layout ----------------------------------------------------------------------------------

// Multiply-adds that an activation is worth, and a convolution by itself, of floats and of integers.
enum { SPLIT_ACT = 8, SPLIT_LAYER = 10, SPLIT_QLAYER = 40 };

static uint32_t split_u16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

// Slots that a record reads.
static uint32_t split_reads(const uint8_t *r) {
    uint32_t reads = 1u << r[2];
    bool second = r[0] == UP_OP_ADD || r[0] == UP_OP_FILM || split_u16(r + 14);
    reads |= second ? 1u << r[3] : 0;
    return reads | (r[5] ? 1u << (r[5] - 1) : 0);
}

static uint32_t split_work(const uint8_t *r, bool q) {
    uint32_t in = split_u16(r + 6), out = split_u16(r + 8), taps = split_u16(r + 10), side = split_u16(r + 14);
    switch (r[0]) {
        case UP_OP_CONV1D: {
            uint32_t rows = r[28] ? 2 * out : out;
            return (q ? SPLIT_QLAYER : SPLIT_LAYER) + rows * (in * taps + side) + SPLIT_ACT * ((r[1] ? out : 0) + (r[28] ? out : 0));
        }
        case UP_OP_GRU:
            return out * (3 * (in + out) + 3 * SPLIT_ACT);
        case UP_OP_LSTM:
            return out * (4 * (in + out) + 5 * SPLIT_ACT);
        default:
            return out * (r[0] == UP_OP_ACTIVATION ? SPLIT_ACT : 4);
    }
}

// Is there something to run on both sides? Then the cut as the first record behind it.
static bool split_sound(const up_model_t *model, size_t *cut) {
    size_t n = model->q ? model->q->n_layers : model->n_layers;
    size_t at = up_model_at(model, *cut);
    if (!at || at >= n) {
        return false;
    }
    *cut = up_model_file_layer(model, at);
    return true;
}

size_t up_split_best_cut(const up_model_t *model) {
    const uint8_t *layers = model->info.layers;
    uint32_t all = 0, before = 0, least = UINT32_MAX;
    size_t best = 0;
    for (size_t i = 0; i < model->info.n_layers; i++) {
        all += split_work(layers + i * UP_RECORD, model->q);
    }
    for (size_t i = 1; i < model->info.n_layers; i++) {
        before += split_work(layers + (i - 1) * UP_RECORD, model->q);
        size_t cut = i;
        uint32_t heavier = before > all - before ? before : all - before;
        if (heavier < least && split_sound(model, &cut) && cut == i) {
            least = heavier;
            best = i;
        }
    }
    return best;
}

// Slots that are written before the cut and read behind it, before they are written anew there; all that is touched behind it.
static uint32_t split_live(const up_info_t *info, size_t cut, uint32_t *touched) {
    uint32_t live = 0, fresh = 0;
    *touched = 0;
    for (size_t i = cut; i < info->n_layers; i++) {
        const uint8_t *r = info->layers + i * UP_RECORD;
        live |= split_reads(r) & ~fresh;
        fresh |= 1u << r[4];
        *touched |= split_reads(r) | 1u << r[4];
    }
    return live;
}

static void split_layout_all(up_split_t *self, size_t cut, up_arena_t *arena) {
    uint32_t touched, live = split_live(&self->model->info, cut, &touched);
    self->n_slots = 0;
    self->chunk_bytes = 0;
    for (int s = 0; s < UP_SLOTS; s++) {
        size_t bytes = up_model_slot_bytes(self->model, s);
        if ((live >> s & 1) && bytes) {
            self->offset[self->n_slots] = self->chunk_bytes;
            self->slot[self->n_slots++] = (uint8_t)s;
            self->chunk_bytes += (uint32_t)((bytes + 15) & ~(size_t)15);
        }
    }
    size_t chunks = (self->frames + UP_CHUNK - 1) / UP_CHUNK;
    self->half[0] = up_arena_take(arena, chunks * self->chunk_bytes);
    self->half[1] = up_arena_take(arena, chunks * self->chunk_bytes);
    self->line = up_arena_take(arena, 2 * self->frames * sizeof(float));
    up_model_part(&self->front, self->model, 0, NULL);
    if (!self->model->q) { // what reads the input behind the cut reads it later
        self->front.model.copy_input |= live & 1;
    }
    up_model_part(&self->back, self->model, touched & ~live, arena);
    up_arena_take(arena, UP_CHUNK * sizeof(float)); // kernels may read on behind a slot
}

// Silence for `frames` frames, and no block under way.
static void split_forget(up_split_t *self) {
    for (size_t i = 0; i < self->frames; i++) {
        self->line[i] = 0.0f;
    }
    self->read = 0;
    self->write = self->frames;
    split_set(&self->done, self->put);
}

int up_split_layout(up_split_t **self, up_model_t *model, size_t cut, size_t frames, up_arena_t *arena) {
    *self = NULL;
    cut = cut ? cut : up_split_best_cut(model);
    if (!frames || frames > UP_SPLIT_MAX_FRAMES || cut >= model->info.n_layers || !split_sound(model, &cut)) {
        return UP_E_CUT;
    }
    up_split_t *at = up_arena_take(arena, sizeof(*at)), scratch;
    up_split_t *to = at ? at : &scratch; // parts point into themselves: they are made where they stay
    *to = (up_split_t){ .model = model, .cut = (uint32_t)up_model_at(model, cut), .frames = (uint32_t)frames };
    split_layout_all(to, cut, arena);
    if (!arena->base) {
        return 0;
    }
    if (arena->used > arena->size) {
        return UP_E_ARENA;
    }
    split_forget(at);
    *self = at;
    return 0;
}

// ---- a block ---------------------------------------------------------------------------------

static void split_give(const up_split_t *self, up_part_t *part, uint8_t *chunk) {
    for (size_t i = 0; i < self->n_slots; i++) {
        up_model_give(&part->model, self->slot[i], chunk + self->offset[i]);
    }
}

static void split_front(up_split_t *self, const float *in, size_t n_frames) {
    uint8_t *chunk = self->half[self->put & 1];
    self->n[self->put & 1] = (uint32_t)n_frames;
    for (size_t n; n_frames; n_frames -= n, in += n, chunk += self->chunk_bytes) {
        n = n_frames < UP_CHUNK ? n_frames : UP_CHUNK;
        split_give(self, &self->front, chunk);
        up_model_front(&self->front.model, in, self->cut, n);
    }
}

// The back of the oldest block under way. Whoever calls this has it for itself.
static void split_back(up_split_t *self) {
    uint32_t job = split_get(&self->done), left = self->n[job & 1];
    uint8_t *chunk = self->half[job & 1];
    float out[UP_CHUNK];
    for (uint32_t n; left; left -= n, chunk += self->chunk_bytes) {
        n = left < UP_CHUNK ? left : UP_CHUNK;
        split_give(self, &self->back, chunk);
        up_model_back(&self->back.model, self->cut, out, n);
        for (uint32_t t = 0; t < n; t++) {
            self->line[self->write] = out[t];
            self->write = self->write + 1 == 2 * self->frames ? 0 : self->write + 1;
        }
    }
    split_set(&self->done, job + 1);
}

static void split_take(up_split_t *self, float *out, size_t n_frames) {
    for (size_t t = 0; t < n_frames; t++) {
        out[t] = self->line[self->read];
        self->read = self->read + 1 == 2 * self->frames ? 0 : self->read + 1;
    }
}

// ---- first core ------------------------------------------------------------------------------

// Is a block before `job` still to be finished?
static bool split_before(const up_split_t *self, uint32_t job) {
    return (int32_t)(split_get(&self->done) - job) < 0;
}

// Run the blocks before `job` here, where the worker is not at it; false where it is.
static bool split_steal(up_split_t *self, uint32_t job) {
    split_set(&self->hold, 1);
    bool mine = !split_is_at(self->worker, self);
    while (mine && split_before(self, job)) { // it may just have finished that one and the next
        split_back(self);
        self->here++;
    }
    split_set(&self->hold, 0);
    split_wake();
    return mine;
}

// All blocks before `job` are done, by whomever. False: the worker hangs in one, and is not let into another.
static bool split_finish(up_split_t *self, uint32_t job) {
    for (uint32_t left = self->worker ? self->worker->patience : 0; split_before(self, job); left--) {
        if (!split_is_at(self->worker, self) && split_steal(self, job)) {
            return true;
        }
        if (!left) {
            split_set(&self->hold, 1);
            self->stuck = true;
            return false;
        }
        split_relax(self->worker, left);
    }
    return true;
}

// When the worker has come out after all, what was under way is forgotten and it may go on.
static bool split_recover(up_split_t *self) {
    if (split_is_at(self->worker, self)) {
        return false;
    }
    split_forget(self);
    self->stuck = false;
    split_set(&self->hold, 0);
    return true;
}

bool up_split_process(up_split_t *self, const float *in, float *out, size_t n_frames) {
    while (n_frames) {
        size_t n = n_frames < self->frames ? n_frames : self->frames;
        if (self->stuck && !split_recover(self)) {
            self->lost++;
            return false;
        }
        uint32_t job = self->put;
        split_front(self, in, n);
        split_set(&self->put, job + 1);
        split_wake();
        if (!split_finish(self, job)) {
            self->lost++;
            return false;
        }
        split_take(self, out, n);
        in += n;
        out += n;
        n_frames -= n;
    }
    return true;
}

bool up_split_clear(up_split_t *self) {
    split_set(&self->hold, 1);
    if (!split_outside(self)) {
        self->stuck = true;
        return false;
    }
    split_forget(self);
    self->stuck = false;
    split_set(&self->hold, 0);
    return true;
}

void up_worker_init(up_worker_t *self) {
    *self = (up_worker_t){ .patience = SPLIT_PATIENCE };
}

bool up_worker_add(up_worker_t *self, up_split_t *split) {
    for (int i = 0; i < UP_WORKER_PLACES; i++) {
        if (!self->place[i]) {
            split->worker = self;
            __atomic_store_n(&self->place[i], split, __ATOMIC_SEQ_CST);
            return true;
        }
    }
    return false;
}

bool up_worker_remove(up_worker_t *self, up_split_t *split) {
    for (int i = 0; i < UP_WORKER_PLACES; i++) {
        if (self->place[i] == split) {
            __atomic_store_n(&self->place[i], NULL, __ATOMIC_SEQ_CST);
        }
    }
    if (split->worker != self || !split_outside(split)) {
        return split->worker != self;
    }
    split->worker = NULL;
    return true;
}

void up_worker_stop(up_worker_t *self) {
    split_set(&self->stop, 1);
    split_wake();
}

// ---- second core -----------------------------------------------------------------------------

// All blocks there are, unless the first core wants them.
static bool split_help(up_split_t *self) {
    bool any = false;
    while (!split_get(&self->hold) && split_get(&self->done) != split_get(&self->put)) {
        split_back(self);
        any = true;
    }
    return any;
}

bool up_worker_round(up_worker_t *self) {
    bool any = false;
    for (int i = 0; i < UP_WORKER_PLACES; i++) {
        up_split_t *split = __atomic_load_n(&self->place[i], __ATOMIC_SEQ_CST);
        if (split) {
            __atomic_store_n(&self->at, split, __ATOMIC_SEQ_CST);
            // Removed in the meantime, its memory may be another's: look again now that the first core can see us.
            any |= __atomic_load_n(&self->place[i], __ATOMIC_SEQ_CST) == split && split_help(split);
            __atomic_store_n(&self->at, NULL, __ATOMIC_SEQ_CST);
        }
    }
    return any;
}

void up_worker_serve(up_worker_t *self) {
    uint32_t idle = 0;
    while (!split_get(&self->stop)) {
        idle = up_worker_round(self) ? 0 : idle + 1;
        if (self->relax && idle > SPLIT_IDLE) {
            self->relax();
        } else if (idle) {
            split_sleep();
        }
    }
}
