// SPDX-License-Identifier: MIT
// See gru.h. Plain C over GCC's vector types; on x86-64 Linux each pass is compiled for several
// CPUs and the right one is picked when the module is loaded.
#include "gru.h"

#include <string.h>

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

#define WIDTH 16
#define VECTORS (TRAIN_LANES / WIDTH)
#define ROWS 4   // of a matrix tile held in registers
#define FRAMES 16 // of which the backward pass gathers gradients before it adds them up

typedef float vec_t __attribute__((vector_size(4 * WIDTH), aligned(4)));
typedef int ivec_t __attribute__((vector_size(4 * WIDTH), aligned(4)));

#define LOAD(p) (*(const vec_t *)(p))
#define STORE(p, v) (*(vec_t *)(p) = (v))

// e^x for |x| <= 42, relative error 1e-7: 2^k times a polynomial (Cephes expf); beyond, e^+-42.
INLINE void exp_v(vec_t *x) {
    vec_t v = *x, limit = (vec_t){0} + 42.0f;
    ivec_t high = v > limit, low = v < -limit;
    v = (vec_t)((high & (ivec_t)limit) | (low & (ivec_t)-limit) | (~(high | low) & (ivec_t)v));
    vec_t t = v * 1.44269504f + 12582912.0f; // rounds to an integer in the low bits
    ivec_t k = (ivec_t)t - 0x4B400000;
    t -= 12582912.0f;
    vec_t r = v - t * 0.693359375f + t * 2.12194440e-4f;
    vec_t p = 1.9875691500e-4f * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    *x = (vec_t)((ivec_t)p + (k << 23));
}

// out[rows][lane] = start + a[rows][depth] in[depth][lane]. start: bias [rows], or where that is
// NULL out itself. Each tile: ROWS x VECTORS sums in registers.
INLINE void product(const float *a, const float *bias, const float *in, float *out, size_t rows,
    size_t depth) {
    for (size_t i = 0; i < rows; i += ROWS) {
        vec_t sum[ROWS][VECTORS];
        for (int q = 0; q < ROWS; q++) {
            for (int v = 0; v < VECTORS; v++) {
                sum[q][v] = bias ? (vec_t){0} + bias[i + q]
                                 : LOAD(out + (i + q) * TRAIN_LANES + v * WIDTH);
            }
        }
        for (size_t k = 0; k < depth; k++) {
            for (int q = 0; q < ROWS; q++) {
                float w = a[(i + q) * depth + k];
                for (int v = 0; v < VECTORS; v++) {
                    sum[q][v] += w * LOAD(in + k * TRAIN_LANES + v * WIDTH);
                }
            }
        }
        for (int q = 0; q < ROWS; q++) {
            for (int v = 0; v < VECTORS; v++) {
                STORE(out + (i + q) * TRAIN_LANES + v * WIDTH, sum[q][v]);
            }
        }
    }
}

size_t train_scratch(size_t hidden) {
    size_t forward = 3 * hidden * TRAIN_LANES;
    size_t backward = (FRAMES * 4 + 1) * hidden * TRAIN_LANES + 3 * hidden * hidden
        + (3 * hidden * hidden + 9 * hidden + 1) * WIDTH;
    return forward > backward ? forward : backward;
}

// The gates of unit i and its new state; returns what the head adds to y.
INLINE void unit_forward(const float *const c[3], size_t hidden, size_t i, size_t o, const float *x,
    const float *sums, const float *h, float *h_new, float *gates) {
    size_t at = i * TRAIN_LANES + o, step = hidden * TRAIN_LANES;
    const float *w = c[0], *b = c[1];
    vec_t in = LOAD(x + o), un = LOAD(sums + 2 * step + at), old = LOAD(h + at);
    vec_t er = (vec_t){0} - (LOAD(sums + at) + w[i] * in + b[i]);
    vec_t ez = (vec_t){0} - (LOAD(sums + step + at) + w[hidden + i] * in + b[hidden + i]);
    exp_v(&er);
    exp_v(&ez);
    er += 1.0f;
    ez += 1.0f;
    vec_t both = 1.0f / (er * ez); // one division for two gates
    vec_t r = both * ez, z = both * er;
    vec_t n = -2.0f * (r * un + w[2 * hidden + i] * in + b[2 * hidden + i]);
    exp_v(&n);
    n = 2.0f / (1.0f + n) - 1.0f;
    STORE(gates + at, r);
    STORE(gates + step + at, z);
    STORE(gates + 2 * step + at, n);
    STORE(gates + 3 * step + at, un);
    STORE(h_new + at, n + z * (old - n));
}

