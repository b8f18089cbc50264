// SPDX-License-Identifier: MIT
// pedal_fx for MicroPython: see pedal_fx.pyi for what it offers.
#include "modpedal.h"
#include "up_fx.h"
#if defined(MICROPY_ENABLE_DYNRUNTIME)
#include "up_fx.c"
#endif

static float *fx_par(mp_obj_t par_obj, size_t n) {
    modpedal_buf_t par = modpedal_floats(par_obj, MP_BUFFER_RW);
    if (par.len < n * sizeof(float)) {
        mp_raise_ValueError(MP_ERROR_TEXT("parameter buffer too short"));
    }
    return par.at;
}

static mp_obj_t fx_gain(mp_obj_t buf_obj, mp_obj_t par_obj) {
    modpedal_buf_t buf = modpedal_floats(buf_obj, MP_BUFFER_RW);
    float *par = fx_par(par_obj, 2);
    up_fx_gain(buf.at, buf.len / sizeof(float), par[1], par[0]);
    par[1] = par[0];
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(fx_gain_obj, fx_gain);

static mp_obj_t fx_peak(mp_obj_t buf_obj, mp_obj_t par_obj) {
    modpedal_buf_t buf = modpedal_floats(buf_obj, MP_BUFFER_READ);
    float *par = fx_par(par_obj, 1);
    par[0] = up_fx_peak(buf.at, buf.len / sizeof(float), par[0]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(fx_peak_obj, fx_peak);

// bits, channels -> bytes a frame; raises on what is out of range.
static size_t fx_frame_bytes(int bits, size_t channels) {
    if (!up_fx_bits_ok(bits) || channels < 1 || channels > 64) {
        mp_raise_ValueError(MP_ERROR_TEXT("bits must be 16, 24, 32 or -32, channels 1 to 64"));
    }
    return channels * (size_t)(bits < 0 ? -bits : bits) / 8;
}

// unpack(raw, dst, bits, channels, channel)
static mp_obj_t fx_unpack(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    modpedal_buf_t raw = modpedal_buffer(args[0], MP_BUFFER_READ), dst = modpedal_floats(args[1], MP_BUFFER_WRITE);
    int bits = mp_obj_get_int(args[2]);
    size_t channels = (size_t)mp_obj_get_int(args[3]), channel = (size_t)mp_obj_get_int(args[4]);
    size_t n = raw.len / fx_frame_bytes(bits, channels), room = dst.len / sizeof(float);
    if (channel >= channels) {
        mp_raise_ValueError(MP_ERROR_TEXT("no such channel"));
    }
    n = n < room ? n : room;
    up_fx_unpack(raw.at, dst.at, n, bits, channels, channel);
    return mp_obj_new_int_from_uint(n);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(fx_unpack_obj, 5, 5, fx_unpack);

// pack(src, raw, bits, channels)
static mp_obj_t fx_pack(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    modpedal_buf_t src = modpedal_floats(args[0], MP_BUFFER_READ), raw = modpedal_buffer(args[1], MP_BUFFER_WRITE);
    int bits = mp_obj_get_int(args[2]);
    size_t channels = (size_t)mp_obj_get_int(args[3]), frame = fx_frame_bytes(bits, channels);
    size_t n = src.len / sizeof(float), room = raw.len / frame;
    n = n < room ? n : room;
    up_fx_pack(src.at, raw.at, n, bits, channels);
    return mp_obj_new_int_from_uint(n * frame);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(fx_pack_obj, 4, 4, fx_pack);

#if defined(MICROPY_ENABLE_DYNRUNTIME)

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_gain, MP_OBJ_FROM_PTR(&fx_gain_obj));
    mp_store_global(MP_QSTR_peak, MP_OBJ_FROM_PTR(&fx_peak_obj));
    mp_store_global(MP_QSTR_unpack, MP_OBJ_FROM_PTR(&fx_unpack_obj));
    mp_store_global(MP_QSTR_pack, MP_OBJ_FROM_PTR(&fx_pack_obj));
    MP_DYNRUNTIME_INIT_EXIT
}

#else

static const mp_rom_map_elem_t fx_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_pedal_fx) },
    { MP_ROM_QSTR(MP_QSTR_gain), MP_ROM_PTR(&fx_gain_obj) },
    { MP_ROM_QSTR(MP_QSTR_peak), MP_ROM_PTR(&fx_peak_obj) },
    { MP_ROM_QSTR(MP_QSTR_unpack), MP_ROM_PTR(&fx_unpack_obj) },
    { MP_ROM_QSTR(MP_QSTR_pack), MP_ROM_PTR(&fx_pack_obj) },
};
static MP_DEFINE_CONST_DICT(fx_globals, fx_globals_table);
const mp_obj_module_t pedal_fx_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&fx_globals,
};
MP_REGISTER_MODULE(MP_QSTR_pedal_fx, pedal_fx_module);

#endif
