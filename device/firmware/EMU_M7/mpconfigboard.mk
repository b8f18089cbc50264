# Cortex-M7 with a double-precision FPU: QEMU's mps2-an500
QEMU_ARCH = arm
QEMU_MACHINE = mps2-an500
MCU_NAME = Cortex-M7F
CFLAGS += -mthumb -mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard
CFLAGS += -DBOARD_UART=0x40004000 -DBOARD_TIMER=0x40000000
BOARD_TIMER_HZ = 25000000
BOARD_CARD = 0x60000000
MPY_CROSS_FLAGS += -march=armv7emdp
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o
include $(BOARD_DIR)/../common/board.mk