CLONES
void train_gru_forward(const float *weights, size_t hidden, size_t frames, int keep,
    const float *x, float *h, float *gates, float *y, float *scratch) {
    train_pack_t p = train_pack(hidden);
    const float *const c[3] = {weights + p.w_ih, weights + p.b_ih, weights + p.head};
    size_t h_step = keep ? hidden * TRAIN_LANES : 0;
    for (size_t t = 0; t < frames; t++) {
        const float *old = h + t * h_step;
        float *new = h + (t + 1) * h_step;
        float *g = gates + 4 * t * h_step;
        product(weights + p.w_hh, weights + p.b_hh, old, scratch, 3 * hidden, hidden);
        for (size_t o = 0; o < TRAIN_LANES; o += WIDTH) {
            vec_t out = (vec_t){0} + c[2][hidden];
            for (size_t i = 0; i < hidden; i++) {
                unit_forward(c, hidden, i, o, x + t * TRAIN_LANES, scratch, old, new, g);
                out += c[2][i] * LOAD(new + i * TRAIN_LANES + o);
            }
            STORE(y + t * TRAIN_LANES + o, out);
        }
    }
}

// d [4 hidden][lane] = gradients before the gates: r, z, Un h + bn, and n's own sum. dh [hidden]
// [lane] comes in as the gradient by h' from later frames and goes out as its part through z.
INLINE void unit_backward(size_t hidden, size_t i, size_t o, float head, const float *dy,
    const float *h, const float *gates, float *dh, float *d) {
    size_t at = i * TRAIN_LANES + o, step = hidden * TRAIN_LANES;
    vec_t r = LOAD(gates + at), z = LOAD(gates + step + at), n = LOAD(gates + 2 * step + at);
    vec_t e = LOAD(dh + at) + head * LOAD(dy + o);
    vec_t dn = e * (1.0f - z) * (1.0f - n * n);
    STORE(d + at, dn * LOAD(gates + 3 * step + at) * r * (1.0f - r));
    STORE(d + step + at, e * (LOAD(h + at) - n) * z * (1.0f - z));
    STORE(d + 2 * step + at, dn * r);
    STORE(d + 3 * step + at, dn);
    STORE(dh + at, e * z);
}

// sums[rows][depth][WIDTH] += over `frames` of d[row] h[k], lanes folded to WIDTH.
INLINE void add_products(const float *d, size_t d_step, const float *h, size_t h_step,
    size_t frames, size_t rows, size_t depth, float *sums) {
    for (size_t i = 0; i < rows; i += ROWS) {
        for (size_t k = 0; k < depth; k += 4) {
            vec_t sum[ROWS][4];
            for (int q = 0; q < ROWS; q++) {
                for (int j = 0; j < 4; j++) {
                    sum[q][j] = LOAD(sums + ((i + q) * depth + k + j) * WIDTH);
                }
            }
            for (size_t t = 0; t < frames; t++) {
                const float *dt = d + t * d_step + i * TRAIN_LANES;
                const float *ht = h + t * h_step + k * TRAIN_LANES;
                for (int v = 0; v < TRAIN_LANES; v += WIDTH) {
                    for (int q = 0; q < ROWS; q++) {
                        vec_t a = LOAD(dt + q * TRAIN_LANES + v);
                        for (int j = 0; j < 4; j++) {
                            sum[q][j] += a * LOAD(ht + j * TRAIN_LANES + v);
                        }
                    }
                }
            }
            for (int q = 0; q < ROWS; q++) {
                for (int j = 0; j < 4; j++) {
                    STORE(sums + ((i + q) * depth + k + j) * WIDTH, sum[q][j]);
                }
            }
        }
    }
}

// w[row][WIDTH] += over frames of d[row] x, b[row][WIDTH] += d[row]; x NULL stands for 1.
INLINE void add_rows(const float *d, size_t d_step, const float *x, size_t frames, size_t rows,
    float *w, float *b) {
    for (size_t i = 0; i < rows; i++) {
        vec_t sum_w = LOAD(w + i * WIDTH), sum_b = LOAD(b + i * WIDTH);
        for (size_t t = 0; t < frames; t++) {
            for (int v = 0; v < TRAIN_LANES; v += WIDTH) {
                vec_t a = LOAD(d + t * d_step + i * TRAIN_LANES + v);
                sum_w += a * LOAD(x + t * TRAIN_LANES + v);
                sum_b += a;
            }
        }
        STORE(w + i * WIDTH, sum_w);
        STORE(b + i * WIDTH, sum_b);
    }
}

