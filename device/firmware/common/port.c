// SPDX-License-Identifier: MIT
// What MicroPython asks of a port: the time, whether input waits, and what to do at start.
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "py/stream.h"
#include "shared/runtime/interrupt_char.h"
#include "shared/runtime/pyexec.h"
#include "uart.h"
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

// What came while a script ran that reads nothing: real boards collect it in an interrupt, and look for the
// character that ends a script there.
static struct {
    uint8_t at[256];
    uint8_t first, last;
} port_rx;

int __real_uart_rx_chr(void);

int __wrap_uart_rx_chr(void) {
    return port_rx.first != port_rx.last ? port_rx.at[port_rx.first++] : __real_uart_rx_chr();
}

void port_look_for_interrupt(void) {
    while (uart_rx_any() && (uint8_t)(port_rx.last + 1) != port_rx.first) {
        int c = __real_uart_rx_chr();
        if (c == mp_interrupt_char) {
            port_rx.first = port_rx.last;
            mp_sched_keyboard_interrupt();
        } else {
            port_rx.at[port_rx.last++] = (uint8_t)c;
        }
    }
    mp_handle_pending(true);
}

// The stock port leaves this empty; `mpremote mount` needs it.
uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags) {
    uintptr_t ready = flags & MP_STREAM_POLL_WR;
    bool waits = port_rx.first != port_rx.last || uart_rx_any();
    return (flags & MP_STREAM_POLL_RD) && waits ? ready | MP_STREAM_POLL_RD : ready;
}

// At power-on and after each soft reset: mount the card.
void upedal_port_init(void) {
    mp_stack_set_limit(STACK_LIMIT);
    #if MICROPY_MODULE_FROZEN
    pyexec_frozen_module("_boot.py", false);
    #endif
}
