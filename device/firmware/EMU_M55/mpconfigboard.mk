# Cortex-M55: QEMU's mps3-an547; vectors in ITCM, the rest in SRAM, the card in DDR
QEMU_ARCH = arm
QEMU_MACHINE = mps3-an547
MCU_NAME = Cortex-M55
CFLAGS += -mthumb -mcpu=cortex-m55 -mfpu=auto -mfloat-abi=hard
CFLAGS += -DBOARD_UART=0x59303000 -DBOARD_SSE_COUNTER=0x58100000
BOARD_TIMER_HZ = 32000000
BOARD_CARD = 0x70000000
MICROPY_HEAP_SIZE = 1572864
MPY_CROSS_FLAGS += -march=armv7emdp
SRC_BOARD_O = shared/runtime/gchelper_generic.o
include $(BOARD_DIR)/../common/board.mk
