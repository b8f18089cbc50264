// SPDX-License-Identifier: MIT
#ifndef UP_PITCH_H
#define UP_PITCH_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_PITCH(X)

UP_END_C

#endif
