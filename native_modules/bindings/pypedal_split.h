// SPDX-License-Identifier: MIT
// Split, Worker and split_size of pedal_nn for CPython: behind pypedal.c's Model. While a block runs, other threads do.
#ifndef PYPEDAL_SPLIT_H
#define PYPEDAL_SPLIT_H

#include "up_split.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
static void py_relax(void) {
    sched_yield();
}
#define PY_RELAX py_relax
#else
#define PY_RELAX NULL
#endif

typedef struct {
    PyObject_HEAD
    PyObject *model;
    Py_buffer memory;
    up_split_t *split;
    bool busy; // process() or clear() of another thread
} py_split_t;

typedef struct {
    PyObject_HEAD
    PyObject *splits[UP_WORKER_PLACES];
    up_worker_t worker;
    bool busy; // serve() or round()
} py_worker_t;

static PyTypeObject py_split_type, py_worker_type;

// A layout in memory, or its size where base is NULL. -1 with an exception set.
static int py_split_layout(up_split_t **split, PyObject *model, Py_ssize_t cut, Py_ssize_t frames, up_arena_t *arena) {
    if (!PyObject_TypeCheck(model, &py_model_type)) {
        PyErr_SetString(PyExc_TypeError, "expected a Model");
        return -1;
    }
    if (py_owned((py_model_t *)model) < 0) {
        return -1;
    }
    return py_check(up_split_layout(split, ((py_model_t *)model)->model, (size_t)cut, (size_t)frames, arena));
}

static PyObject *py_split_size(PyObject *module, PyObject *args) {
    PyObject *model;
    Py_ssize_t cut, frames;
    up_arena_t arena = { NULL, 0, 0 };
    up_split_t *split;
    if (!PyArg_ParseTuple(args, "Onn:split_size", &model, &cut, &frames)
        || py_split_layout(&split, model, cut, frames, &arena) < 0) {
        return NULL;
    }
    return PyLong_FromSize_t(arena.used);
}

