// SPDX-License-Identifier: MIT
#include "up_looper.h"
