// SPDX-License-Identifier: MIT
// See rnn.h. Plain C over GCC's vector types. On x86-64 the kernels are compiled for three kinds
// of CPU and one is picked at run time: a function must be compiled for its CPU from the start,
// since vectors are split to the CPU's width before target_clones would copy it.
#include "rnn.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAVE_X86 1
#endif
#ifdef __SSE__
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define FRAMES 8    // of which the backward pass gathers gradients before it adds them up
#define MAX_WIDTH 16

#define KERNEL(name) name##_plain
#define WIDTH 4
#define TALL 4
#define WIDE 4
#include "rnn_variant.inc"

#ifdef HAVE_X86
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define KERNEL(name) name##_avx2
#define WIDTH 8
#define TALL 4
#define WIDE 3
#include "rnn_variant.inc"
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,fma,prefer-vector-width=512")
#define KERNEL(name) name##_avx512
#define WIDTH 16
#define TALL 8
#define WIDE 6
#include "rnn_variant.inc"
#pragma GCC pop_options
#endif

// ---- what is called ----

typedef void forward_fn(const train_net_t *, const float *, size_t, int, const float *, float *,
    float *, float *, float *);
typedef void backward_fn(const train_net_t *, const float *, size_t, const float *, const float *,
    float *, float *);
typedef void solo_fn(const train_net_t *, const float *, size_t, const float *, float *, float *,
    float *);

static const struct {
    forward_fn *forward;
    backward_fn *backward;
    solo_fn *solo;
} kinds[] = {
    {forward_plain, backward_plain, solo_plain},
#ifdef HAVE_X86
    {forward_avx2, backward_avx2, solo_avx2},
    {forward_avx512, backward_avx512, solo_avx512},
#endif
};

int train_cpu(void) {
#ifdef HAVE_X86
    int fma = __builtin_cpu_supports("fma");
    if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        return TRAIN_AVX512;
    }
    if (fma && __builtin_cpu_supports("avx2")) {
        return TRAIN_AVX2;
    }
#endif
    return TRAIN_PLAIN;
}

size_t train_history(const train_net_t *net, size_t frames, int keep) {
    size_t unit = net->hidden * TRAIN_LANES, ahead = keep ? frames + 1 : 1;
    return ahead * (train_depth(net) * TRAIN_LANES + (net->lstm ? unit : 0))
        + (keep ? frames : 1) * 4 * unit;
}

size_t train_scratch(const train_net_t *net) {
    size_t n = net->hidden, depth = train_depth(net);
    size_t backward = (2 + FRAMES * 4) * n * TRAIN_LANES + train_weights(net) * MAX_WIDTH + 8 * n * n;
    size_t solo = (n + MAX_WIDTH) * (4 * depth + 7) + depth;
    return backward > solo ? backward : solo; // the forward pass's weights are less
}

// A gradient that fades below 1e-38 makes the CPU a hundred times slower; such numbers are 0 here.
static unsigned int flush_tiny(void) {
#ifdef __SSE__
    unsigned int before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static void flush_as_before(unsigned int before) {
#ifdef __SSE__
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

void train_forward(const train_net_t *net, int cpu, const float *weights, size_t frames, int keep,
    const float *x, float *state, float *history, float *y, float *scratch) {
    unsigned int before = flush_tiny();
    kinds[cpu].forward(net, weights, frames, keep, x, state, history, y, scratch);
    flush_as_before(before);
}

void train_backward(const train_net_t *net, int cpu, const float *weights, size_t frames,
    const float *history, const float *dy, float *grads, float *scratch) {
    unsigned int before = flush_tiny();
    kinds[cpu].backward(net, weights, frames, history, dy, grads, scratch);
    flush_as_before(before);
}

void train_solo(const train_net_t *net, int cpu, const float *weights, size_t frames,
    const float *x, float *state, float *y, float *scratch) {
    unsigned int before = flush_tiny();
    kinds[cpu].solo(net, weights, frames, x, state, y, scratch);
    flush_as_before(before);
}
