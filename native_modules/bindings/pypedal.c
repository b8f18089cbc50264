// SPDX-License-Identifier: MIT
// pedal_nn and pedal_fx for CPython: the same functions as on the pedal (pedal_nn.pyi,
// pedal_fx.pyi), as two submodules of one extension that has the whole core in it.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include "up_all.inc"
#include "up_effects.inc"
#include "up_kernels.h"

#ifndef PYPEDAL_NAME
#define PYPEDAL_NAME _native
#endif
#define PYPEDAL_CAT(a, b) a##b
#define PYPEDAL_JOIN(a, b) PYPEDAL_CAT(a, b)
#define PYPEDAL_STR(x) #x
#define PYPEDAL_XSTR(x) PYPEDAL_STR(x)

// -1 with an exception set, or 0.
static int py_check(int error) {
    if (error < 0) {
        PyErr_SetString(PyExc_ValueError, up_error_text(error));
    }
    return error < 0 ? -1 : 0;
}

static int py_buffer(PyObject *obj, Py_buffer *buf, bool write, bool floats) {
    if (PyObject_GetBuffer(obj, buf, write ? PyBUF_WRITABLE : PyBUF_SIMPLE) < 0) {
        return -1;
    }
    if (floats && ((uintptr_t)buf->buf & 3 || buf->len & 3)) {
        PyErr_SetString(PyExc_ValueError, "expected a buffer of float32");
        PyBuffer_Release(buf);
        return -1;
    }
    return 0;
}

// ---- pedal_nn --------------------------------------------------------------------------------

typedef struct {
    PyObject_HEAD
    Py_buffer blob, arena;
    up_model_t *model;
} py_model_t;

static PyObject *py_arena_size(PyObject *module, PyObject *blob_obj) {
    Py_buffer blob;
    if (py_buffer(blob_obj, &blob, false, false) < 0) {
        return NULL;
    }
    up_arena_t arena = { NULL, 0, 0 };
    up_model_t *model;
    int failed = py_check(up_model_layout(&model, blob.buf, (size_t)blob.len, &arena));
    PyBuffer_Release(&blob);
    return failed ? NULL : PyLong_FromSize_t(arena.used);
}

static PyObject *py_info(PyObject *module, PyObject *blob_obj) {
    Py_buffer blob;
    up_info_t info;
    if (py_buffer(blob_obj, &blob, false, false) < 0) {
        return NULL;
    }
    int failed = py_check(up_model_check(blob.buf, (size_t)blob.len, &info));
    PyBuffer_Release(&blob);
    return failed ? NULL : Py_BuildValue("(IIiiii)", info.rate_hz, info.prewarm, info.inputs, info.outputs,
        info.arithmetic, info.grade);
}

