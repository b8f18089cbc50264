// SPDX-License-Identifier: MIT
// Module `audio`: an I2S of the emulated boards, on a sample clock made of instructions.
//   clock(rate_hz, instructions)  a frame lasts so many instructions; starts at frame 0
//   source(words)                 what arrives at inputs, over and over: array('i') of full-scale 32-bit samples
//   us()                          microseconds of that clock, modulo 2^30
//   I2S(id, mode=, bits=, format=, rate=, ibuf=, **pins)   as machine.I2S, blocking calls only
//   stats()                       (frames in, frames lost, frames out, frames starved, hash of the output)
// Where a call has to wait, the clock is set forward instead of instructions being burnt.
#include <string.h>
#include "py/runtime.h"
#include "upedal_board.h"

enum { AUDIO_RX, AUDIO_TX };
enum { AUDIO_MONO, AUDIO_STEREO };

static struct {
    uint64_t start, skipped; // instructions
    uint32_t rate_hz, per_frame;
    const int32_t *source; // not owned: source_obj keeps it
    size_t source_words;
    uint64_t in, lost, out, starved;
    uint32_t hash; // FNV-1a of the words played
} audio;
MP_REGISTER_ROOT_POINTER(mp_obj_t upedal_audio_source);

typedef struct {
    mp_obj_base_t base;
    bool tx, started;
    uint32_t width, channels; // bytes of a sample
    uint64_t last, frame;     // of the clock; next of the source
    int64_t level, room;      // frames in the ring
} audio_i2s_t;

static const mp_obj_type_t audio_i2s_type;

static uint64_t audio_now(void) {
    return board_instructions(board_ticks()) - audio.start + audio.skipped;
}

static mp_obj_t audio_clock(mp_obj_t rate, mp_obj_t instructions) {
    if (mp_obj_get_int(rate) <= 0 || mp_obj_get_int(instructions) <= 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("rate and instructions must be above 0"));
    }
    audio.skipped = audio.in = audio.lost = audio.out = audio.starved = 0;
    audio.rate_hz = mp_obj_get_int(rate);
    audio.per_frame = mp_obj_get_int(instructions);
    audio.hash = 2166136261u;
    audio.start = board_instructions(board_ticks());
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(audio_clock_obj, audio_clock);

static mp_obj_t audio_source(mp_obj_t words) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(words, &info, MP_BUFFER_READ);
    MP_STATE_VM(upedal_audio_source) = words;
    audio.source = info.buf;
    audio.source_words = info.len / 4;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(audio_source_obj, audio_source);

static mp_obj_t audio_us(void) {
    if (!audio.per_frame) {
        mp_raise_ValueError(MP_ERROR_TEXT("expected audio.clock() first"));
    }
    uint64_t us = audio_now() * 1000000u / ((uint64_t)audio.per_frame * audio.rate_hz);
    return MP_OBJ_NEW_SMALL_INT(us & 0x3fffffff);
}
static MP_DEFINE_CONST_FUN_OBJ_0(audio_us_obj, audio_us);

static mp_obj_t audio_stats(void) {
    mp_obj_t items[5] = {
        mp_obj_new_int_from_ull(audio.in), mp_obj_new_int_from_ull(audio.lost), mp_obj_new_int_from_ull(audio.out),
        mp_obj_new_int_from_ull(audio.starved), mp_obj_new_int_from_uint(audio.hash),
    };
    return mp_obj_new_tuple(5, items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(audio_stats_obj, audio_stats);

static mp_obj_t audio_i2s_make_new(const mp_obj_type_t *type, size_t n_pos, size_t n_kw, const mp_obj_t *args) {
    enum { ARG_id, ARG_mode, ARG_bits, ARG_format, ARG_rate, ARG_ibuf };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_id, MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_mode, MP_ARG_KW_ONLY | MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_bits, MP_ARG_KW_ONLY | MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_format, MP_ARG_KW_ONLY | MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_rate, MP_ARG_KW_ONLY | MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_ibuf, MP_ARG_KW_ONLY | MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_sck, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = mp_const_none } },
        { MP_QSTR_ws, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = mp_const_none } },
        { MP_QSTR_sd, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = mp_const_none } },
    };
    mp_arg_val_t got[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_pos, n_kw, args, MP_ARRAY_SIZE(allowed), allowed, got);
    if (!audio.per_frame || got[ARG_rate].u_int != (mp_int_t)audio.rate_hz) {
        mp_raise_ValueError(MP_ERROR_TEXT("rate differs from that of audio.clock()"));
    }
    audio_i2s_t *self = mp_obj_malloc(audio_i2s_t, type);
    self->tx = got[ARG_mode].u_int == AUDIO_TX;
    self->started = false;
    self->width = got[ARG_bits].u_int == 16 ? 2 : 4;
    self->channels = got[ARG_format].u_int == AUDIO_STEREO ? 2 : 1;
    self->last = self->frame = audio_now() / audio.per_frame;
    self->level = 0;
    self->room = got[ARG_ibuf].u_int / (self->width * self->channels);
    return MP_OBJ_FROM_PTR(self);
}

