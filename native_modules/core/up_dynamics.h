// SPDX-License-Identifier: MIT
#ifndef UP_DYNAMICS_H
#define UP_DYNAMICS_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_DYNAMICS(X)

UP_END_C

#endif
