# Cortex-M33F with DSP instructions (as in the RP2350): QEMU's mps2-an505, secure aliases
QEMU_ARCH = arm
QEMU_MACHINE = mps2-an505
MCU_NAME = Cortex-M33F
CFLAGS += -mthumb -mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard
CFLAGS += -DBOARD_UART=0x50200000 -DBOARD_TIMER=0x50000000
BOARD_TIMER_HZ = 20000000
BOARD_CARD = 0x80000000
MPY_CROSS_FLAGS += -march=armv7emsp
SRC_BOARD_O = shared/runtime/gchelper_generic.o
include $(BOARD_DIR)/../common/board.mk
