// SPDX-License-Identifier: MIT
#include "up_delay.h"
