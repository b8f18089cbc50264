// SPDX-License-Identifier: MIT
#include "up_dynamics.h"
