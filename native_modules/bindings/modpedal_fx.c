// SPDX-License-Identifier: MIT
// pedal_fx for MicroPython: see pedal_fx.pyi for what it offers.
#include "modpedal.h"
#include "up_fx.h"
#include "up_kernels.h"
#include "up_resample.h"
#if defined(MICROPY_ENABLE_DYNRUNTIME)
#include "up_effects.inc"
#endif

static float *fx_par(mp_obj_t par_obj, size_t n) {
    modpedal_buf_t par = modpedal_floats(par_obj, MP_BUFFER_RW);
    if (par.len < n * sizeof(float)) {
        mp_raise_ValueError(MP_ERROR_TEXT("parameter buffer too short"));
    }
    return par.at;
}

// clear(words, first)
static mp_obj_t fx_clear(mp_obj_t words_obj, mp_obj_t first_obj) {
    modpedal_buf_t words = modpedal_floats(words_obj, MP_BUFFER_RW);
    mp_int_t n = (mp_int_t)(words.len / sizeof(float)), first = mp_obj_get_int(first_obj);
    if (first < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("first must not be negative"));
    }
    for (mp_int_t i = first; i < n; i++) {
        ((float *)words.at)[i] = 0.0f;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(fx_clear_obj, fx_clear);

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

static void fx_pair(mp_int_t from_hz, mp_int_t to_hz) {
    if (!up_resample_ok((uint32_t)from_hz, (uint32_t)to_hz)) {
        mp_raise_ValueError(MP_ERROR_TEXT("resampling is between 44100 and 48000 Hz"));
    }
}

static mp_obj_t fx_resample_size(mp_obj_t from_obj, mp_obj_t to_obj) {
    mp_int_t from_hz = mp_obj_get_int(from_obj), to_hz = mp_obj_get_int(to_obj);
    up_arena_t arena = { NULL, 0, 0 };
    fx_pair(from_hz, to_hz);
    up_resample_layout((uint32_t)from_hz, (uint32_t)to_hz, 0, &arena);
    return mp_obj_new_int_from_uint(arena.used);
}
static MP_DEFINE_CONST_FUN_OBJ_2(fx_resample_size_obj, fx_resample_size);

// resample_init(state, from_hz, to_hz, extra)
static mp_obj_t fx_resample_init(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    modpedal_buf_t state = modpedal_buffer(args[0], MP_BUFFER_RW);
    mp_int_t from_hz = mp_obj_get_int(args[1]), to_hz = mp_obj_get_int(args[2]), extra = mp_obj_get_int(args[3]);
    fx_pair(from_hz, to_hz);
    if (extra < 0 || extra >= (mp_int_t)UP_RESAMPLE_TICKS_HZ / from_hz) {
        mp_raise_ValueError(MP_ERROR_TEXT("extra must be less ticks than an input frame has"));
    }
    up_arena_t arena = { state.at, state.len, 0 };
    up_resample_t *self = (uintptr_t)state.at & 15 ? NULL
        : up_resample_layout((uint32_t)from_hz, (uint32_t)to_hz, (uint32_t)extra, &arena);
    if (!self) {
        mp_raise_ValueError(MP_ERROR_TEXT("state is smaller than resample_size() or not 16-byte aligned"));
    }
    up_resample_fill(self);
    up_resample_reset(self);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(fx_resample_init_obj, 4, 4, fx_resample_init);

static up_resample_t *fx_resampler(mp_obj_t state_obj) {
    modpedal_buf_t state = modpedal_buffer(state_obj, MP_BUFFER_RW);
    up_resample_t *self = state.at;
    if ((uintptr_t)state.at & 15 || state.len < sizeof(up_resample_t) || self->home != self) {
        mp_raise_ValueError(MP_ERROR_TEXT("resampler was not initialised or has moved"));
    }
    return self;
}

static mp_obj_t fx_resample_reset(mp_obj_t state_obj) {
    up_resample_reset(fx_resampler(state_obj));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(fx_resample_reset_obj, fx_resample_reset);

static mp_obj_t fx_resample(mp_obj_t state_obj, mp_obj_t src_obj, mp_obj_t dst_obj) {
    up_resample_t *self = fx_resampler(state_obj);
    modpedal_buf_t src = modpedal_floats(src_obj, MP_BUFFER_READ), dst = modpedal_floats(dst_obj, MP_BUFFER_WRITE);
    size_t n = src.len / sizeof(float), room = dst.len / sizeof(float);
    if (up_resample_ready(self, n) > room + UP_RESAMPLE_SLACK - 1) { // an output may stand for more than one input
        mp_raise_ValueError(MP_ERROR_TEXT("dst is too short"));
    }
    return mp_obj_new_int_from_uint(up_resample_process(self, src.at, n, dst.at, room));
}
static MP_DEFINE_CONST_FUN_OBJ_3(fx_resample_obj, fx_resample);

// pack2(left, right, raw, bits)
static mp_obj_t fx_pack2(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    modpedal_buf_t left = modpedal_floats(args[0], MP_BUFFER_READ), right = modpedal_floats(args[1], MP_BUFFER_READ);
    modpedal_buf_t raw = modpedal_buffer(args[2], MP_BUFFER_WRITE);
    int bits = mp_obj_get_int(args[3]);
    size_t frame = fx_frame_bytes(bits, 2), room = raw.len / frame;
    size_t n = (left.len < right.len ? left.len : right.len) / sizeof(float);
    n = n < room ? n : room;
    up_fx_pack2(left.at, right.at, raw.at, n, bits);
    return mp_obj_new_int_from_uint(n * frame);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(fx_pack2_obj, 4, 4, fx_pack2);

// ---- kernels of effects: all kernel(buf, state) ----

static mp_obj_t fx_run(mp_obj_t buf_obj, mp_obj_t state_obj, up_kernel_t *kernel, size_t least) {
    modpedal_buf_t buf = modpedal_floats(buf_obj, MP_BUFFER_RW), state = modpedal_floats(state_obj, MP_BUFFER_RW);
    if (state.len < least) {
        mp_raise_ValueError(MP_ERROR_TEXT("state is shorter than kernel() says"));
    }
    if ((uintptr_t)buf.at < (uintptr_t)state.at + state.len && (uintptr_t)state.at < (uintptr_t)buf.at + buf.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("buffer and state overlap")); // what is checked in a state must stay so
    }
    kernel(buf.at, buf.len / sizeof(float), state.at, state.len);
    return mp_const_none;
}

#define FX_KERNEL(name) \
    static mp_obj_t fx_kernel_##name(mp_obj_t buf_obj, mp_obj_t state_obj) { \
        return fx_run(buf_obj, state_obj, up_##name, sizeof(up_##name##_t)); \
    } \
    static MP_DEFINE_CONST_FUN_OBJ_2(fx_kernel_##name##_obj, fx_kernel_##name);
UP_KERNELS(FX_KERNEL)

static const struct {
    char name[12];
    uint32_t bytes;
    const mp_obj_fun_builtin_fixed_t *function;
} fx_kernels[] = {
    #define FX_KERNEL_ROW(name) { #name, sizeof(up_##name##_t), &fx_kernel_##name##_obj },
    UP_KERNELS(FX_KERNEL_ROW)
};

static bool fx_same(const char *a, const char *b) {
    while (*a && *a == *b) {
        a++, b++;
    }
    return *a == *b;
}

// kernel(name) -> (function, bytes of its state)
static mp_obj_t fx_kernel(mp_obj_t name_obj) {
    const char *name = mp_obj_str_get_str(name_obj);
    for (size_t i = 0; i < sizeof(fx_kernels) / sizeof(fx_kernels[0]); i++) {
        if (fx_same(name, fx_kernels[i].name)) {
            mp_obj_t items[2] = { MP_OBJ_FROM_PTR(fx_kernels[i].function), MP_OBJ_NEW_SMALL_INT(fx_kernels[i].bytes) };
            return mp_obj_new_tuple(2, items);
        }
    }
    mp_raise_ValueError(MP_ERROR_TEXT("no kernel of that name"));
}
static MP_DEFINE_CONST_FUN_OBJ_1(fx_kernel_obj, fx_kernel);

// put(dest, route, position)
static mp_obj_t fx_put(mp_obj_t dest_obj, mp_obj_t route_obj, mp_obj_t position_obj) {
    modpedal_buf_t dest = modpedal_floats(dest_obj, MP_BUFFER_RW), route = modpedal_floats(route_obj, MP_BUFFER_READ);
    if (route.len < sizeof(up_route_t)) {
        mp_raise_ValueError(MP_ERROR_TEXT("route must have index, low, high, curve"));
    }
    float position = (float)mp_obj_get_int(position_obj) * (1.0f / 65535.0f);
    up_route_put(route.at, dest.at, dest.len / sizeof(float), position);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(fx_put_obj, fx_put);

#if defined(MICROPY_ENABLE_DYNRUNTIME)

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_clear, MP_OBJ_FROM_PTR(&fx_clear_obj));
    mp_store_global(MP_QSTR_peak, MP_OBJ_FROM_PTR(&fx_peak_obj));
    mp_store_global(MP_QSTR_unpack, MP_OBJ_FROM_PTR(&fx_unpack_obj));
    mp_store_global(MP_QSTR_pack, MP_OBJ_FROM_PTR(&fx_pack_obj));
    mp_store_global(MP_QSTR_resample_size, MP_OBJ_FROM_PTR(&fx_resample_size_obj));
    mp_store_global(MP_QSTR_resample_init, MP_OBJ_FROM_PTR(&fx_resample_init_obj));
    mp_store_global(MP_QSTR_resample_reset, MP_OBJ_FROM_PTR(&fx_resample_reset_obj));
    mp_store_global(MP_QSTR_kernel, MP_OBJ_FROM_PTR(&fx_kernel_obj));
    mp_store_global(MP_QSTR_put, MP_OBJ_FROM_PTR(&fx_put_obj));
    mp_store_global(MP_QSTR_pack2, MP_OBJ_FROM_PTR(&fx_pack2_obj));
    mp_store_global(MP_QSTR_resample, MP_OBJ_FROM_PTR(&fx_resample_obj));
    MP_DYNRUNTIME_INIT_EXIT
}

#else

static const mp_rom_map_elem_t fx_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_pedal_fx) },
    { MP_ROM_QSTR(MP_QSTR_clear), MP_ROM_PTR(&fx_clear_obj) },
    { MP_ROM_QSTR(MP_QSTR_peak), MP_ROM_PTR(&fx_peak_obj) },
    { MP_ROM_QSTR(MP_QSTR_unpack), MP_ROM_PTR(&fx_unpack_obj) },
    { MP_ROM_QSTR(MP_QSTR_pack), MP_ROM_PTR(&fx_pack_obj) },
    { MP_ROM_QSTR(MP_QSTR_resample_size), MP_ROM_PTR(&fx_resample_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_resample_init), MP_ROM_PTR(&fx_resample_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_resample_reset), MP_ROM_PTR(&fx_resample_reset_obj) },
    { MP_ROM_QSTR(MP_QSTR_kernel), MP_ROM_PTR(&fx_kernel_obj) },
    { MP_ROM_QSTR(MP_QSTR_put), MP_ROM_PTR(&fx_put_obj) },
    { MP_ROM_QSTR(MP_QSTR_pack2), MP_ROM_PTR(&fx_pack2_obj) },
    { MP_ROM_QSTR(MP_QSTR_resample), MP_ROM_PTR(&fx_resample_obj) },
};
static MP_DEFINE_CONST_DICT(fx_globals, fx_globals_table);
const mp_obj_module_t pedal_fx_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&fx_globals,
};
MP_REGISTER_MODULE(MP_QSTR_pedal_fx, pedal_fx_module);

#endif
