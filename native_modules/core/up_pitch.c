// SPDX-License-Identifier: MIT
#include "up_pitch.h"