static void py_model_dealloc(py_model_t *self) {
    PyBuffer_Release(&self->blob);
    PyBuffer_Release(&self->arena);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *py_model_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *blob, *arena;
    if (!PyArg_ParseTuple(args, "OO:Model", &blob, &arena)) {
        return NULL;
    }
    py_model_t *self = (py_model_t *)type->tp_alloc(type, 0);
    if (!self) {
        return NULL;
    }
    if (py_buffer(blob, &self->blob, false, false) < 0 || py_buffer(arena, &self->arena, true, false) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    up_arena_t memory = { self->arena.buf, (size_t)self->arena.len, 0 };
    int error = (uintptr_t)memory.base & 15 ? UP_E_ALIGN
        : up_model_layout(&self->model, self->blob.buf, (size_t)self->blob.len, &memory);
    if (py_check(error) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

// -1 with an exception set where the arena was given to another model or overwritten.
static int py_owned(const py_model_t *self) {
    if (!up_model_is_of(self->model, self->blob.buf, (size_t)self->blob.len)) {
        PyErr_SetString(PyExc_ValueError, "model file or arena has moved");
        return -1;
    }
    return 0;
}

static PyObject *py_process(py_model_t *self, PyObject *const *args, Py_ssize_t n_args) {
    Py_buffer src, dst;
    if (py_owned(self) < 0) {
        return NULL;
    }
    if (n_args != 2) {
        PyErr_SetString(PyExc_TypeError, "process(src, dst) takes two buffers");
        return NULL;
    }
    if (py_buffer(args[0], &src, false, true) < 0) {
        return NULL;
    }
    if (py_buffer(args[1], &dst, true, true) < 0) {
        PyBuffer_Release(&src);
        return NULL;
    }
    bool same = src.len == dst.len;
    if (same) {
        Py_BEGIN_ALLOW_THREADS
        up_model_process(self->model, src.buf, dst.buf, (size_t)src.len / sizeof(float));
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, "src and dst differ in length");
    }
    PyBuffer_Release(&src);
    PyBuffer_Release(&dst);
    return same ? Py_NewRef(Py_None) : NULL;
}

static PyObject *py_reset(py_model_t *self, PyObject *unused) {
    if (py_owned(self) < 0) {
        return NULL;
    }
    up_model_reset(self->model);
    Py_RETURN_NONE;
}

static PyObject *py_knobs(py_model_t *self, PyObject *values_obj) {
    Py_buffer values;
    if (py_owned(self) < 0 || py_buffer(values_obj, &values, false, true) < 0) {
        return NULL;
    }
    bool fits = (size_t)values.len == (self->model->info.inputs - 1u) * sizeof(float);
    bool finite = fits && up_model_set_knobs(self->model, values.buf);
    PyBuffer_Release(&values);
    if (!finite) {
        PyErr_SetString(PyExc_ValueError, fits ? "knob value is not finite or beyond 2^20" : "expected one value a knob");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef py_model_methods[] = {
    { "process", (PyCFunction)(void (*)(void))py_process, METH_FASTCALL, NULL },
    { "reset", (PyCFunction)py_reset, METH_NOARGS, NULL },
    { "knobs", (PyCFunction)py_knobs, METH_O, NULL },
    { NULL },
};

static PyTypeObject py_model_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "pedal_nn.Model",
    .tp_basicsize = sizeof(py_model_t),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = py_model_new,
    .tp_dealloc = (destructor)py_model_dealloc,
    .tp_methods = py_model_methods,
};

#include "pypedal_split.h"

// _activation(act, grade, x[, four numbers]): in place, for the test of the stated errors. x in real units.
static PyObject *py_activation(PyObject *module, PyObject *args) {
    int act, grade;
    float par[4] = { 0 };
    PyObject *obj;
    Py_buffer x;
    if (!PyArg_ParseTuple(args, "iiO|ffff", &act, &grade, &obj, par, par + 1, par + 2, par + 3) || py_buffer(obj, &x, true, true) < 0) {
        return NULL;
    }
    up_node_t nodes[2][UP_TABLE_SIZE];
    up_tables_t tables = { grade ? nodes[0] : NULL, grade ? nodes[1] : NULL };
    up_tables_fill(&tables);
    float *at = x.buf, scale = !grade ? 1.0f : act == UP_ACT_TANH ? UP_TANH_NODES : act == UP_ACT_SIGMOID ? UP_SIGMOID_NODES : 1.0f;
    size_t n = (size_t)x.len / sizeof(float);
    for (size_t i = 0; i < n; i++) {
        at[i] *= scale;
    }
    up_act_t one = { par, par, (uint8_t)act };
    up_act_process(&one, &tables, at, 1, n);
    PyBuffer_Release(&x);
    Py_RETURN_NONE;
}

static PyMethodDef py_nn_methods[] = {
    { "arena_size", py_arena_size, METH_O, NULL },
    { "info", py_info, METH_O, NULL },
    { "split_size", py_split_size, METH_VARARGS, NULL },
    { "_activation", py_activation, METH_VARARGS, NULL },
    { NULL },
};

// ---- pedal_fx --------------------------------------------------------------------------------

static PyObject *py_clear(PyObject *module, PyObject *args) {
    PyObject *words_obj;
    Py_ssize_t first;
    Py_buffer words;
    if (!PyArg_ParseTuple(args, "On", &words_obj, &first) || py_buffer(words_obj, &words, true, true) < 0) {
        return NULL;
    }
    for (Py_ssize_t i = first; i >= 0 && i < words.len / (Py_ssize_t)sizeof(float); i++) {
        ((float *)words.buf)[i] = 0.0f;
    }
    PyBuffer_Release(&words);
    if (first < 0) {
        return PyErr_Format(PyExc_ValueError, "first must not be negative");
    }
    Py_RETURN_NONE;
}

static PyObject *py_peak(PyObject *module, PyObject *args) {
    PyObject *buf_obj, *par_obj;
    Py_buffer buf, par;
    if (!PyArg_ParseTuple(args, "OO", &buf_obj, &par_obj) || py_buffer(buf_obj, &buf, false, true) < 0) {
        return NULL;
    }
    if (py_buffer(par_obj, &par, true, true) < 0) {
        PyBuffer_Release(&buf);
        return NULL;
    }
    bool ok = par.len >= 4;
    if (ok) {
        *(float *)par.buf = up_fx_peak(buf.buf, (size_t)buf.len / sizeof(float), *(float *)par.buf);
    } else {
        PyErr_SetString(PyExc_ValueError, "parameter buffer too short");
    }
    PyBuffer_Release(&buf);
    PyBuffer_Release(&par);
    return ok ? Py_NewRef(Py_None) : NULL;
}

static int py_frame_bytes(int bits, Py_ssize_t channels, size_t *bytes) {
    if (!up_fx_bits_ok(bits) || channels < 1 || channels > 64) {
        PyErr_SetString(PyExc_ValueError, "bits must be 16, 24, 32 or -32, channels 1 to 64");
        return -1;
    }
    *bytes = (size_t)channels * (size_t)(bits < 0 ? -bits : bits) / 8;
    return 0;
}

static PyObject *py_unpack(PyObject *module, PyObject *args) {
    PyObject *raw_obj, *dst_obj;
    Py_buffer raw, dst;
    int bits;
    Py_ssize_t channels, channel;
    size_t frame;
    if (!PyArg_ParseTuple(args, "OOinn", &raw_obj, &dst_obj, &bits, &channels, &channel)
        || py_frame_bytes(bits, channels, &frame) < 0) {
        return NULL;
    }
    if (channel < 0 || channel >= channels) {
        PyErr_SetString(PyExc_ValueError, "no such channel");
        return NULL;
    }
    if (py_buffer(raw_obj, &raw, false, false) < 0) {
        return NULL;
    }
    if (py_buffer(dst_obj, &dst, true, true) < 0) {
        PyBuffer_Release(&raw);
        return NULL;
    }
    size_t n = (size_t)raw.len / frame, room = (size_t)dst.len / sizeof(float);
    n = n < room ? n : room;
    up_fx_unpack(raw.buf, dst.buf, n, bits, (size_t)channels, (size_t)channel);
    PyBuffer_Release(&raw);
    PyBuffer_Release(&dst);
    return PyLong_FromSize_t(n);
}

static PyObject *py_pack(PyObject *module, PyObject *args) {
    PyObject *raw_obj, *src_obj;
    Py_buffer raw, src;
    int bits;
    Py_ssize_t channels;
    size_t frame;
    if (!PyArg_ParseTuple(args, "OOin", &src_obj, &raw_obj, &bits, &channels)
        || py_frame_bytes(bits, channels, &frame) < 0 || py_buffer(src_obj, &src, false, true) < 0) {
        return NULL;
    }
    if (py_buffer(raw_obj, &raw, true, false) < 0) {
        PyBuffer_Release(&src);
        return NULL;
    }
    size_t n = (size_t)src.len / sizeof(float), room = (size_t)raw.len / frame;
    n = n < room ? n : room;
    up_fx_pack(src.buf, raw.buf, n, bits, (size_t)channels);
    PyBuffer_Release(&raw);
    PyBuffer_Release(&src);
    return PyLong_FromSize_t(n * frame);
}

static int py_pair(int from_hz, int to_hz) {
    if (!up_resample_ok((uint32_t)from_hz, (uint32_t)to_hz)) {
        PyErr_SetString(PyExc_ValueError, "resampling is between 44100 and 48000 Hz");
        return -1;
    }
    return 0;
}

static PyObject *py_resample_size(PyObject *module, PyObject *args) {
    int from_hz, to_hz;
    if (!PyArg_ParseTuple(args, "ii", &from_hz, &to_hz) || py_pair(from_hz, to_hz) < 0) {
        return NULL;
    }
    up_arena_t arena = { NULL, 0, 0 };
    up_resample_layout((uint32_t)from_hz, (uint32_t)to_hz, 0, &arena);
    return PyLong_FromSize_t(arena.used);
}

static PyObject *py_resample_init(PyObject *module, PyObject *args) {
    PyObject *state_obj;
    int from_hz, to_hz, extra;
    Py_buffer state;
    if (!PyArg_ParseTuple(args, "Oiii", &state_obj, &from_hz, &to_hz, &extra) || py_pair(from_hz, to_hz) < 0) {
        return NULL;
    }
    if (extra < 0 || extra >= (int)UP_RESAMPLE_TICKS_HZ / from_hz) {
        PyErr_SetString(PyExc_ValueError, "extra must be less ticks than an input frame has");
        return NULL;
    }
    if (py_buffer(state_obj, &state, true, false) < 0) {
        return NULL;
    }
    up_arena_t arena = { state.buf, (size_t)state.len, 0 };
    up_resample_t *self = (uintptr_t)state.buf & 15 ? NULL
        : up_resample_layout((uint32_t)from_hz, (uint32_t)to_hz, (uint32_t)extra, &arena);
    if (self) {
        up_resample_fill(self);
        up_resample_reset(self);
    } else {
        PyErr_SetString(PyExc_ValueError, "state is smaller than resample_size() or not 16-byte aligned");
    }
    PyBuffer_Release(&state);
    return self ? Py_NewRef(Py_None) : NULL;
}

// The state in a buffer, which the caller releases; NULL with an exception set.
static up_resample_t *py_resampler(PyObject *state_obj, Py_buffer *state) {
    if (py_buffer(state_obj, state, true, false) < 0) {
        return NULL;
    }
    up_resample_t *self = state->buf;
    if ((uintptr_t)self & 15 || (size_t)state->len < sizeof(up_resample_t) || self->home != self) {
        PyErr_SetString(PyExc_ValueError, "resampler was not initialised or has moved");
        PyBuffer_Release(state);
        return NULL;
    }
    return self;
}

static PyObject *py_resample_reset(PyObject *module, PyObject *state_obj) {
    Py_buffer state;
    up_resample_t *self = py_resampler(state_obj, &state);
    if (!self) {
        return NULL;
    }
    up_resample_reset(self);
    PyBuffer_Release(&state);
    Py_RETURN_NONE;
}

static PyObject *py_resample(PyObject *module, PyObject *args) {
    PyObject *state_obj, *src_obj, *dst_obj;
    Py_buffer state, src, dst;
    if (!PyArg_ParseTuple(args, "OOO", &state_obj, &src_obj, &dst_obj) || py_buffer(src_obj, &src, false, true) < 0) {
        return NULL;
    }
    if (py_buffer(dst_obj, &dst, true, true) < 0) {
        PyBuffer_Release(&src);
        return NULL;
    }
    PyObject *written = NULL;
    up_resample_t *self = py_resampler(state_obj, &state);
    if (self) {
        size_t n = (size_t)src.len / sizeof(float), room = (size_t)dst.len / sizeof(float);
        if (up_resample_ready(self, n) > room + UP_RESAMPLE_SLACK - 1) { // an output may stand for more than one input
            PyErr_SetString(PyExc_ValueError, "dst is too short");
        } else {
            written = PyLong_FromSize_t(up_resample_process(self, src.buf, n, dst.buf, room));
        }
        PyBuffer_Release(&state);
    }
    PyBuffer_Release(&src);
    PyBuffer_Release(&dst);
    return written;
}

// Both buffers of kernel(buf, state) or put(dest, route, ...), which the caller releases.
static int py_two(PyObject *buf_obj, PyObject *state_obj, size_t least, Py_buffer *buf, Py_buffer *state) {
    if (py_buffer(buf_obj, buf, true, true) < 0) {
        return -1;
    }
    if (py_buffer(state_obj, state, true, true) < 0) {
        PyBuffer_Release(buf);
        return -1;
    }
    if ((size_t)state->len < least) {
        PyErr_Format(PyExc_ValueError, "state of %zd bytes; expected at least %zu", state->len, least);
        PyBuffer_Release(buf);
        PyBuffer_Release(state);
        return -1;
    }
    return 0;
}

static PyObject *py_run_kernel(PyObject *args, up_kernel_t *kernel, size_t least) {
    PyObject *buf_obj, *state_obj;
    Py_buffer buf, state;
    if (!PyArg_ParseTuple(args, "OO", &buf_obj, &state_obj) || py_two(buf_obj, state_obj, least, &buf, &state) < 0) {
        return NULL;
    }
    char *x = buf.buf, *words = state.buf;
    bool apart = x >= words + state.len || words >= x + buf.len; // what is checked in a state must stay so
    if (apart) {
        kernel(buf.buf, (size_t)buf.len / sizeof(float), state.buf, (size_t)state.len);
    } else {
        PyErr_SetString(PyExc_ValueError, "buffer and state overlap");
    }
    PyBuffer_Release(&buf);
    PyBuffer_Release(&state);
    if (!apart) {
        return NULL;
    }
    Py_RETURN_NONE;
}

#define PY_KERNEL(name) \
    static PyObject *py_kernel_##name(PyObject *module, PyObject *args) { \
        return py_run_kernel(args, up_##name, sizeof(up_##name##_t)); \
    }
UP_KERNELS(PY_KERNEL)
#define PY_KERNEL_ROW(name) { { #name, py_kernel_##name, METH_VARARGS, NULL }, sizeof(up_##name##_t) },
static struct { PyMethodDef def; size_t bytes; } py_kernels[] = { UP_KERNELS(PY_KERNEL_ROW) };

static PyObject *py_kernel(PyObject *module, PyObject *args) {
    const char *name;
    if (!PyArg_ParseTuple(args, "s", &name)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(py_kernels) / sizeof(py_kernels[0]); i++) {
        if (strcmp(py_kernels[i].def.ml_name, name) == 0) {
            return Py_BuildValue("(Nn)", PyCFunction_New(&py_kernels[i].def, NULL), (Py_ssize_t)py_kernels[i].bytes);
        }
    }
    return PyErr_Format(PyExc_ValueError, "no kernel '%s'", name);
}

static PyObject *py_put(PyObject *module, PyObject *args) {
    PyObject *dest_obj, *route_obj;
    int position;
    Py_buffer dest, route;
    if (!PyArg_ParseTuple(args, "OOi", &dest_obj, &route_obj, &position)
        || py_two(dest_obj, route_obj, sizeof(up_route_t), &dest, &route) < 0) {
        return NULL;
    }
    up_route_put(route.buf, dest.buf, (size_t)dest.len / sizeof(float), (float)position * (1.0f / 65535.0f));
    PyBuffer_Release(&dest);
    PyBuffer_Release(&route);
    Py_RETURN_NONE;
}

static PyObject *py_pack2(PyObject *module, PyObject *args) {
    PyObject *left_obj, *right_obj, *raw_obj;
    int bits;
    Py_buffer left, right, raw;
    if (!PyArg_ParseTuple(args, "OOOi", &left_obj, &right_obj, &raw_obj, &bits)) {
        return NULL;
    }
    size_t frame;
    if (py_frame_bytes(bits, 2, &frame) < 0 || py_two(left_obj, right_obj, 0, &left, &right) < 0) {
        return NULL;
    }
    PyObject *done = NULL;
    if (py_buffer(raw_obj, &raw, true, false) == 0) {
        size_t n = (size_t)(left.len < right.len ? left.len : right.len) / sizeof(float), room = (size_t)raw.len / frame;
        n = n < room ? n : room;
        up_fx_pack2(left.buf, right.buf, raw.buf, n, bits);
        done = PyLong_FromSize_t(n * frame);
        PyBuffer_Release(&raw);
    }
    PyBuffer_Release(&left);
    PyBuffer_Release(&right);
    return done;
}

static PyMethodDef py_fx_methods[] = {
    { "kernel", py_kernel, METH_VARARGS, NULL },
    { "put", py_put, METH_VARARGS, NULL },
    { "pack2", py_pack2, METH_VARARGS, NULL },
    { "clear", py_clear, METH_VARARGS, NULL },
    { "peak", py_peak, METH_VARARGS, NULL },
    { "unpack", py_unpack, METH_VARARGS, NULL },
    { "pack", py_pack, METH_VARARGS, NULL },
    { "resample_size", py_resample_size, METH_VARARGS, NULL },
    { "resample_init", py_resample_init, METH_VARARGS, NULL },
    { "resample_reset", py_resample_reset, METH_O, NULL },
    { "resample", py_resample, METH_VARARGS, NULL },
    { NULL },
};

// ---- module ----------------------------------------------------------------------------------

static struct PyModuleDef py_nn_def = { PyModuleDef_HEAD_INIT, .m_name = "pedal_nn", .m_size = -1, .m_methods = py_nn_methods };
static struct PyModuleDef py_fx_def = { PyModuleDef_HEAD_INIT, .m_name = "pedal_fx", .m_size = -1, .m_methods = py_fx_methods };
static struct PyModuleDef py_def = { PyModuleDef_HEAD_INIT, .m_name = PYPEDAL_XSTR(PYPEDAL_NAME), .m_size = -1 };

// Exact multiply-adds: does this build, on this CPU, give the pedal's bits?
static bool py_has_fma(void) {
    #if defined(__FMA__) && defined(__x86_64__)
    return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2");
    #elif defined(__aarch64__)
    return true;
    #else
    return false;
    #endif
}

PyMODINIT_FUNC PYPEDAL_JOIN(PyInit_, PYPEDAL_NAME)(void) {
    #if defined(__FMA__)
    if (!py_has_fma()) {
        PyErr_SetString(PyExc_ImportError, "this CPU has no AVX2 and FMA");
        return NULL;
    }
    #endif
    PyObject *module = PyModule_Create(&py_def), *nn = PyModule_Create(&py_nn_def), *fx = PyModule_Create(&py_fx_def);
    if (!module || !nn || !fx || PyType_Ready(&py_model_type) < 0 || PyType_Ready(&py_split_type) < 0
        || PyType_Ready(&py_worker_type) < 0) {
        return NULL;
    }
    PyModule_AddObjectRef(nn, "Split", (PyObject *)&py_split_type);
    PyModule_AddObjectRef(nn, "Worker", (PyObject *)&py_worker_type);
    PyModule_AddObjectRef(nn, "Model", (PyObject *)&py_model_type);
    PyModule_AddObject(module, "pedal_nn", nn);
    PyModule_AddObject(module, "pedal_fx", fx);
    PyModule_AddObjectRef(module, "exact", py_has_fma() ? Py_True : Py_False);
    return module;
}
