// SPDX-License-Identifier: MIT
#include "up_reverb.h"
