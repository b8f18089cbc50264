// SPDX-License-Identifier: MIT
// See conv.h: the layout of a net's memory, and the choice of the kernel for this CPU, which is
// compiled for three kinds as in gru.c.
#include "conv.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

// In a register from here on: else the compiler reads it anew for each product with it.
#if defined(__x86_64__)
#define HOLD(v) __asm__("" : "+v"(v))
#else
#define HOLD(v) (void)(v)
#endif

#define LINE 16   // floats of a cache line: rows begin at one
#define CHUNK 64  // frames that a product works on at a time: all is padded to that
#define TILE 256  // frames that a step takes from its input to its output
#define LONG 1024 // frames that gradients of weights are summed over at a time
#define ROWS 4    // of a product held in registers

// Between rows: 16 rows of a tile shall not fall on the same sets of the cache.
static size_t stride_of(size_t floats) {
    size_t lines = (floats + LINE - 1) / LINE;
    return (lines + (5 - lines % 16 + 16) % 16) * LINE;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t padded_to(size_t n, size_t unit) {
    return (n + unit - 1) / unit * unit;
}

static const char *check_step(const conv_step_t *s, size_t index) {
    if (!s->inputs || !s->wide || !s->outputs || s->inputs > 256 || s->wide > 512 || s->outputs > 256) {
        return "channels of a step: expected 1 to 256";
    }
    if (!s->taps || s->taps > 256 || !s->dilation || s->dilation > 65536) {
        return "taps: expected 1 to 256, dilation: 1 to 65536";
    }
    if (s->inputs * s->taps > CONV_MAX_TERMS || s->wide * s->taps > CONV_MAX_TERMS) {
        return "channels times taps of a step: expected at most 8192";
    }
    if (s->kind >= CONV_KINDS || (s->kind == CONV_GATED && s->wide % 2) || s->flags > CONV_FLAGS) {
        return "activation or flags of a step are unknown";
    }
    if (!(s->flags & CONV_MIX) && s->outputs != s->half) {
        return "outputs of a step without a mix: expected those of its activation";
    }
    if ((s->flags & CONV_RESIDUAL) && (s->outputs != s->inputs || (s->flags & CONV_TOTAL))) {
        return "a residual needs as many outputs as inputs, on the stream";
    }
    if ((s->flags & CONV_TOTAL) && (index == 0 || (s->flags & CONV_ADD))) {
        return "the total is read before anything was added, or added to itself";
    }
    return NULL;
}

// Offsets into weights and tails.
static void place_weights(conv_net_t *self, conv_step_t *s) {
    size_t at = self->weights, sides = s->flags & CONV_SIDE ? self->inputs : 0;
    size_t mix = s->flags & CONV_MIX ? s->outputs : 0;
    s->weight = at;
    s->bias = at += (size_t)s->wide * s->inputs * s->taps;
    s->side = at += s->flags & CONV_BIAS ? s->wide : 0;
    s->mix = at += s->wide * sides;
    s->mix_bias = at += mix * s->half;
    self->weights = at + mix;
    s->tail = self->tails;
    self->tails += s->inputs * s->reach;
    s->terms = (size_t)s->inputs * s->taps + sides;
    self->longest = larger(self->longest, s->reach);
    self->widest = larger(self->widest, larger(s->wide, larger(s->inputs, s->outputs)));
    self->largest = larger(self->largest, larger(s->terms, (size_t)s->wide * s->taps));
}

// The first step after `index` that reads what it writes.
static int reader(const conv_net_t *self, size_t index, unsigned total) {
    for (size_t k = index + 1; k < self->steps; k++) {
        if ((self->step[k].flags & CONV_TOTAL) == total) {
            return (int)k;
        }
    }
    return index + 1 == self->steps ? CONV_OUTPUT : CONV_NOWHERE;
}

// Where what each step computes goes; the first to write to a place stores, others add.
static const char *connect(conv_net_t *self) {
    int written[CONV_MAX_STEPS] = {0};
    for (size_t k = 0; k < self->steps; k++) {
        conv_step_t *s = &self->step[k];
        s->add = CONV_NOWHERE;
        if (s->flags & CONV_TOTAL && !written[k]) {
            return "the total is read before anything was added";
        }
        if (s->flags & CONV_ADD) {
            s->add = reader(self, k, CONV_TOTAL);
            if (s->add < 0 || self->step[s->add].inputs != s->half) {
                return "what a step adds to the total must have the channels of the step that reads it";
            }
            s->add_first = !written[s->add]++;
        }
        s->to = reader(self, k, s->flags & CONV_TOTAL);
        if (s->to >= 0) {
            if (self->step[s->to].inputs != s->outputs) {
                return "outputs of a step: expected the inputs of the next";
            }
            written[s->to]++;
        }
    }
    return NULL;
}

static size_t reserve(size_t *at, size_t rows, size_t lead, size_t frames, size_t *stride) {
    size_t start = *at + padded_to(lead, LINE);
    *stride = stride_of(padded_to(lead, LINE) + frames);
    *at += rows * *stride;
    return start;
}

// Where activations and inputs lie. Without keep: the net's input, then two places each for the
// stream and the total, which steps use by turns, and a tile of activations.
static void place_buffers(conv_net_t *self) {
    size_t place[4], places = 0, turn[2] = {0, 0}, at = 0, stride, rows = self->widest;
    conv_step_t *first = &self->step[0];
    first->in = reserve(&at, self->inputs, first->reach, self->padded, &first->in_stride);
    self->out = reserve(&at, self->outputs, 0, self->padded, &self->out_stride);
    size_t act = reserve(&at, self->keep ? 0 : 2 * rows, 0, TILE, &stride);
    while (!self->keep && places < 4) {
        place[places++] = reserve(&at, rows, self->longest, self->padded, &stride);
    }
    for (size_t k = 0; k < self->steps; k++) {
        conv_step_t *s = &self->step[k];
        if (self->keep) {
            s->act = reserve(&at, s->wide, 0, self->padded, &s->act_stride);
        } else {
            s->act = act;
            s->act_stride = stride_of(TILE);
        }
        s->p = s->act;
        if (s->kind == CONV_GATED) {
            s->p = self->keep ? reserve(&at, s->half, 0, self->padded, &stride) : act + rows * stride_of(TILE);
        }
        if (k && self->keep) {
            s->in = reserve(&at, s->inputs, s->reach, self->padded, &s->in_stride);
        } else if (k) {
            int total = s->flags & CONV_TOTAL;
            s->in = place[2 * total + turn[total]++ % 2];
            s->in_stride = stride;
        }
    }
    self->workspace = at;
}

const char *conv_setup(conv_net_t *self, const int32_t *numbers, size_t steps, size_t inputs,
    size_t frames, int keep) {
    memset(self, 0, sizeof(*self));
    if (!steps || steps > CONV_MAX_STEPS || !inputs || !frames || frames > (1 << 24)) {
        return "expected 1 to 256 steps, 1 to 2^24 frames";
    }
    self->steps = steps;
    self->inputs = inputs;
    self->frames = frames;
    self->padded = padded_to(frames, CHUNK);
    self->keep = keep;
    for (size_t k = 0; k < steps; k++) {
        conv_step_t *s = &self->step[k];
        memcpy(s, numbers + k * CONV_NUMBERS, CONV_NUMBERS * sizeof(*numbers));
        s->half = s->kind == CONV_GATED ? s->wide / 2 : s->wide;
        s->reach = ((size_t)s->taps - 1) * s->dilation;
        const char *wrong = check_step(s, k);
        if (wrong) {
            return wrong;
        }
        place_weights(self, s);
    }
    if (self->step[0].inputs > inputs) {
        return "inputs of the first step: expected no more than the net's";
    }
    self->outputs = self->step[steps - 1].outputs;
    const char *wrong = connect(self);
    if (wrong) {
        return wrong;
    }
    place_buffers(self);
    self->widest = larger(self->widest, inputs);
    size_t whole = stride_of(self->padded), row = self->widest;
    self->scratch = row * stride_of(TILE) // gradients by p
        + 2 * padded_to(row * (self->largest + row), LINE) // packed weights; sums
        + 3 * row * whole // gradients by stream, total, x
        + row * stride_of(self->padded + padded_to(self->longest, LINE)); // by z
    return NULL;
}

typedef float conv_four_t __attribute__((vector_size(16)));

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int conv_four_int_t __attribute__((vector_size(16)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (conv_four_int_t){__VA_ARGS__})
#endif

// Element j: the sum of v[j].
INLINE conv_four_t sum_of_each(const conv_four_t v[4]) {
    conv_four_t a = SHUFFLE(v[0], v[1], 0, 4, 1, 5) + SHUFFLE(v[0], v[1], 2, 6, 3, 7);
    conv_four_t b = SHUFFLE(v[2], v[3], 0, 4, 1, 5) + SHUFFLE(v[2], v[3], 2, 6, 3, 7);
    return SHUFFLE(a, b, 0, 1, 4, 5) + SHUFFLE(a, b, 2, 3, 6, 7);
}

#define WIDTH 4
#define VECTORS 2
#define TERMS 2
#define KERNEL(name) name##_plain
#include "conv_kernel.inc"
#undef KERNEL
#undef WIDTH
#undef VECTORS
#undef TERMS

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAVE_X86 1
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define WIDTH 8
#define VECTORS 2
#define TERMS 2
#define KERNEL(name) name##_avx2
#include "conv_kernel.inc"
#undef KERNEL
#undef WIDTH
#undef VECTORS
#undef TERMS
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,fma,prefer-vector-width=512")
#define WIDTH 16
#define VECTORS 4
#define TERMS 4
#define KERNEL(name) name##_avx512
#include "conv_kernel.inc"
#undef KERNEL
#pragma GCC pop_options
#endif

static int most = 2;

void conv_limit(int level) {
    most = level;
}

// 2: AVX-512, 1: AVX2, 0: neither.
static int level(void) {
    int here = 0;
#ifdef HAVE_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        here = 2;
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        here = 1;
    }
#endif
    return here < most ? here : most;
}

#ifdef HAVE_X86
#define BEST(pass) (level() == 2 ? pass##_avx512 : level() == 1 ? pass##_avx2 : pass##_plain)
#else
#define BEST(pass) pass##_plain
#endif

void conv_forward(const conv_net_t *self, const float *weights, const float *x,
    const float *tails_in, float *y, float *tails_out, float *workspace, float *scratch) {
    BEST(forward)(self, weights, x, tails_in, y, tails_out, workspace, scratch);
}

void conv_backward(const conv_net_t *self, const float *weights, const float *workspace,
    const float *dy, float *grads, float *dx, float *scratch) {
    BEST(backward)(self, weights, workspace, dy, grads, dx, scratch);
}
