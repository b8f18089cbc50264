// SPDX-License-Identifier: MIT
#ifndef UP_FILTER_H
#define UP_FILTER_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_FILTER(X)

UP_END_C

#endif
