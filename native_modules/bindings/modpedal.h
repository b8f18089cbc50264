// SPDX-License-Identifier: MIT
// What the MicroPython bindings share. They are built twice from the same text: as natmods
// (MICROPY_ENABLE_DYNRUNTIME) and as user C modules. A binding checks, converts and raises; it
// computes nothing. No float crosses as an argument: a soft-float call may meet a hard-float module.
#ifndef MODPEDAL_H
#define MODPEDAL_H

#if defined(MICROPY_ENABLE_DYNRUNTIME)
#include "py/dynruntime.h"
#else
#include "py/obj.h"
#include "py/runtime.h"
#endif

// A natmod is one translation unit and has no libc; compilers make these calls out of plain code.
#if defined(MICROPY_ENABLE_DYNRUNTIME) && !defined(__linux__)
void *memcpy(void *dst, const void *src, size_t n) {
    return mp_fun_table.memmove_(dst, src, n);
}
void *memset(void *dst, int c, size_t n) {
    return mp_fun_table.memset_(dst, c, n);
}
#endif

typedef struct {
    void *at;
    size_t len; // bytes
} modpedal_buf_t;

static modpedal_buf_t modpedal_buffer(mp_obj_t obj, unsigned flags) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(obj, &info, flags);
    modpedal_buf_t buf = { info.buf, info.len };
    return buf;
}

// A buffer of floats; len is in bytes, a multiple of 4.
static modpedal_buf_t modpedal_floats(mp_obj_t obj, unsigned flags) {
    modpedal_buf_t buf = modpedal_buffer(obj, flags);
    if ((uintptr_t)buf.at & 3 || buf.len & 3) {
        mp_raise_ValueError(MP_ERROR_TEXT("expected a buffer of float32"));
    }
    return buf;
}

#endif
