// SPDX-License-Identifier: MIT
// Module `card`: the memory card, a block device over RAM that no heap knows of. It survives soft resets,
// and the host reads and writes it from outside while the board runs.
#include <string.h>
#include "extmod/vfs.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#define CARD ((uint8_t *)(uintptr_t)BOARD_CARD)

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
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(card_writeblocks_obj, 3, 4, card_writeblocks);

static mp_obj_t card_ioctl(mp_obj_t self, mp_obj_t op, mp_obj_t arg) {
    (void)self;
    (void)arg;
    switch (mp_obj_get_int(op)) {
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(BOARD_CARD_BLOCKS);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BOARD_CARD_BLOCK);
        default: // erase, sync: nothing to do in RAM
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
};
static MP_DEFINE_CONST_DICT(card_globals, card_globals_table);

const mp_obj_module_t card_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&card_globals,
};
MP_REGISTER_MODULE(MP_QSTR_card, card_module);
