// SPDX-License-Identifier: MIT
#ifndef UP_DELAY_H
#define UP_DELAY_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_DELAY(X)

UP_END_C

#endif
