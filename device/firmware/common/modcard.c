// SPDX-License-Identifier: MIT
// Module `card`: the memory card, a block device over RAM that no heap knows of. It survives soft resets,
// and the host reads and writes it from outside while the board runs. Erased bytes read 0xff, as on flash.
//   device: the block device       record(path): from now on write each program and erase to a file of the host
#include <string.h>
#include "extmod/vfs.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#define CARD ((uint8_t *)(uintptr_t)BOARD_CARD)

#if defined(__arm__)
#define HOST_OPEN (0x01)
#define HOST_WRITE (0x05)
#define HOST_MODE_WB (5)
#define CARD_ERASED (0x80000000u)

static int card_record_file; // the host's handle; 0: nothing is recorded

// Arm semihosting: QEMU does what is asked, as the debugger of a real board would.
static int host_call(uintptr_t what, const uintptr_t *args) {
    register uintptr_t r0 __asm("r0") = what;
    register const uintptr_t *r1 __asm("r1") = args;
    __asm volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return (int)r0;
}

static void host_write(const void *from, size_t n) {
    const uintptr_t args[3] = { card_record_file, (uintptr_t)from, n };
    if (host_call(HOST_WRITE, args) != 0) {
        mp_raise_OSError(MP_EIO);
    }
}

// One change: address in the card and length, 4 bytes each, then the bytes; none where it was erased.
static void card_note(const uint8_t *at, size_t n, uint32_t erased) {
    if (card_record_file != 0) {
        const uint32_t head[2] = { at - CARD, n | erased };
        host_write(head, sizeof(head));
        if (!erased) {
            host_write(at, n);
        }
    }
}

static mp_obj_t card_record(mp_obj_t path_in) {
    size_t n;
    const char *path = mp_obj_str_get_data(path_in, &n);
    const uintptr_t args[3] = { (uintptr_t)path, HOST_MODE_WB, n };
    int file = host_call(HOST_OPEN, args);
    if (file <= 0) {
        mp_raise_OSError(MP_ENOENT);
    }
    card_record_file = file;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(card_record_obj, card_record);
#else
#define CARD_ERASED (0)
static void card_note(const uint8_t *at, size_t n, uint32_t erased) {
    (void)at;
    (void)n;
    (void)erased;
}
#endif

// Where (block, offset) lies, or NULL where it and n bytes do not lie inside the card.
static uint8_t *card_at(size_t n_args, const mp_obj_t *args, size_t n) {
    mp_int_t block = mp_obj_get_int(args[1]);
    mp_int_t offset = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    if (block < 0 || block >= BOARD_CARD_BLOCKS || offset < 0) {
        return NULL;
    }
    size_t room = (size_t)(BOARD_CARD_BLOCKS - block) * BOARD_CARD_BLOCK;
    if ((size_t)offset > room || n > room - (size_t)offset) {
        return NULL;
    }
    return CARD + (size_t)block * BOARD_CARD_BLOCK + offset;
}

static mp_obj_t card_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t to;
    mp_get_buffer_raise(args[2], &to, MP_BUFFER_WRITE);
    const uint8_t *from = card_at(n_args, args, to.len);
    if (from == NULL) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    memcpy(to.buf, from, to.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(card_readblocks_obj, 3, 4, card_readblocks);

static mp_obj_t card_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t from;
    mp_get_buffer_raise(args[2], &from, MP_BUFFER_READ);
    uint8_t *to = card_at(n_args, args, from.len);
    if (to == NULL) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    memcpy(to, from.buf, from.len);
    card_note(to, from.len, 0);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(card_writeblocks_obj, 3, 4, card_writeblocks);

static mp_obj_t card_ioctl(mp_obj_t self, mp_obj_t op, mp_obj_t arg) {
    (void)self;
    switch (mp_obj_get_int(op)) {
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(BOARD_CARD_BLOCKS);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BOARD_CARD_BLOCK);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE: {
            const mp_obj_t place[2] = { self, arg };
            uint8_t *at = card_at(2, place, BOARD_CARD_BLOCK);
            if (at == NULL) {
                return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
            }
            memset(at, 0xff, BOARD_CARD_BLOCK);
            card_note(at, BOARD_CARD_BLOCK, CARD_ERASED);
            return MP_OBJ_NEW_SMALL_INT(0);
        }
        default: // sync: nothing to do in RAM
            return MP_OBJ_NEW_SMALL_INT(0);
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(card_ioctl_obj, card_ioctl);

static const mp_rom_map_elem_t card_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&card_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&card_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&card_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(card_locals, card_locals_table);
static MP_DEFINE_CONST_OBJ_TYPE(card_type, MP_QSTR_Card, MP_TYPE_FLAG_NONE, locals_dict, &card_locals);
static const mp_obj_base_t card_device = { &card_type };

static const mp_rom_map_elem_t card_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_card) },
    { MP_ROM_QSTR(MP_QSTR_device), MP_ROM_PTR(&card_device) },
    #if defined(__arm__)
    { MP_ROM_QSTR(MP_QSTR_record), MP_ROM_PTR(&card_record_obj) },
    #endif
};
static MP_DEFINE_CONST_DICT(card_globals, card_globals_table);

const mp_obj_module_t card_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&card_globals,
};
MP_REGISTER_MODULE(MP_QSTR_card, card_module);
