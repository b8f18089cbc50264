// SPDX-License-Identifier: MIT
// What MicroPython asks of a port: the time, whether input waits, and what to do at start.
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "py/stream.h"
#include "shared/runtime/pyexec.h"
#include "upedal_board.h"

#define STACK_LIMIT (40 * 1024) // the stock port allows 10 kB, too little to import a package from source

uint64_t mp_hal_time_ns(void) {
    return board_ns();
}

mp_uint_t mp_hal_ticks_us(void) {
    return (mp_uint_t)(board_ns() / 1000);
}

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)(board_ns() / 1000000);
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return (mp_uint_t)board_ticks();
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = board_ns() + (uint64_t)us * 1000;
    while (board_ns() < end) {
        mp_handle_pending(true);
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    while (ms--) {
        mp_hal_delay_us(1000);
    }
}

// The stock port leaves this empty; `mpremote mount` needs it.
uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = flags & MP_STREAM_POLL_WR;
    return (flags & MP_STREAM_POLL_RD) && uart_rx_any() ? ready | MP_STREAM_POLL_RD : ready;
}

// At power-on and after each soft reset: mount the card.
void upedal_port_init(void) {
    mp_stack_set_limit(STACK_LIMIT);
    #if MICROPY_MODULE_FROZEN
    pyexec_frozen_module("_boot.py", false);
    #endif
}
