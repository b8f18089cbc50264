# Shared by the emulated boards; the last line of each mpconfigboard.mk.
UPEDAL_COMMON := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

# The port sets this too late for a user module's makefile to ask which compiler it gets.
CROSS_COMPILE ?= $(if $(filter arm,$(QEMU_ARCH)),arm-none-eabi-,riscv64-unknown-elf-)
# The interpreter is built for size, as on real boards; our modules for speed, as native_modules/flags.mk asks.
$(BUILD)/native_modules/%.o: COPT = -O2 -DNDEBUG

BOARD_CARD_BLOCK = 4096
BOARD_CARD_BLOCKS = 4096
CFLAGS += -DQEMU_SOC_UPEDAL -DMICROPY_HW_MCU_NAME='"$(MCU_NAME)"'
CFLAGS += -DMP_CONFIGFILE='"mpconfig_upedal.h"' -I$(UPEDAL_COMMON)
CFLAGS += -DBOARD_CARD=$(BOARD_CARD) -DBOARD_CARD_BLOCK=$(BOARD_CARD_BLOCK) -DBOARD_CARD_BLOCKS=$(BOARD_CARD_BLOCKS)
MICROPY_HEAP_SIZE ?= 2097152
MICROPY_VFS_LFS2 = 1
FROZEN_MANIFEST ?= $(UPEDAL_COMMON)/manifest.py
LDFLAGS += -Wl,--wrap=mp_hal_stdio_poll -Wl,--wrap=uart_rx_chr

vpath %.c $(UPEDAL_COMMON)
SRC_C += port.c modaudio.c modbench.c modcard.c
ifeq ($(QEMU_ARCH),arm)
SRC_C += board_arm.c
LDSCRIPT = $(UPEDAL_COMMON)/arm.ld
LDFLAGS += -L$(BOARD_DIR)
CFLAGS += -DBOARD_TIMER_HZ=$(BOARD_TIMER_HZ)
else
SRC_C += board_rv32.c
endif
