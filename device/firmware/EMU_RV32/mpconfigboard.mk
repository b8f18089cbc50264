# RV32IMAC, soft float: QEMU's RISC-V virt
QEMU_ARCH = riscv32
QEMU_MACHINE = virt
MCU_NAME = RV32IMAC
# GCC 12 has no library for rv32imac_zicsr; the older ISA text implies the CSR instructions.
RV32_ARCH = rv32imac
CFLAGS += -misa-spec=2.2
AFLAGS += -misa-spec=2.2
LDSCRIPT = mcu/rv32/virt.ld
BOARD_CARD = 0x82000000
MICROPY_HEAP_SIZE = 1572864
MPY_CROSS_FLAGS += -march=rv32imc
SRC_BOARD_O += shared/runtime/gchelper_native.o shared/runtime/gchelper_rv32i.o
include $(BOARD_DIR)/../common/board.mk
