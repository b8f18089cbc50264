// SPDX-License-Identifier: MIT
// pedal_nn for MicroPython: see pedal_nn.pyi for what it offers.
#include "modpedal.h"
#include "up_model.h"
#if defined(MICROPY_ENABLE_DYNRUNTIME)
#include "up_all.inc"
#endif

typedef struct {
    mp_obj_base_t base;
    mp_obj_t blob_obj, arena_obj; // keep both alive
    modpedal_buf_t blob, arena;   // where they were: they must not move
    up_model_t *model;
} nn_model_t;

static void nn_check(int error) {
    if (error < 0) {
        mp_raise_ValueError((mp_rom_error_text_t)up_error_text(error));
    }
}

static mp_obj_t nn_arena_size(mp_obj_t blob_obj) {
    modpedal_buf_t blob = modpedal_buffer(blob_obj, MP_BUFFER_READ);
    up_arena_t arena = { NULL, 0, 0 };
    up_model_t *model;
    nn_check(up_model_layout(&model, blob.at, blob.len, &arena));
    return mp_obj_new_int_from_uint(arena.used);
}
static MP_DEFINE_CONST_FUN_OBJ_1(nn_arena_size_obj, nn_arena_size);

static mp_obj_t nn_info(mp_obj_t blob_obj) {
    modpedal_buf_t blob = modpedal_buffer(blob_obj, MP_BUFFER_READ);
    up_info_t info;
    nn_check(up_model_check(blob.at, blob.len, &info));
    mp_obj_t items[6] = {
        mp_obj_new_int_from_uint(info.rate_hz), mp_obj_new_int_from_uint(info.prewarm),
        mp_obj_new_int(info.inputs), mp_obj_new_int(info.outputs),
        mp_obj_new_int(info.arithmetic), mp_obj_new_int(info.grade),
    };
    return mp_obj_new_tuple(6, items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(nn_info_obj, nn_info);

static mp_obj_t nn_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    nn_model_t *self = mp_obj_malloc(nn_model_t, type);
    self->blob_obj = args[0];
    self->arena_obj = args[1];
    self->blob = modpedal_buffer(args[0], MP_BUFFER_READ);
    self->arena = modpedal_buffer(args[1], MP_BUFFER_WRITE);
    if ((uintptr_t)self->arena.at & 15) {
        nn_check(UP_E_ALIGN);
    }
    up_arena_t arena = { self->arena.at, self->arena.len, 0 };
    nn_check(up_model_layout(&self->model, self->blob.at, self->blob.len, &arena));
    return MP_OBJ_FROM_PTR(self);
}

// MicroPython lets a bytearray grow, and so move, while C holds its address: look each time. (A memoryview
// keeps the old address: of one, this cannot tell.) An arena that another model took is found too.
static up_model_t *nn_model(mp_obj_t self_in) {
    nn_model_t *self = MP_OBJ_TO_PTR(self_in);
    modpedal_buf_t blob = modpedal_buffer(self->blob_obj, MP_BUFFER_READ);
    modpedal_buf_t arena = modpedal_buffer(self->arena_obj, MP_BUFFER_WRITE);
    if (blob.at != self->blob.at || blob.len != self->blob.len || arena.at != self->arena.at || arena.len < self->arena.len
        || !up_model_is_of(self->model, blob.at, blob.len)) {
        mp_raise_ValueError(MP_ERROR_TEXT("model file or arena has moved"));
    }
    return self->model;
}

static mp_obj_t nn_process(mp_obj_t self_in, mp_obj_t src_obj, mp_obj_t dst_obj) {
    up_model_t *model = nn_model(self_in);
    modpedal_buf_t src = modpedal_floats(src_obj, MP_BUFFER_READ), dst = modpedal_floats(dst_obj, MP_BUFFER_WRITE);
    if (src.len != dst.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("src and dst differ in length"));
    }
    up_model_process(model, src.at, dst.at, src.len / sizeof(float));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(nn_model_process_obj, nn_process);

static mp_obj_t nn_reset(mp_obj_t self_in) {
    up_model_reset(nn_model(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(nn_model_reset_obj, nn_reset);

static mp_obj_t nn_knobs(mp_obj_t self_in, mp_obj_t values_obj) {
    up_model_t *model = nn_model(self_in);
    modpedal_buf_t values = modpedal_floats(values_obj, MP_BUFFER_READ);
    if (values.len != (model->info.inputs - 1u) * sizeof(float)) {
        mp_raise_ValueError(MP_ERROR_TEXT("expected one value a knob"));
    }
    if (!up_model_set_knobs(model, values.at)) {
        mp_raise_ValueError(MP_ERROR_TEXT("knob value is not finite or beyond 2^20"));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(nn_model_knobs_obj, nn_knobs);

#if defined(MICROPY_ENABLE_DYNRUNTIME)

// Natmods have no initialised data: types are filled in on import. Not static: see README.md.
mp_obj_full_type_t nn_model_type, nn_split_type, nn_worker_type;
#define NN_SPLIT_TYPE ((const mp_obj_type_t *)(void *)&nn_split_type)
#include "modpedal_split.h"
mp_map_elem_t nn_model_locals_table[3], nn_split_locals_table[3], nn_worker_locals_table[5];
static MP_DEFINE_CONST_DICT(nn_model_locals, nn_model_locals_table);
static MP_DEFINE_CONST_DICT(nn_split_locals, nn_split_locals_table);
static MP_DEFINE_CONST_DICT(nn_worker_locals, nn_worker_locals_table);
#define NN_LOCAL(type, at, name) \
    nn_##type##_locals_table[at] = (mp_map_elem_t){ MP_OBJ_NEW_QSTR(MP_QSTR_##name), MP_OBJ_FROM_PTR(&nn_##type##_##name##_obj) }

static void nn_type(mp_obj_full_type_t *type, qstr name, const void *make_new, const void *locals) {
    type->base.type = (void *)&mp_type_type;
    type->name = (uint16_t)name;
    MP_OBJ_TYPE_SET_SLOT(type, make_new, make_new, 0);
    MP_OBJ_TYPE_SET_SLOT(type, locals_dict, locals, 1);
    mp_store_global(name, MP_OBJ_FROM_PTR(type));
}

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    NN_LOCAL(model, 0, process);
    NN_LOCAL(model, 1, reset);
    NN_LOCAL(model, 2, knobs);
    NN_LOCAL(split, 0, process);
    NN_LOCAL(split, 1, clear);
    NN_LOCAL(split, 2, report);
    NN_LOCAL(worker, 0, add);
    NN_LOCAL(worker, 1, remove);
    NN_LOCAL(worker, 2, serve);
    NN_LOCAL(worker, 3, round);
    NN_LOCAL(worker, 4, stop);
    nn_type(&nn_model_type, MP_QSTR_Model, nn_make_new, &nn_model_locals);
    nn_type(&nn_split_type, MP_QSTR_Split, nn_split_make_new, &nn_split_locals);
    nn_type(&nn_worker_type, MP_QSTR_Worker, nn_worker_make_new, &nn_worker_locals);
    mp_store_global(MP_QSTR_split_size, MP_OBJ_FROM_PTR(&nn_split_size_obj));
    mp_store_global(MP_QSTR_arena_size, MP_OBJ_FROM_PTR(&nn_arena_size_obj));
    mp_store_global(MP_QSTR_info, MP_OBJ_FROM_PTR(&nn_info_obj));
    MP_DYNRUNTIME_INIT_EXIT
}

#else

extern const mp_obj_type_t nn_split_type;
#define NN_SPLIT_TYPE (&nn_split_type)
#include "modpedal_split.h"

// For firmware that starts the second core itself: docs/two_cores.md.
up_worker_t *pedal_nn_worker(mp_obj_t worker_obj);
up_worker_t *pedal_nn_worker(mp_obj_t worker_obj) {
    return &((nn_worker_t *)MP_OBJ_TO_PTR(worker_obj))->worker;
}

static const mp_rom_map_elem_t nn_model_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_process), MP_ROM_PTR(&nn_model_process_obj) },
    { MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&nn_model_reset_obj) },
    { MP_ROM_QSTR(MP_QSTR_knobs), MP_ROM_PTR(&nn_model_knobs_obj) },
};
static const mp_rom_map_elem_t nn_split_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_process), MP_ROM_PTR(&nn_split_process_obj) },
    { MP_ROM_QSTR(MP_QSTR_clear), MP_ROM_PTR(&nn_split_clear_obj) },
    { MP_ROM_QSTR(MP_QSTR_report), MP_ROM_PTR(&nn_split_report_obj) },
};
static const mp_rom_map_elem_t nn_worker_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_add), MP_ROM_PTR(&nn_worker_add_obj) },
    { MP_ROM_QSTR(MP_QSTR_remove), MP_ROM_PTR(&nn_worker_remove_obj) },
    { MP_ROM_QSTR(MP_QSTR_serve), MP_ROM_PTR(&nn_worker_serve_obj) },
    { MP_ROM_QSTR(MP_QSTR_round), MP_ROM_PTR(&nn_worker_round_obj) },
    { MP_ROM_QSTR(MP_QSTR_stop), MP_ROM_PTR(&nn_worker_stop_obj) },
};
static MP_DEFINE_CONST_DICT(nn_split_locals, nn_split_locals_table);
static MP_DEFINE_CONST_DICT(nn_worker_locals, nn_worker_locals_table);
MP_DEFINE_CONST_OBJ_TYPE(nn_split_type, MP_QSTR_Split, MP_TYPE_FLAG_NONE,
    make_new, nn_split_make_new, locals_dict, &nn_split_locals);
