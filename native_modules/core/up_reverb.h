// SPDX-License-Identifier: MIT
#ifndef UP_REVERB_H
#define UP_REVERB_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_REVERB(X)

UP_END_C

#endif