static void py_split_dealloc(py_split_t *self) { // a worker that has it keeps it
    PyBuffer_Release(&self->memory);
    Py_XDECREF(self->model);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *py_split_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *model, *memory;
    Py_ssize_t cut, frames;
    if (!PyArg_ParseTuple(args, "OnnO:Split", &model, &cut, &frames, &memory)) {
        return NULL;
    }
    py_split_t *self = (py_split_t *)type->tp_alloc(type, 0);
    if (!self) {
        return NULL;
    }
    self->model = Py_NewRef(model);
    if (py_buffer(memory, &self->memory, true, false) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    up_arena_t arena = { self->memory.buf, (size_t)self->memory.len, 0 };
    int failed = (uintptr_t)arena.base & 15 ? py_check(UP_E_ALIGN) : py_split_layout(&self->split, model, cut, frames, &arena);
    if (failed < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

// The split for this thread alone; NULL with an exception set.
static up_split_t *py_split_enter(py_split_t *self) {
    if (py_owned((py_model_t *)self->model) < 0) {
        return NULL;
    }
    if (self->split->model != ((py_model_t *)self->model)->model) {
        PyErr_SetString(PyExc_ValueError, "memory of the split has moved");
        return NULL;
    }
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the split is in use by another thread");
        return NULL;
    }
    return self->split;
}

static PyObject *py_answers(bool answers) {
    if (!answers) {
        PyErr_SetString(PyExc_RuntimeError, "second core does not answer");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *py_split_process(py_split_t *self, PyObject *const *args, Py_ssize_t n_args) {
    Py_buffer src, dst;
    up_split_t *split = py_split_enter(self);
    if (!split) {
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
    bool same = src.len == dst.len, answers = true;
    if (same) {
        self->busy = true;
        Py_BEGIN_ALLOW_THREADS
        answers = up_split_process(split, src.buf, dst.buf, (size_t)src.len / sizeof(float));
        Py_END_ALLOW_THREADS
        self->busy = false;
    } else {
        PyErr_SetString(PyExc_ValueError, "src and dst differ in length");
    }
    PyBuffer_Release(&src);
    PyBuffer_Release(&dst);
    return same ? py_answers(answers) : NULL;
}

static PyObject *py_split_clear(py_split_t *self, PyObject *unused) {
    up_split_t *split = py_split_enter(self);
    bool answers;
    if (!split) {
        return NULL;
    }
    self->busy = true;
    Py_BEGIN_ALLOW_THREADS
    answers = up_split_clear(split);
    Py_END_ALLOW_THREADS
    self->busy = false;
    return py_answers(answers);
}

static PyObject *py_split_report(py_split_t *self, PyObject *unused) {
    const up_split_t *split = py_split_enter(self);
    return split ? Py_BuildValue("(nIII)", (Py_ssize_t)up_model_file_layer(split->model, split->cut), split->put, split->here, split->lost) : NULL;
}

static PyMethodDef py_split_methods[] = {
    { "process", (PyCFunction)(void (*)(void))py_split_process, METH_FASTCALL, NULL },
    { "clear", (PyCFunction)py_split_clear, METH_NOARGS, NULL },
    { "report", (PyCFunction)py_split_report, METH_NOARGS, NULL },
    { NULL },
};

static PyTypeObject py_split_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "pedal_nn.Split",
    .tp_basicsize = sizeof(py_split_t),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = py_split_new,
    .tp_dealloc = (destructor)py_split_dealloc,
    .tp_methods = py_split_methods,
};

// ---- the second core -------------------------------------------------------------------------

static PyObject *py_worker_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    if (!PyArg_ParseTuple(args, ":Worker")) {
        return NULL;
    }
    py_worker_t *self = (py_worker_t *)type->tp_alloc(type, 0);
    if (self) {
        up_worker_init(&self->worker);
        self->worker.relax = PY_RELAX;
    }
    return (PyObject *)self;
}

static void py_worker_dealloc(py_worker_t *self) { // nobody serves: a thread in serve() has a reference
    for (int i = 0; i < UP_WORKER_PLACES; i++) {
        if (self->splits[i]) {
            up_worker_remove(&self->worker, ((py_split_t *)self->splits[i])->split);
            Py_DECREF(self->splits[i]);
        }
    }
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static int py_worker_find(const py_worker_t *self, const PyObject *split) {
    for (int i = 0; i < UP_WORKER_PLACES; i++) {
        if (self->splits[i] == split) {
            return i;
        }
    }
    return -1;
}

static PyObject *py_worker_add(py_worker_t *self, PyObject *obj) {
    if (!PyObject_TypeCheck(obj, &py_split_type)) {
        PyErr_SetString(PyExc_ValueError, "expected a Split");
        return NULL;
    }
    up_split_t *split = py_split_enter((py_split_t *)obj);
    if (!split) {
        return NULL;
    }
    int at = py_worker_find(self, NULL);
    if (py_worker_find(self, obj) >= 0) {
        Py_RETURN_TRUE;
    }
    if (at < 0 || split->worker || !up_worker_add(&self->worker, split)) {
        Py_RETURN_FALSE;
    }
    self->splits[at] = Py_NewRef(obj);
    Py_RETURN_TRUE;
}

static PyObject *py_worker_remove(py_worker_t *self, PyObject *obj) {
    int at = py_worker_find(self, obj);
    if (at < 0) {
        Py_RETURN_FALSE;
    }
    up_split_t *split = py_split_enter((py_split_t *)obj);
    bool answers;
    if (!split) {
        return NULL;
    }
    ((py_split_t *)obj)->busy = true;
    Py_BEGIN_ALLOW_THREADS
    answers = up_worker_remove(&self->worker, split);
    Py_END_ALLOW_THREADS
    ((py_split_t *)obj)->busy = false;
    if (!answers) { // a thread that hangs inside may still write there: kept for ever
        return py_answers(false);
    }
    self->splits[at] = NULL;
    Py_DECREF(obj);
    Py_RETURN_TRUE;
}

// Until stop(), or once: what the second thread does.
static PyObject *py_worker_run(py_worker_t *self, bool once) {
    bool any = false;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread serves already");
        return NULL;
    }
    self->busy = true;
    Py_BEGIN_ALLOW_THREADS
    if (once) {
        any = up_worker_round(&self->worker);
    } else {
        up_worker_serve(&self->worker);
    }
    Py_END_ALLOW_THREADS
    self->busy = false;
    return once ? PyBool_FromLong(any) : Py_NewRef(Py_None);
}

static PyObject *py_worker_serve(py_worker_t *self, PyObject *unused) {
    return py_worker_run(self, false);
}

static PyObject *py_worker_round(py_worker_t *self, PyObject *unused) {
    return py_worker_run(self, true);
}

static PyObject *py_worker_stop(py_worker_t *self, PyObject *unused) {
    up_worker_stop(&self->worker);
    Py_RETURN_NONE;
}

static PyMethodDef py_worker_methods[] = {
    { "add", (PyCFunction)py_worker_add, METH_O, NULL },
    { "remove", (PyCFunction)py_worker_remove, METH_O, NULL },
    { "serve", (PyCFunction)py_worker_serve, METH_NOARGS, NULL },
    { "round", (PyCFunction)py_worker_round, METH_NOARGS, NULL },
    { "stop", (PyCFunction)py_worker_stop, METH_NOARGS, NULL },
    { NULL },
};

static PyTypeObject py_worker_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "pedal_nn.Worker",
    .tp_basicsize = sizeof(py_worker_t),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = py_worker_new,
    .tp_dealloc = (destructor)py_worker_dealloc,
    .tp_methods = py_worker_methods,
};

#endif
