// SPDX-License-Identifier: MIT
// Simple passes over planes: frames of float signals, one channel behind the other (see up_tile.h).
#ifndef UP_PLANE_H
#define UP_PLANE_H

#include "up_core.h"

UP_BEGIN_C

// n frames of each of some planes, which lie to_step and from_step floats apart; to may be below from.
void up_planes_copy(float *to, size_t to_step, const float *from, size_t from_step, size_t planes, size_t n);
// out = a + b, a * b; out may be either.
void up_plane_add(const float *a, const float *b, float *out, size_t n);
void up_plane_multiply(const float *a, const float *b, float *out, size_t n);

// `call` for n frames of each of `channels` planes, or once for all `frames` of them where they are full;
// `at`: where they begin.
#define UP_PLANES(channels, n, call) \
    do { \
        size_t planes_ = (channels), frames = (n), at = 0; \
        if (frames == UP_CHUNK) { \
            frames *= planes_; \
            planes_ = 1; \
        } \
        for (; planes_; planes_--, at += UP_CHUNK) { \
            call; \
        } \
    } while (0)

UP_END_C

#endif
