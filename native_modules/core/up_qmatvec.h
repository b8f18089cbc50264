// SPDX-License-Identifier: MIT
// Integer matrix times vector: y[r] = limit(rq(bias[r] + sum_c w[r][c] * v[c], mult[r])), two columns
// (int16) a word, so that SMLAD does two multiplications at once. The matrix lies as the format has
// it (models/SPEC.md, "Matrices of q15"): groups of 4 rows, each biases, words, multipliers.
#ifndef UP_QMATVEC_H
#define UP_QMATVEC_H

#include "up_qact.h"

UP_BEGIN_C

// What a row is limited to: int16, its positive half (ReLU), int8 and its positive half.
enum { UP_QLIMIT_S16, UP_QLIMIT_U15, UP_QLIMIT_S8, UP_QLIMIT_U7 };

typedef struct {
    const int32_t *w; // not owned
    uint32_t pairs;   // words of a row
    uint16_t rows;
    uint8_t limit; // UP_QLIMIT_
    uint8_t left;  // 0, or how far a sum (limited to +-512 first) goes left before its multiplier: q7
    bool halves;   // no multipliers: a sum's high half is the result, its rounding in the bias
} up_qmat_t;

// What is done to a matrix's rows behind it: activation of its table or slopes, then y + factor * plus.
typedef struct {
    const up_qact_t *act;  // or NULL
    const up_word_t *plus; // planes, or NULL
    int32_t factor;        // 1 to UP_QONE
} up_qafter_t;

static inline size_t up_qmat_words(size_t rows, size_t pairs) {
    return rows == 1 ? pairs + 2 : (rows + 3) / 4 * (8 + 4 * pairs);
}

// v [pairs] words of one frame -> y [up_qrows(rows)], 8-byte aligned.
void up_qmat_one(const up_qmat_t *self, const up_word_t *v, int16_t *y);
// n frames in planes: v [pairs][UP_CHUNK] -> y [up_qplanes(rows)][UP_CHUNK] and what is done behind. Up to
// seven frames more may be read and written, and up to a plane more be read.
void up_qmat_frames(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_qafter_t *after, size_t n);
// out = a * the low half of factors + b * the high half (up_mix16), n frames of planes; out may be a or b.
void up_qmat_mix(const up_word_t *a, const up_word_t *b, up_word_t *out, size_t planes, size_t n, int32_t factors);
// What is done behind, by itself.
void up_qmat_after(const up_qafter_t *after, up_word_t *y, size_t rows, size_t n);
// Is column r all that row r reads?
bool up_qmat_is_diagonal(const up_qmat_t *self); // [setup]
// up_qmat_frames of such.
void up_qmat_diagonal(const up_qmat_t *self, const up_word_t *v, up_word_t *y, const up_qafter_t *after, size_t n);
// Words of a single row: adds their products with v [pairs][UP_CHUNK] to n sums; up to UP_CHUNK are written.
void up_qmat_row(const int32_t *w, size_t pairs, const up_word_t *v, int32_t *sums, size_t n);
// n finished words of a single row's sums.
void up_qmat_row_finish(const up_qmat_t *self, const int32_t *sums, up_word_t *y, size_t n);

UP_END_C

#endif