// What the wire did since the last look.
static void audio_catch_up(audio_i2s_t *self) {
    uint64_t now = audio_now() / audio.per_frame;
    int64_t passed = now - self->last;
    self->last = now;
    self->level += self->tx ? -passed : passed;
    if (self->tx && self->level < 0) {
        audio.starved += self->started ? -self->level : 0;
        self->level = 0;
    } else if (!self->tx && self->level > self->room) {
        audio.lost += self->level - self->room;
        self->frame += self->level - self->room;
        self->level = self->room;
    }
}

// Set the clock forward until `frames` are there, or there is room for them.
static void audio_wait(audio_i2s_t *self, int64_t frames) {
    audio_catch_up(self);
    int64_t missing = self->tx ? self->level + frames - self->room : frames - self->level;
    if (frames > self->room) {
        mp_raise_ValueError(MP_ERROR_TEXT("buffer is longer than ibuf"));
    }
    if (missing > 0) {
        uint64_t rest = audio.per_frame - audio_now() % audio.per_frame;
        audio.skipped += rest + (missing - 1) * (uint64_t)audio.per_frame;
        audio_catch_up(self);
    }
}

static mp_obj_t audio_i2s_readinto(mp_obj_t self_in, mp_obj_t buf_in) {
    audio_i2s_t *self = MP_OBJ_TO_PTR(self_in);
    mp_buffer_info_t info;
    mp_get_buffer_raise(buf_in, &info, MP_BUFFER_WRITE);
    size_t frames = info.len / (self->width * self->channels);
    port_look_for_interrupt();
    audio_wait(self, frames);
    uint8_t *to = info.buf;
    for (size_t t = 0; t < frames; t++, self->frame++) {
        int32_t x = audio.source_words ? audio.source[self->frame % audio.source_words] : 0;
        for (size_t c = 0; c < self->channels; c++, to += self->width) {
            memcpy(to, self->width == 2 ? (uint8_t *)&x + 2 : (uint8_t *)&x, self->width);
        }
    }
    self->level -= frames;
    audio.in += frames;
    return mp_obj_new_int_from_uint(info.len);
}
static MP_DEFINE_CONST_FUN_OBJ_2(audio_i2s_readinto_obj, audio_i2s_readinto);

static mp_obj_t audio_i2s_write(mp_obj_t self_in, mp_obj_t buf_in) {
    audio_i2s_t *self = MP_OBJ_TO_PTR(self_in);
    mp_buffer_info_t info;
    mp_get_buffer_raise(buf_in, &info, MP_BUFFER_READ);
    size_t frames = info.len / (self->width * self->channels);
    audio_wait(self, frames);
    const uint16_t *from = info.buf;
    uint32_t hash = audio.hash;
    for (size_t i = 0; i < info.len / 2; i++) {
        hash = (hash ^ from[i]) * 16777619u;
    }
    audio.hash = hash;
    self->level += frames;
    self->started = true;
    audio.out += frames;
    return mp_obj_new_int_from_uint(info.len);
}
static MP_DEFINE_CONST_FUN_OBJ_2(audio_i2s_write_obj, audio_i2s_write);

static mp_obj_t audio_i2s_deinit(mp_obj_t self_in) {
    (void)self_in;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(audio_i2s_deinit_obj, audio_i2s_deinit);

static const mp_rom_map_elem_t audio_i2s_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&audio_i2s_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&audio_i2s_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&audio_i2s_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_RX), MP_ROM_INT(AUDIO_RX) },
    { MP_ROM_QSTR(MP_QSTR_TX), MP_ROM_INT(AUDIO_TX) },
    { MP_ROM_QSTR(MP_QSTR_MONO), MP_ROM_INT(AUDIO_MONO) },
    { MP_ROM_QSTR(MP_QSTR_STEREO), MP_ROM_INT(AUDIO_STEREO) },
};
static MP_DEFINE_CONST_DICT(audio_i2s_locals, audio_i2s_locals_table);
static MP_DEFINE_CONST_OBJ_TYPE(audio_i2s_type, MP_QSTR_I2S, MP_TYPE_FLAG_NONE,
    make_new, audio_i2s_make_new, locals_dict, &audio_i2s_locals);

static const mp_rom_map_elem_t audio_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_audio) },
    { MP_ROM_QSTR(MP_QSTR_I2S), MP_ROM_PTR(&audio_i2s_type) },
    { MP_ROM_QSTR(MP_QSTR_clock), MP_ROM_PTR(&audio_clock_obj) },
    { MP_ROM_QSTR(MP_QSTR_source), MP_ROM_PTR(&audio_source_obj) },
    { MP_ROM_QSTR(MP_QSTR_us), MP_ROM_PTR(&audio_us_obj) },
    { MP_ROM_QSTR(MP_QSTR_stats), MP_ROM_PTR(&audio_stats_obj) },
};
static MP_DEFINE_CONST_DICT(audio_globals, audio_globals_table);

const mp_obj_module_t audio_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&audio_globals,
};
MP_REGISTER_MODULE(MP_QSTR_audio, audio_module);
