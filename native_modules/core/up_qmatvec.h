// SPDX-License-Identifier: MIT
// Integer matrix times vector: y[r] = limit(rq(bias[r] + sum_c w[r][c] * v[c], mult[r])), two columns
// (int16) a word, so that SMLAD does two multiplications at once. The matrix lies as the format has
// it (models/SPEC.md, "Matrices of q15"): groups of 4 rows, each biases, words, multipliers.
#ifndef UP_QMATVEC_H
#define UP_QMATVEC_H

#include "up_q.h"

UP_BEGIN_C

// What a row is limited to: int16, its positive half (ReLU), int8 and its positive half.
enum { UP_QLIMIT_S16, UP_QLIMIT_U15, UP_QLIMIT_S8, UP_QLIMIT_U7 };

typedef struct {
    const int32_t *w; // not owned
    uint32_t pairs;   // words of a row
    uint16_t rows;
    uint8_t limit; // UP_QLIMIT_
    uint8_t left;  // 0, or how far a sum (limited to +-512 first) goes left before its multiplier: q7
} up_qmat_t;

static inline size_t up_qmat_words(size_t rows, size_t pairs) {
    return rows == 1 ? pairs + 2 : (rows + 3) / 4 * (8 + 4 * pairs);
}

// v [pairs] words -> y [up_qstride(rows)], 8-byte aligned unless rows == 1.
void up_qmat_one(const up_qmat_t *self, const up_word_t *v, int16_t *y);
// Two frames at once: v [pairs][2] words, 8-byte aligned -> y0, y1.
void up_qmat_two(const up_qmat_t *self, const up_word_t *v, int16_t *y0, int16_t *y1);
// The only row's sum itself.
int32_t up_qmat_sum(const up_qmat_t *self, const up_word_t *v);

UP_END_C

#endif
