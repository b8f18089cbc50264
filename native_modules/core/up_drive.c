// SPDX-License-Identifier: MIT
#include "up_drive.h"
