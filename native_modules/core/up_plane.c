// SPDX-License-Identifier: MIT
// Passes over planes; see up_plane.h.
#include "up_plane.h"

#if defined(__ARM_FEATURE_FMA) && defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(UP_NO_ASM)
#include "up_plane_vfp.h"
#elif defined(__AVX2__) && defined(__FMA__) && !defined(UP_NO_ASM)
#include "up_plane_avx2.h"
#else
void up_planes_copy(float *to, size_t to_step, const float *from, size_t from_step, size_t planes, size_t n) {
    for (; planes; planes--, to += to_step, from += from_step) {
        for (size_t t = 0; t < n; t++) {
            to[t] = from[t];
        }
    }
}

void up_plane_add(const float *a, const float *b, float *out, size_t n) {
    for (; n; n--) {
        *out++ = *a++ + *b++;
    }
}

void up_plane_multiply(const float *a, const float *b, float *out, size_t n) {
    for (; n; n--) {
        *out++ = *a++ * *b++;
    }
}
#endif
