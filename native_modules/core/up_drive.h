// SPDX-License-Identifier: MIT
#ifndef UP_DRIVE_H
#define UP_DRIVE_H

#include "up_effect.h"

UP_BEGIN_C

#define UP_DRIVE(X)

UP_END_C

#endif
