// SPDX-License-Identifier: MIT
// The stock configuration of MicroPython's QEMU port, and what mpremote and a pedal need on top.
#include "mpconfigport.h"

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (0)
#define MICROPY_PY_TIME_TIME_TIME_NS (0)
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#define MICROPY_PY_OS_DUPTERM (0)
#define MICROPY_PY_OS_SYNC (0)
#define MICROPY_EPOCH_IS_1970 (1)
#define MICROPY_REPL_STDIN_BUFFER_MAX (4096)

#if defined(BOARD_NRF51) // needed to load native code; the stock microbit has it switched off
#undef MICROPY_EMIT_THUMB
#undef MICROPY_EMIT_INLINE_THUMB
#define MICROPY_EMIT_THUMB (1)
#define MICROPY_EMIT_INLINE_THUMB (1)
#endif

void upedal_port_init(void);
#define MICROPY_PORT_INIT_FUNC upedal_port_init()
