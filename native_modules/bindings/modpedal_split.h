// SPDX-License-Identifier: MIT
// The part of pedal_nn that spreads a model over two cores: Split, Worker, split_size. Behind modpedal_nn.c's Model.
#ifndef MODPEDAL_SPLIT_H
#define MODPEDAL_SPLIT_H

#include "up_split.h"

typedef struct {
    mp_obj_base_t base;
    mp_obj_t model_obj, memory_obj; // keep both alive
    modpedal_buf_t memory;          // where it was: it must not move
    up_split_t *split;
} nn_split_t;

typedef struct {
    mp_obj_base_t base;
    mp_obj_t splits[UP_WORKER_PLACES]; // keep them alive
    up_worker_t worker;
} nn_worker_t;

static size_t nn_count(mp_obj_t obj) {
    mp_int_t n = mp_obj_get_int(obj);
    return n < 0 ? SIZE_MAX : (size_t)n;
}

static mp_obj_t nn_split_size(mp_obj_t model_obj, mp_obj_t cut, mp_obj_t frames) {
    up_arena_t arena = { NULL, 0, 0 };
    up_split_t *split;
    nn_check(up_split_layout(&split, nn_model(model_obj), nn_count(cut), nn_count(frames), &arena));
    return mp_obj_new_int_from_uint(arena.used);
}
static MP_DEFINE_CONST_FUN_OBJ_3(nn_split_size_obj, nn_split_size);

static mp_obj_t nn_split_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 4, 4, false);
    nn_split_t *self = mp_obj_malloc(nn_split_t, type);
    self->model_obj = args[0];
    self->memory_obj = args[3];
    self->memory = modpedal_buffer(args[3], MP_BUFFER_WRITE);
    if ((uintptr_t)self->memory.at & 15) {
        nn_check(UP_E_ALIGN);
    }
    up_arena_t arena = { self->memory.at, self->memory.len, 0 };
    nn_check(up_split_layout(&self->split, nn_model(args[0]), nn_count(args[1]), nn_count(args[2]), &arena));
    return MP_OBJ_FROM_PTR(self);
}

static up_split_t *nn_split(mp_obj_t self_in) {
    nn_split_t *self = MP_OBJ_TO_PTR(self_in);
    modpedal_buf_t memory = modpedal_buffer(self->memory_obj, MP_BUFFER_WRITE);
    up_model_t *model = nn_model(self->model_obj);
    if (memory.at != self->memory.at || memory.len < self->memory.len || self->split->model != model) {
        mp_raise_ValueError(MP_ERROR_TEXT("memory of the split has moved"));
    }
    return self->split;
}

static void nn_alive(bool answers) {
    if (!answers) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("second core does not answer"));
    }
}

static mp_obj_t nn_split_process(mp_obj_t self_in, mp_obj_t src_obj, mp_obj_t dst_obj) {
    up_split_t *split = nn_split(self_in);
    modpedal_buf_t src = modpedal_floats(src_obj, MP_BUFFER_READ), dst = modpedal_floats(dst_obj, MP_BUFFER_WRITE);
    if (src.len != dst.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("src and dst differ in length"));
    }
    nn_alive(up_split_process(split, src.at, dst.at, src.len / sizeof(float)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(nn_split_process_obj, nn_split_process);

static mp_obj_t nn_split_clear(mp_obj_t self_in) {
    nn_alive(up_split_clear(nn_split(self_in)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(nn_split_clear_obj, nn_split_clear);

static mp_obj_t nn_split_report(mp_obj_t self_in) {
    up_split_t *split = nn_split(self_in);
    mp_obj_t items[4] = {
        mp_obj_new_int_from_uint(up_model_file_layer(split->model, split->cut)), mp_obj_new_int_from_uint(split->put),
        mp_obj_new_int_from_uint(split->here), mp_obj_new_int_from_uint(split->lost),
    };
    return mp_obj_new_tuple(4, items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(nn_split_report_obj, nn_split_report);

// ---- the second core -------------------------------------------------------------------------

static mp_obj_t nn_worker_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    nn_worker_t *self = mp_obj_malloc(nn_worker_t, type);
    for (int i = 0; i < UP_WORKER_PLACES; i++) {
        self->splits[i] = mp_const_none;
    }
    up_worker_init(&self->worker);
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t nn_worker_change(mp_obj_t self_in, mp_obj_t split_obj, bool add) {
    nn_worker_t *self = MP_OBJ_TO_PTR(self_in);
    if (mp_obj_get_type(split_obj) != NN_SPLIT_TYPE) {
        mp_raise_ValueError(MP_ERROR_TEXT("expected a Split"));
    }
    for (int i = 0; i < UP_WORKER_PLACES; i++) {
        bool is = self->splits[i] == split_obj;
        if (is && add) {
            return mp_const_true;
        }
        if (is) { // a core that hangs inside may still write there: kept for ever
            nn_alive(up_worker_remove(&self->worker, ((nn_split_t *)MP_OBJ_TO_PTR(split_obj))->split));
            self->splits[i] = mp_const_none;
            return mp_const_true;
        }
    }
    for (int i = 0; add && i < UP_WORKER_PLACES; i++) {
        up_split_t *split = nn_split(split_obj);
        if (self->splits[i] == mp_const_none && !split->worker && up_worker_add(&self->worker, split)) {
            self->splits[i] = split_obj;
            return mp_const_true;
        }
    }
    return mp_const_false;
}

static mp_obj_t nn_worker_add(mp_obj_t self_in, mp_obj_t split_obj) {
    return nn_worker_change(self_in, split_obj, true);
}
static MP_DEFINE_CONST_FUN_OBJ_2(nn_worker_add_obj, nn_worker_add);

static mp_obj_t nn_worker_remove(mp_obj_t self_in, mp_obj_t split_obj) {
    return nn_worker_change(self_in, split_obj, false);
}
static MP_DEFINE_CONST_FUN_OBJ_2(nn_worker_remove_obj, nn_worker_remove);

// No Python in here and nothing of the heap: the first core may collect garbage, or hold the lock of the interpreter.
static mp_obj_t nn_worker_serve(mp_obj_t self_in) {
    nn_worker_t *self = MP_OBJ_TO_PTR(self_in);
    #if !defined(MICROPY_ENABLE_DYNRUNTIME)
    MP_THREAD_GIL_EXIT();
    #endif
    up_worker_serve(&self->worker);
    #if !defined(MICROPY_ENABLE_DYNRUNTIME)
    MP_THREAD_GIL_ENTER();
    #endif
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(nn_worker_serve_obj, nn_worker_serve);

static mp_obj_t nn_worker_round(mp_obj_t self_in) {
    nn_worker_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_bool(up_worker_round(&self->worker));
}
static MP_DEFINE_CONST_FUN_OBJ_1(nn_worker_round_obj, nn_worker_round);

static mp_obj_t nn_worker_stop(mp_obj_t self_in) {
    nn_worker_t *self = MP_OBJ_TO_PTR(self_in);
    up_worker_stop(&self->worker);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(nn_worker_stop_obj, nn_worker_stop);

#endif
