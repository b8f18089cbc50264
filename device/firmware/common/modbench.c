// SPDX-License-Identifier: MIT
// Module `bench`: instructions spent in a call, as Python sees it.
//   measure(f, *args) -> ticks      insns(ticks) -> instructions
//   null(*args) does nothing        spin(n): 4 instructions, n times, to check the counter by
// The call is fenced by two marker instructions for a TCG plugin that looks at what is executed between.
#include "py/runtime.h"
#include "upedal_board.h"

#if defined(__arm__)
#define MARK_START "mov r10, r10"
#define MARK_STOP "mov r11, r11"
#else
#define MARK_START "slti x0, x0, 1"
#define MARK_STOP "slti x0, x0, 2"
#endif

static mp_obj_t bench_measure(size_t n_args, const mp_obj_t *args) {
    uint64_t start = board_ticks();
    __asm volatile (MARK_START ::: "memory");
    mp_call_function_n_kw(args[0], n_args - 1, 0, args + 1);
    __asm volatile (MARK_STOP ::: "memory");
    return mp_obj_new_int_from_ull(board_ticks() - start);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR(bench_measure_obj, 1, bench_measure);

static mp_obj_t bench_insns(mp_obj_t ticks) {
    mp_obj_t high = mp_binary_op(MP_BINARY_OP_RSHIFT, ticks, MP_OBJ_NEW_SMALL_INT(32));
    uint64_t value = (uint32_t)mp_obj_get_int_truncated(ticks);
    value |= (uint64_t)(uint32_t)mp_obj_get_int_truncated(high) << 32;
    return mp_obj_new_int_from_ull(board_instructions(value));
}
static MP_DEFINE_CONST_FUN_OBJ_1(bench_insns_obj, bench_insns);

static mp_obj_t bench_null(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR(bench_null_obj, 0, bench_null);

static mp_obj_t bench_spin(mp_obj_t n_in) {
    mp_int_t n = mp_obj_get_int(n_in);
    if (n > 0) {
        board_spin((uint32_t)n);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(bench_spin_obj, bench_spin);

static const mp_rom_map_elem_t bench_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_bench) },
    { MP_ROM_QSTR(MP_QSTR_measure), MP_ROM_PTR(&bench_measure_obj) },
    { MP_ROM_QSTR(MP_QSTR_insns), MP_ROM_PTR(&bench_insns_obj) },
    { MP_ROM_QSTR(MP_QSTR_null), MP_ROM_PTR(&bench_null_obj) },
    { MP_ROM_QSTR(MP_QSTR_spin), MP_ROM_PTR(&bench_spin_obj) },
};
static MP_DEFINE_CONST_DICT(bench_globals, bench_globals_table);

const mp_obj_module_t bench_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&bench_globals,
};
MP_REGISTER_MODULE(MP_QSTR_bench, bench_module);
