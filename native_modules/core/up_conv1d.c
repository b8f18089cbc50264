// SPDX-License-Identifier: MIT
// Causal dilated convolution; see up_conv1d.h. History is kept a channel at a time. Of small dilations, a plane
// holds the past and behind it the chunk, and moves down after each: pointers to all taps stay. Of large ones it is
// a ring, so that a step costs no copying, whatever the dilation; the one tap that its end may cut is copied.
#include "up_conv1d.h"
#include "up_plane.h"
#include "up_tile.h"
#if defined(UP_CONV1D_BLOCKS)
#include "up_block_vfp.h"
#endif

enum {
    CONV1D_COLUMNS = UP_MAX_CHANNELS, // pointers that a table has room for: a tap's at least
    CONV1D_FIR = 16,                  // taps from which a single channel is worth a kernel of its own
    CONV1D_AHEAD = 8,                 // frames that it may read behind the last
};

static bool conv1d_is_fir(const up_conv1d_t *self) {
    return self->in == 1 && self->out == 1 && !self->side && self->dilation == 1 && self->taps >= CONV1D_FIR;
}

static size_t conv1d_columns(const up_conv1d_t *self) {
    return (size_t)self->taps * self->in + self->side;
}

void up_conv1d_layout(up_conv1d_t *self, up_arena_t *arena) {
    bool ring = up_conv1d_is_ring(self), table = !ring && !conv1d_is_fir(self) && conv1d_columns(self) <= CONV1D_COLUMNS;
    self->frames = (uint32_t)up_conv1d_history(self) + (ring ? 0 : UP_CHUNK);
    self->past = self->taps > 1 ? up_arena_take(arena, (self->frames * self->in + CONV1D_AHEAD) * sizeof(float)) : NULL;
    self->table = table ? up_arena_take(arena, conv1d_columns(self) * sizeof(*self->table)) : NULL;
    self->cut = NULL;
    self->at = 0;
}

static const float **conv1d_fill(const float **to, const float *plane, size_t stride, size_t n) {
    for (; n; n--, plane += stride) {
        *to++ = plane;
    }
    return to;
}

void up_conv1d_reset(up_conv1d_t *self) {
    for (size_t i = 0; self->past && i < self->frames * self->in + CONV1D_AHEAD; i++) {
        self->past[i] = 0.0f;
    }
    for (size_t k = 0; self->table && self->past && k < self->taps; k++) {
        conv1d_fill(self->table + k * self->in, self->past + k * self->dilation, self->frames, self->in);
    }
    if (self->table && !self->past) {
        *self->table = NULL;
    }
    self->at = 0;
}

// A tap that the ring's end cuts, in one piece.
static const float *conv1d_mend(const up_conv1d_t *self, size_t from, size_t n) {
    size_t frames = self->frames, run = frames - from;
    up_planes_copy(self->cut, UP_CHUNK, self->past + from, frames, self->in, run);
    up_planes_copy(self->cut + run, UP_CHUNK, self->past, frames, self->in, n - run);
    return self->cut;
}

// Tap k of the chunk. A ring's oldest lies where the chunk will go, its newest is the chunk itself.
static const float **conv1d_tap(const up_conv1d_t *self, const float *in, size_t k, const float **to, size_t n) {
    size_t frames = self->frames, from = self->at + k * self->dilation;
    if (k + 1 == self->taps && (!self->past || up_conv1d_is_ring(self))) {
        return conv1d_fill(to, in, UP_CHUNK, self->in);
    }
    from -= from >= frames ? frames : 0;
    bool whole = from + n <= frames;
    return conv1d_fill(to, whole ? self->past + from : conv1d_mend(self, from, n), whole ? frames : UP_CHUNK, self->in);
}

// Pointers of the taps from *tap on and, counted as one more, of the side, as many as there is room for.
static size_t conv1d_table(const up_conv1d_t *self, const float *in, const float *side, size_t *tap, const float **table, size_t n) {
    const float **to = table, **end = table + CONV1D_COLUMNS;
    for (; *tap < self->taps && (size_t)(end - to) >= self->in; ++*tap) {
        to = conv1d_tap(self, in, *tap, to, n);
    }
    if (*tap == self->taps && (size_t)(end - to) >= self->side) {
        to = conv1d_fill(to, side, UP_CHUNK, self->side);
        ++*tap;
    }
    return (size_t)(to - table);
}