// One block of frames, last first: d of every frame, then its share of the gradients.
// sums: the packed layout, each number WIDTH wide.
CLONES
static void block_backward(const train_pack_t *p, const float *weights, const float *transposed,
    size_t hidden, size_t frames, const float *x, const float *h, const float *gates,
    const float *dy, float *dh, float *d, float *sums) {
    size_t step = hidden * TRAIN_LANES;
    for (size_t t = frames; t-- > 0;) {
        float *dt = d + t * 4 * step;
        for (size_t o = 0; o < TRAIN_LANES; o += WIDTH) {
            for (size_t i = 0; i < hidden; i++) {
                unit_backward(hidden, i, o, weights[p->head + i], dy + t * TRAIN_LANES,
                    h + t * step, gates + t * 4 * step, dh, dt);
            }
        }
        product(transposed, NULL, dt, dh, hidden, 3 * hidden);
    }
    float *w_ih = sums + p->w_ih * WIDTH, *b_ih = sums + p->b_ih * WIDTH;
    float *b_hh = sums + p->b_hh * WIDTH, *head = sums + p->head * WIDTH;
    add_products(d, 4 * step, h, step, frames, 3 * hidden, hidden, sums + p->w_hh * WIDTH);
    add_rows(d, 4 * step, x, frames, 2 * hidden, w_ih, b_ih);
    add_rows(d + 3 * step, 4 * step, x, frames, hidden, w_ih + 2 * hidden * WIDTH,
        b_ih + 2 * hidden * WIDTH);
    for (size_t i = 0; i < 3 * hidden; i++) { // b_hh: rows r, z and Un h + bn
        vec_t sum = LOAD(b_hh + i * WIDTH);
        for (size_t t = 0; t < frames; t++) {
            for (int v = 0; v < TRAIN_LANES; v += WIDTH) {
                sum += LOAD(d + t * 4 * step + i * TRAIN_LANES + v);
            }
        }
        STORE(b_hh + i * WIDTH, sum);
    }
    for (size_t t = 0; t < frames; t++) { // the head reads h after the frame
        for (int v = 0; v < TRAIN_LANES; v += WIDTH) {
            vec_t e = LOAD(dy + t * TRAIN_LANES + v);
            for (size_t i = 0; i < hidden; i++) {
                const float *after = h + (t + 1) * step + i * TRAIN_LANES + v;
                STORE(head + i * WIDTH, LOAD(head + i * WIDTH) + e * LOAD(after));
            }
            STORE(head + hidden * WIDTH, LOAD(head + hidden * WIDTH) + e);
        }
    }
}

void train_gru_backward(const float *weights, size_t hidden, size_t frames, const float *x,
    const float *h, const float *gates, const float *dy, float *grads, float *scratch) {
    train_pack_t p = train_pack(hidden);
    size_t step = hidden * TRAIN_LANES;
    float *dh = scratch, *d = dh + step;
    float *transposed = d + FRAMES * 4 * step, *sums = transposed + 3 * hidden * hidden;
    memset(dh, 0, step * sizeof(float));
    memset(sums, 0, p.size * WIDTH * sizeof(float));
    for (size_t i = 0; i < 3 * hidden; i++) {
        for (size_t k = 0; k < hidden; k++) {
            transposed[k * 3 * hidden + i] = weights[p.w_hh + i * hidden + k];
        }
    }
    for (size_t stop = frames; stop > 0;) {
        size_t n = (stop - 1) % FRAMES + 1, t = stop - n; // whole blocks but for the last frames
        block_backward(&p, weights, transposed, hidden, n, x + t * TRAIN_LANES, h + t * step,
            gates + t * 4 * step, dy + t * TRAIN_LANES, dh, d, sums);
        stop = t;
    }
    for (size_t i = 0; i < p.size; i++) {
        float sum = 0.0f;
        for (int v = 0; v < WIDTH; v++) {
            sum += sums[i * WIDTH + v];
        }
        grads[i] = sum;
    }
}
