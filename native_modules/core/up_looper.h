// SPDX-License-Identifier: MIT
#ifndef UP_LOOPER_H
#define UP_LOOPER_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_LOOPER(X)

UP_END_C

#endif
