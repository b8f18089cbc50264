# Cortex-M3, soft float: QEMU's mps2-an385
QEMU_ARCH = arm
QEMU_MACHINE = mps2-an385
MCU_NAME = Cortex-M3
CFLAGS += -mthumb -mcpu=cortex-m3 -mfloat-abi=soft
CFLAGS += -DBOARD_UART=0x40004000 -DBOARD_TIMER=0x40000000
BOARD_TIMER_HZ = 25000000
BOARD_CARD = 0x21000000
MPY_CROSS_FLAGS += -march=armv7m
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o
include $(BOARD_DIR)/../common/board.mk
