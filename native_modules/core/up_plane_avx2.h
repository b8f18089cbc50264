// SPDX-License-Identifier: MIT
// Passes over planes for x86-64 with AVX2, eight frames at a time: compilers dare not, as out may be a or b. Included by
// up_plane.c only.
#ifndef UP_PLANE_AVX2_H
#define UP_PLANE_AVX2_H

#include <immintrin.h>

void up_planes_copy(float *to, size_t to_step, const float *from, size_t from_step, size_t planes, size_t n) {
    for (; planes; planes--, to += to_step, from += from_step) {
        size_t t = 0;
        for (; t + 8 <= n; t += 8) {
            _mm256_storeu_ps(to + t, _mm256_loadu_ps(from + t));
        }
        for (; t < n; t++) {
            to[t] = from[t];
        }
    }
}

#define UP_PLANE_AVX2(name, eight, sign) \
    void name(const float *a, const float *b, float *out, size_t n) { \
        for (; n >= 8; n -= 8, a += 8, b += 8, out += 8) { \
            _mm256_storeu_ps(out, eight(_mm256_loadu_ps(a), _mm256_loadu_ps(b))); \
        } \
        for (; n; n--) { \
            *out++ = *a++ sign *b++; \
        } \
    }

UP_PLANE_AVX2(up_plane_add, _mm256_add_ps, +)
UP_PLANE_AVX2(up_plane_multiply, _mm256_mul_ps, *)

#endif
