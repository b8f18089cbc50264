// SPDX-License-Identifier: MIT
#ifndef UP_FIR_H
#define UP_FIR_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_FIR(X)

UP_END_C

#endif
