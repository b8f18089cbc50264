// SPDX-License-Identifier: MIT
// Looper: records, plays over and over, adds on top, takes back.
//
// Behind the struct lie the layers, int16, 1.0 = 16384, so that four full-scale voices fit before it clips at
// 2.0 (6 dBFS). looper has two layers: an overdub copies the loop with what is played into the other one, a lap
// long, and goes on there, so the layer before it stays as it was for undo. looper1 has one and no undo.
//
// The seam: what is played in the first UP_LOOPER_SEAM frames after the end of the recording fades out over the
// start of the loop, which fades in.
//
// Python writes a number from 1 on to `command`; the kernel takes it at its next look and writes 0.
#ifndef UP_LOOPER_H
#define UP_LOOPER_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_LOOPER_SEAM 480u
#define UP_LOOPER_LEAST 1024u // frames of a loop

enum { UP_LOOPER_EMPTY, UP_LOOPER_RECORDING, UP_LOOPER_PLAYING, UP_LOOPER_OVERDUBBING, UP_LOOPER_STOPPED };
enum { UP_LOOPER_NONE, UP_LOOPER_RECORD, UP_LOOPER_PLAY, UP_LOOPER_DUB, UP_LOOPER_UNDO, UP_LOOPER_STOP,
       UP_LOOPER_CLEAR, UP_LOOPER_TAP };

typedef struct {
    float rate_hz, level, speed, direction, command; // speed 1: half; direction 1: backwards
    uint32_t status, position, length;               // in frames; while recording, length grows
    uint32_t most;            // frames of a layer
    uint32_t layers, layer;   // how many; the one that is heard
    uint32_t lap, session;    // frames to copy to the other layer; writing on in this one
    uint32_t seam, swap;      // frames left of the seam; of a fade from the other layer
    uint32_t undoable, later; // a command that waits
    uint32_t half, back, odd; // speed and direction now; second frame of a pair
    up_glide_t heard, dub;    // levels of the loop and of what is added to it
    float held;
    uint32_t left;
} up_looper_t;
typedef up_looper_t up_looper1_t;
void up_looper(float *x, size_t n_frames, void *state, size_t bytes);
void up_looper1(float *x, size_t n_frames, void *state, size_t bytes);

#define UP_LOOPER(X) \
    X(looper) \
    X(looper1)

UP_END_C

#endif
