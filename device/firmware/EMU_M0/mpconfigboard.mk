# Cortex-M0 (as in the RP2040's M0+), soft float: QEMU's microbit with more memory
QEMU_ARCH = arm
QEMU_MACHINE = microbit
MCU_NAME = Cortex-M0
CFLAGS += -mthumb -mcpu=cortex-m0 -mfloat-abi=soft
CFLAGS += -DBOARD_NRF51
CFLAGS += -DMICROPY_EMIT_THUMB_ARMV7M=0 -DMICROPY_EMIT_INLINE_THUMB_FLOAT=0
BOARD_TIMER_HZ = 16000000
BOARD_CARD = 0x20800000
MPY_CROSS_FLAGS += -march=armv6m
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb1.o
include $(BOARD_DIR)/../common/board.mk
