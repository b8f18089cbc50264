// SPDX-License-Identifier: MIT
#include "up_fir.h"
