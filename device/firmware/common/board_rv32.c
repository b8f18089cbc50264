// SPDX-License-Identifier: MIT
// QEMU's RISC-V machine `virt`: a 16550 UART, the CLINT's clock, and minstret to count by.
#include <stddef.h>
#include "upedal_board.h"
#include "uart.h"

#if defined(__riscv)

#define UART(offset) (*(volatile uint8_t *)(0x10000000 + (offset)))
#define UART_LINE_STATUS (5) // bit 0: byte received, bit 5: room to send
#define CLINT_MTIME (*(volatile uint32_t *)0x0200bff8)
#define CLINT_MTIMEH (*(volatile uint32_t *)0x0200bffc)
#define MTIME_NS (100)

static uint8_t minstret_shift; // some QEMU versions count virtual ns in minstret, others instructions

int uart_rx_any(void) {
    return UART(UART_LINE_STATUS) & 1;
}

int uart_rx_chr(void) {
    return uart_rx_any() ? UART(0) : UART_RX_NO_CHAR;
}

void uart_tx_strn(const char *text, size_t n) {
    while (n--) {
        while (!(UART(UART_LINE_STATUS) & 0x20)) {
        }
        UART(0) = (uint8_t)*text++;
    }
}

uint64_t board_ticks(void) {
    uint32_t high, low, again;
    do {
        __asm volatile ("csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth"
            : "=r" (high), "=r" (low), "=r" (again));
    } while (high != again);
    return (uint64_t)high << 32 | low;
}

void board_spin(uint32_t n) {
    __asm volatile (
        "1: nop\n"
        "nop\n"
        "addi %0, %0, -1\n"
        "bnez %0, 1b\n"
        : "+r" (n));
}

void board_clock_init(void) {
    uint64_t start = board_ticks();
    board_spin(100); // 400 instructions
    minstret_shift = board_ticks() - start > 4000 ? BOARD_ICOUNT_SHIFT : 0;
}

void uart_init(void) {
    board_clock_init();
}

uint64_t board_instructions(uint64_t ticks) {
    return ticks >> minstret_shift;
}

uint64_t board_ns(void) {
    uint32_t high, low;
    do {
        high = CLINT_MTIMEH;
        low = CLINT_MTIME;
    } while (high != CLINT_MTIMEH);
    return ((uint64_t)high << 32 | low) * MTIME_NS;
}

#endif
