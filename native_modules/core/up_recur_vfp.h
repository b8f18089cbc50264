// SPDX-License-Identifier: MIT
// A frame of a GRU or LSTM, fast grade, as one piece of code for cores with a single-precision VFP and FMA:
// its matrices, then its units by fours, and two and one that are left.
#ifndef UP_RECUR_VFP_H
#define UP_RECUR_VFP_H

#include "up_cells_vfp.h"
#include "up_matvec.h"

// r10 code, r11 arguments, which move on.
#define RECUR_MATRIX UP_MATRIX_LOAD("r11!") "blx r10\n"

// `left` counts the units.
#define RECUR_CELLS(cell, left) \
    "subs " left ", #4\n" \
    "blt.w 2f\n" \
    "1:\n" cell##_CELLS_4 \
    "2: lsls r12, " left ", #31\n" \
    "bcc.w 3f\n" \
    cell##_CELLS_2 \
    "3: lsls r12, " left ", #31\n" \
    "bpl.w 4f\n" \
    cell##_CELLS_1 \
    "4:\n"

#endif
