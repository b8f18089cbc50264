// SPDX-License-Identifier: MIT
// A model in two parts for two cores (docs/two_cores.md). The first core runs the layers before the cut on block n
// while the second runs the others on block n - 1. What crosses the cut lies in two halves of memory, used in turn.
//
//   first core    |front 0|      |front 1| take 0 |front 2| take 1 ...
//   second core            |back 0 ...|    |back 1 ...|
//
// The output is the model's own, `frames` frames later, bit for bit, whether a second core helps, is late, or is none:
// a block that it has not begun when it is due is run by the first core.
#ifndef UP_SPLIT_H
#define UP_SPLIT_H

#include "up_model.h"

UP_BEGIN_C

#define UP_SPLIT_MAX_FRAMES 4096
#define UP_WORKER_PLACES 4

struct up_worker;

typedef struct {
    up_model_t *model;
    up_part_t front, back;
    struct up_worker *worker; // NULL: the first core runs both parts
    uint8_t *half[2];         // [chunks][slots that cross the cut]
    float *line;              // [2 * frames], outputs not yet taken
    uint32_t cut, frames, chunk_bytes;
    uint32_t read, write;     // places in line; the second is of whoever runs the back
    uint32_t n[2];            // frames of the block in a half
    uint32_t offset[UP_SLOTS]; // of a slot that crosses, in a chunk
    uint8_t slot[UP_SLOTS], n_slots;
    bool stuck;               // the worker did not come out of a block in time
    uint32_t here, lost;      // blocks whose back the first core ran; blocks not played
    // Both cores see these. Each has one writer, save done, whose is whoever runs the back.
    uint32_t put, done, hold; // blocks handed over; finished; the first core wants the back for itself
} up_split_t;

// The second core's side: it looks after the splits in its places.
typedef struct up_worker {
    up_split_t *place[UP_WORKER_PLACES]; // written by the first core
    up_split_t *at;                      // written by the second: the split it is inside, or NULL
    uint32_t stop;                       // written by the first
    uint32_t patience;                   // how often the first core looks for the end of a block before it gives up
    void (*relax)(void);                 // while waiting, where there is an operating system; or NULL
} up_worker_t;

// [setup] The layer of the file before which to cut a model, by a rough count of work; 0: it has only one.
size_t up_split_best_cut(const up_model_t *model);

// [setup] Cuts a model before layer `cut` of the file, 0 for the best; blocks of at most `frames` are handed over.
// With arena->base == NULL only measures, and *self stays NULL. 0 or a negative UP_E_. The model must stay as it is.
int up_split_layout(up_split_t **self, up_model_t *model, size_t cut, size_t frames, up_arena_t *arena);

// [setup] Forgets what is under way: silence for `frames` frames. The model's state stays (up_model_reset, once this
// has returned true). False: the second core does not answer.
bool up_split_clear(up_split_t *self);

// [audio] in [n] -> out [n], `frames` later; in == out allowed. False, and out untouched from there on, where the
// second core hangs inside a block; later calls look whether it has come back, and go on then.
bool up_split_process(up_split_t *self, const float *in, float *out, size_t n_frames);

void up_worker_init(up_worker_t *self);
// [setup] From the first core. add: false where all places are taken; remove: false where the second core does not come
// out of the split, whose memory must then stay for ever.
bool up_worker_add(up_worker_t *self, up_split_t *split);
bool up_worker_remove(up_worker_t *self, up_split_t *split);
void up_worker_stop(up_worker_t *self);

// [audio] From the second core. round: run what there is; false if there was nothing. serve: until stop.
bool up_worker_round(up_worker_t *self);
void up_worker_serve(up_worker_t *self);

UP_END_C

#endif
