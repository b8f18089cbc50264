// SPDX-License-Identifier: MIT
// All kernels of effects: X(name) for each up_name(), whose state starts with an up_name_t.
#ifndef UP_KERNELS_H
#define UP_KERNELS_H

#include "up_delay.h"
#include "up_drive.h"
#include "up_dynamics.h"
#include "up_filter.h"
#include "up_fir.h"
#include "up_looper.h"
#include "up_modulation.h"
#include "up_pitch.h"
#include "up_reverb.h"
#include "up_route.h"

#define UP_KERNELS(X) \
    UP_DELAY(X) UP_DRIVE(X) UP_DYNAMICS(X) UP_FILTER(X) UP_FIR(X) UP_LOOPER(X) UP_MODULATION(X) \
    UP_PITCH(X) UP_REVERB(X) UP_ROUTE(X)

#endif
