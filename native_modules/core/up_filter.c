// SPDX-License-Identifier: MIT
#include "up_filter.h"
