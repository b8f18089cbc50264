// SPDX-License-Identifier: MIT
// The ARM boards: UART, FPU, clock. Two families: ARM's MPS2/MPS3 images and the nRF51 microbit.
#include <stddef.h>
#include "upedal_board.h"
#include "uart.h"

#if defined(__arm__)

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#if defined(BOARD_NRF51)

#define UART(offset) REG(0x40002000 + (offset))
#define UART_STARTRX (0x000)
#define UART_STARTTX (0x008)
#define UART_RXDRDY (0x108)
#define UART_TXDRDY (0x11c)
#define UART_ENABLE (0x500)
#define UART_RXD (0x518)
#define UART_TXD (0x51c)
#define TIMER(offset) REG(0x40008000 + (offset))
#define TIMER_START (0x000)
#define TIMER_CAPTURE0 (0x040)
#define TIMER_BITMODE (0x508)
#define TIMER_PRESCALER (0x510)
#define TIMER_CC0 (0x540)

static void uart_enable(void) {
    UART(UART_ENABLE) = 4;
    UART(UART_STARTRX) = 1;
    UART(UART_STARTTX) = 1;
}

int uart_rx_any(void) {
    return UART(UART_RXDRDY) != 0;
}

static int uart_take(void) {
    UART(UART_RXDRDY) = 0;
    return UART(UART_RXD);
}

static void uart_put(char c) {
    UART(UART_TXDRDY) = 0;
    UART(UART_TXD) = (uint8_t)c;
    while (!UART(UART_TXDRDY)) { // a byte written before the last has gone is lost
    }
}

void board_clock_init(void) {
    TIMER(TIMER_BITMODE) = 3; // 32 bits
    TIMER(TIMER_PRESCALER) = 0;
    TIMER(TIMER_START) = 1;
}

static uint32_t clock_read(void) {
    TIMER(TIMER_CAPTURE0) = 1;
    return TIMER(TIMER_CC0);
}

#else // MPS2 and MPS3

#define UART_DATA REG(BOARD_UART)
#define UART_STATE REG(BOARD_UART + 4) // bit 0: transmit full, bit 1: receive full
#define UART_CTRL REG(BOARD_UART + 8)
#define UART_BAUDDIV REG(BOARD_UART + 16)

static void uart_enable(void) {
    UART_BAUDDIV = 16;
    UART_CTRL = 3;
}

int uart_rx_any(void) {
    return (UART_STATE & 2) != 0;
}

static int uart_take(void) {
    return (int)UART_DATA;
}

static void uart_put(char c) {
    while (UART_STATE & 1) {
    }
    UART_DATA = (uint8_t)c;
}

#if defined(BOARD_SSE_COUNTER) // counts up, 64 bits; the low half is enough

void board_clock_init(void) {
    REG(BOARD_SSE_COUNTER) = 1;
}

static uint32_t clock_read(void) {
    return REG(BOARD_SSE_COUNTER + 8);
}

#else // CMSDK timer: counts down from its reload value

void board_clock_init(void) {
    REG(BOARD_TIMER + 8) = UINT32_MAX;
    REG(BOARD_TIMER + 4) = UINT32_MAX;
    REG(BOARD_TIMER) = 1;
}

static uint32_t clock_read(void) {
    return UINT32_MAX - REG(BOARD_TIMER + 4);
}

#endif
#endif

// MicroPython's start-up calls this before anything else.
void uart_init(void) {
    #if defined(__ARM_FP)
    REG(0xe000ed88) |= 0xfu << 20; // CPACR: full access to the FPU
    __asm volatile ("dsb\n isb" ::: "memory");
    #endif
    uart_enable();
    board_clock_init();
}

int uart_rx_chr(void) {
    return uart_rx_any() ? uart_take() : UART_RX_NO_CHAR;
}

void uart_tx_strn(const char *text, size_t n) {
    while (n--) {
        uart_put(*text++);
    }
}

// The counter has 32 bits; it is read often enough (each time the board asks the time) to extend it.
uint64_t board_ticks(void) {
    static uint32_t last, wraps;
    uint32_t now = clock_read();
    wraps += now < last;
    last = now;
    return (uint64_t)wraps << 32 | now;
}

uint64_t board_instructions(uint64_t ticks) {
    uint64_t ns = ticks * 1000 / (BOARD_TIMER_HZ / 1000000);
    return (ns + (1 << (BOARD_ICOUNT_SHIFT - 1))) >> BOARD_ICOUNT_SHIFT;
}

uint64_t board_ns(void) {
    return board_ticks() * 1000 / (BOARD_TIMER_HZ / 1000000);
}

void board_spin(uint32_t n) {
    __asm volatile (
        ".syntax unified\n"
        "1: nop\n"
        "nop\n"
        "subs %0, %0, #1\n"
        "bne 1b\n"
        : "+l" (n) :: "cc");
}

#endif
