// SPDX-License-Identifier: MIT
// What the emulated boards share: a clock that counts instructions, and a memory card in RAM.
#ifndef UPEDAL_BOARD_H
#define UPEDAL_BOARD_H

#include <stdint.h>

// Instructions per tick: QEMU runs with -icount shift=6, so one instruction is 64 virtual ns.
#define BOARD_ICOUNT_SHIFT (6)

void port_look_for_interrupt(void);         // raises KeyboardInterrupt where one has come
void board_clock_init(void);
int uart_rx_any(void);                      // a byte is waiting
uint64_t board_ns(void);                    // virtual time since power-on
uint64_t board_ticks(void);                 // the finest free-running counter
uint64_t board_instructions(uint64_t ticks); // ticks -> instructions, rounded to nearest
void board_spin(uint32_t n);               // a loop of exactly 4 instructions, n times

#endif