static MP_DEFINE_CONST_OBJ_TYPE(nn_worker_type, MP_QSTR_Worker, MP_TYPE_FLAG_NONE,
    make_new, nn_worker_make_new, locals_dict, &nn_worker_locals);
static MP_DEFINE_CONST_DICT(nn_model_locals, nn_model_locals_table);
static MP_DEFINE_CONST_OBJ_TYPE(nn_model_type, MP_QSTR_Model, MP_TYPE_FLAG_NONE,
    make_new, nn_make_new, locals_dict, &nn_model_locals);

static const mp_rom_map_elem_t nn_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_pedal_nn) },
    { MP_ROM_QSTR(MP_QSTR_Model), MP_ROM_PTR(&nn_model_type) },
    { MP_ROM_QSTR(MP_QSTR_Split), MP_ROM_PTR(&nn_split_type) },
    { MP_ROM_QSTR(MP_QSTR_Worker), MP_ROM_PTR(&nn_worker_type) },
    { MP_ROM_QSTR(MP_QSTR_split_size), MP_ROM_PTR(&nn_split_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_arena_size), MP_ROM_PTR(&nn_arena_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_info), MP_ROM_PTR(&nn_info_obj) },
};
static MP_DEFINE_CONST_DICT(nn_globals, nn_globals_table);
const mp_obj_module_t pedal_nn_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&nn_globals,
};
MP_REGISTER_MODULE(MP_QSTR_pedal_nn, pedal_nn_module);

#endif