// Some columns of all rows; with those before `first` in out already.
static void conv1d_rows(const up_conv1d_t *self, const float *const *table, size_t first, size_t n_cols, const up_finish_t *finish,
    float *out, size_t n) {
    const float *group = self->weight;
    size_t columns = conv1d_columns(self), left = up_rows_padded(self->out);
    up_tile_t tile = { .cols = table, .out = out, .n_cols = (uint32_t)n_cols, .finish = finish };
    for (size_t g; left; left -= g, group += g * (columns + 1)) {
        g = left < UP_GROUP ? left : UP_GROUP;
        tile.step = (uint32_t)g;
        tile.w = group + g + g * first;
        tile.bias = group;
        for (size_t r = 0; r < g; r += 4, tile.w += 4, tile.out += 4 * UP_CHUNK) {
            tile.bias = first ? NULL : group + r;
            tile.plus = tile.finish && finish->plus ? finish->plus + (tile.out - out) : NULL;
            switch (self->out) {
                case 1: UP_TILE(1)(&tile, n); break;
                case 2: UP_TILE(2)(&tile, n); break;
                case 3: UP_TILE(3)(&tile, n); break;
                default: UP_TILE(4)(&tile, n);
            }
        }
    }
}

// One row over a single channel, eight frames at a time.
static void conv1d_fir(const up_conv1d_t *self, float *out, size_t n) {
    #if defined(UP_TILE_FIR_ALL)
    UP_TILE_FIR_ALL(self->weight, self->past, out, self->taps, n);
    #else
    size_t taps = self->taps, eights = taps & ~(size_t)7;
    const float *w = self->weight + 1, *x = self->past;
    for (size_t t = 0; t < n; t += 8, x += 8, out += 8) {
        for (size_t p = 0; p < 8; p++) {
            out[p] = *self->weight;
        }
        UP_TILE_FIR(w, x, out, eights);
        for (size_t k = eights; k < taps; k++) {
            for (size_t p = 0; p < 8; p++) {
                out[p] = up_fma(w[k], x[k + p], out[p]);
            }
        }
    }
    #endif
}

static void conv1d_begin(const up_conv1d_t *self, const float *in, const float *side, size_t n) {
    if (self->past && !up_conv1d_is_ring(self)) {
        up_planes_copy(self->past + self->frames - UP_CHUNK, self->frames, in, UP_CHUNK, self->in, n);
    }
    if (self->table && self->side) {
        conv1d_fill(self->table + self->taps * self->in, side, UP_CHUNK, self->side);
    }
    if (self->table && !self->past && *self->table != in) {
        conv1d_fill(self->table, in, UP_CHUNK, self->in);
    }
}

// The past takes the chunk in.
static void conv1d_end(up_conv1d_t *self, const float *in, size_t n) {
    size_t frames = self->frames, at = self->at, run = frames - at < n ? frames - at : n;
    if (!self->past) {
        return;
    }
    if (!up_conv1d_is_ring(self)) {
        up_planes_copy(self->past, frames, self->past + n, frames, self->in, frames - UP_CHUNK);
        return;
    }
    up_planes_copy(self->past + at, frames, in, UP_CHUNK, self->in, run);
    if (run < n) {
        up_planes_copy(self->past, frames, in + run, UP_CHUNK, self->in, n - run);
    }
    self->at = (uint32_t)(at + n < frames ? at + n : at + n - frames);
}

static void conv1d_some(const up_conv1d_t *self, const float *in, const float *side, const up_finish_t *finish, float *out, size_t n) {
    const float *table[CONV1D_COLUMNS];
    for (size_t tap = 0, first = 0, n_cols; tap <= self->taps; first += n_cols) {
        n_cols = conv1d_table(self, in, side, &tap, table, n);
        conv1d_rows(self, table, first, n_cols, tap > self->taps ? finish : NULL, out, n);
    }
}

bool up_conv1d_process(up_conv1d_t *self, const float *in, const float *side, const up_finish_t *finish,
    float *UP_RESTRICT out, size_t n_frames) {
    finish = finish && up_tile_finishes(self->out, self->out) ? finish : NULL;
    conv1d_begin(self, in, side, n_frames);
    if (conv1d_is_fir(self)) {
        conv1d_fir(self, out, n_frames);
    } else if (self->table) {
        conv1d_rows(self, self->table, 0, conv1d_columns(self), finish, out, n_frames);
    } else {
        conv1d_some(self, in, side, finish, out, n_frames);
    }
    conv1d_end(self, in, n_frames);
    return finish != NULL;
}

#if defined(UP_CONV1D_BLOCKS)
bool up_conv1d_is_block(const up_conv1d_t *self) {
    return self->out >= 2 && self->out <= 4 && conv1d_columns(self) <= CONV1D_COLUMNS;
}

void up_conv1d_block(up_conv1d_t *self, const float *in, const float *side, const up_block_t *block, size_t n_frames) {
    const float *own[CONV1D_COLUMNS], **table = self->table ? self->table : own;
    size_t tap = 0;
    conv1d_begin(self, in, side, n_frames);
    if (!self->table) {
        conv1d_table(self, in, side, &tap, own, n_frames);
    }
    block_vfp(self, block, table, conv1d_columns(self), n_frames);
    conv1d_end(self, in, n_frames);
}
#endif
