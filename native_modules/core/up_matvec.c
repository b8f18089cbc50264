// SPDX-License-Identifier: MIT
// Picks the kernel of a row group; see up_matvec.h.
#include "up_matvec.h"

#if defined(UP_MATVEC_VFP)
#include "up_matrix_vfp.h"
#else
const float *up_matvec_cols(const float *w, const float *v, const float *from, float *to, size_t g, size_t cols) {
    switch (g) {
        case 20: return UP_MATVEC(20)(w, v, from, to, cols);
        case 16: return UP_MATVEC(16)(w, v, from, to, cols);
        case 12: return UP_MATVEC(12)(w, v, from, to, cols);
        case 8: return UP_MATVEC(8)(w, v, from, to, cols);
        case 4: return UP_MATVEC(4)(w, v, from, to, cols);
        default: return UP_MATVEC_ONE(w, v, from, to, cols);
    }
}
#endif
