// SPDX-License-Identifier: MIT
// See gru.h. Plain C over GCC's vector types. On x86-64 the kernel is compiled for three kinds of
// CPU and the right one is picked at run time: a function must be compiled for its CPU from the
// start, since vectors are split to the CPU's width before target_clones would copy it.
#include "gru.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#define WIDTH 16
#define VECTORS (TRAIN_LANES / WIDTH)
#define ROWS 4    // of a matrix tile held in registers
#define FRAMES 16 // of which the backward pass gathers gradients before it adds them up

typedef float vec_t __attribute__((vector_size(4 * WIDTH), aligned(4)));
typedef int ivec_t __attribute__((vector_size(4 * WIDTH), aligned(4)));

#define LOAD(p) (*(const vec_t *)(p))
#define STORE(p, v) (*(vec_t *)(p) = (v))

#define KERNEL(name) name##_plain
#include "gru_kernel.inc"
#undef KERNEL

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HAVE_X86 1
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define KERNEL(name) name##_avx2
#include "gru_kernel.inc"
#undef KERNEL
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,fma,prefer-vector-width=512")
#define KERNEL(name) name##_avx512
#include "gru_kernel.inc"
#undef KERNEL
#pragma GCC pop_options
#endif

size_t train_scratch(size_t hidden) {
    size_t forward = 3 * hidden * TRAIN_LANES;
    size_t backward = (FRAMES * 4 + 1) * hidden * TRAIN_LANES + 3 * hidden * hidden
        + train_pack(hidden).size * WIDTH;
    return forward > backward ? forward : backward;
}

void train_gru_forward(const float *weights, size_t hidden, size_t frames, int keep,
    const float *x, float *h, float *gates, float *y, float *scratch) {
#ifdef HAVE_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        forward_avx512(weights, hidden, frames, keep, x, h, gates, y, scratch);
        return;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        forward_avx2(weights, hidden, frames, keep, x, h, gates, y, scratch);
        return;
    }
#endif
    forward_plain(weights, hidden, frames, keep, x, h, gates, y, scratch);
}

void train_gru_backward(const float *weights, size_t hidden, size_t frames, const float *x,
    const float *h, const float *gates, const float *dy, float *grads, float *scratch) {
#ifdef HAVE_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        backward_avx512(weights, hidden, frames, x, h, gates, dy, grads, scratch);
        return;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        backward_avx2(weights, hidden, frames, x, h, gates, dy, grads, scratch);
        return;
    }
#endif
    backward_plain(weights, hidden, frames, x, h, gates, dy, grads, scratch);
}
