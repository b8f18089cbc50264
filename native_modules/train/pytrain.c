// SPDX-License-Identifier: MIT
// The CPython extension upedal._train: float32 buffers in and out, sizes checked, no GIL held
// while it computes. It knows nothing of PyTorch. A call is one chunk of LANES sequences (solo:
// one sequence); chunks share nothing, so that threads may take one each.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "rnn.h"

#define MAX_INPUTS 8
#define MAX_HIDDEN 512
#define MAX_FRAMES (1 << 22)
#define ALIGNMENT 64

// The buffer must hold n floats, aligned.
static int check_buffer(const Py_buffer *b, size_t n, size_t alignment, const char *name) {
    if ((size_t)b->len == n * sizeof(float) && (size_t)b->buf % alignment == 0) {
        return 1;
    }
    PyErr_Format(PyExc_ValueError, "%s: %zd bytes at %p, expected %zu floats aligned to %zu bytes",
        name, b->len, b->buf, n, alignment);
    return 0;
}

static int check_sizes(const train_net_t *net, int cpu, unsigned int frames) {
    size_t n = net->hidden;
    if (n && n % 4 == 0 && n <= MAX_HIDDEN && net->inputs && net->inputs <= MAX_INPUTS && frames
        && frames <= MAX_FRAMES && cpu >= 0 && cpu <= train_cpu()) {
        return 1;
    }
    PyErr_Format(PyExc_ValueError,
        "hidden %zu, inputs %zu, frames %u, cpu %d: expected hidden a multiple of 4 up to %d,"
        " inputs 1 to %d, frames 1 to %d, cpu 0 to %d",
        n, net->inputs, frames, cpu, MAX_HIDDEN, MAX_INPUTS, MAX_FRAMES, train_cpu());
    return 0;
}

// Aligned scratch within *all, which is to be freed.
static float *new_scratch(const train_net_t *net, void **all) {
    *all = PyMem_RawMalloc(train_scratch(net) * sizeof(float) + ALIGNMENT);
    if (*all == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    return (float *)(((size_t)*all + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static PyObject *finish(int good, void *scratch, Py_buffer *buffers, int count) {
    PyMem_RawFree(scratch);
    for (int k = 0; k < count; k++) {
        PyBuffer_Release(&buffers[k]);
    }
    if (!good) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(history_doc,
    "history(lstm, inputs, hidden, frames, keep) -> floats that forward needs as its history.");

static PyObject *history(PyObject *module, PyObject *args) {
    (void)module;
    unsigned int inputs, hidden, frames;
    int lstm, keep;
    if (!PyArg_ParseTuple(args, "pIIIp", &lstm, &inputs, &hidden, &frames, &keep)) {
        return NULL;
    }
    train_net_t net = {lstm, inputs, hidden};
    return check_sizes(&net, 0, frames) ? PyLong_FromSize_t(train_history(&net, frames, keep)) : NULL;
}

PyDoc_STRVAR(forward_doc,
    "forward(lstm, cpu, weights, x, state, history, y, inputs, hidden, frames, keep)\n\n"
    "x [frames][inputs][LANES], y [frames][LANES]; state [h, and c of an LSTM][hidden][LANES] in\n"
    "and out; weights and history as in rnn.h. Without keep, backward cannot follow.");

static PyObject *forward(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer b[5];
    unsigned int inputs, hidden, frames;
    int lstm, cpu, keep;
    if (!PyArg_ParseTuple(args, "piy*y*w*w*w*IIIp", &lstm, &cpu, &b[0], &b[1], &b[2], &b[3], &b[4],
            &inputs, &hidden, &frames, &keep)) {
        return NULL;
    }
    train_net_t net = {lstm, inputs, hidden};
    size_t rows = (size_t)frames * TRAIN_LANES;
    void *all = NULL;
    float *scratch = NULL;
    int good = check_sizes(&net, cpu, frames) && check_buffer(&b[0], train_weights(&net), 4, "weights")
        && check_buffer(&b[1], rows * inputs, 4, "x")
        && check_buffer(&b[2], train_states(&net) * TRAIN_LANES, 4, "state")
        && check_buffer(&b[3], train_history(&net, frames, keep), ALIGNMENT, "history")
        && check_buffer(&b[4], rows, 4, "y") && (scratch = new_scratch(&net, &all)) != NULL;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        train_forward(&net, cpu, b[0].buf, frames, keep, b[1].buf, b[2].buf, b[3].buf, b[4].buf,
            scratch);
        Py_END_ALLOW_THREADS
    }
    return finish(good, all, b, 5);
}

PyDoc_STRVAR(backward_doc,
    "backward(lstm, cpu, weights, history, dy, grads, inputs, hidden, frames)\n\n"
    "After forward with keep. dy [frames][LANES]; grads: as the weights, written.");

static PyObject *backward(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer b[4];
    unsigned int inputs, hidden, frames;
    int lstm, cpu;
    if (!PyArg_ParseTuple(args, "piy*y*y*w*III", &lstm, &cpu, &b[0], &b[1], &b[2], &b[3], &inputs,
            &hidden, &frames)) {
        return NULL;
    }
    train_net_t net = {lstm, inputs, hidden};
    void *all = NULL;
    float *scratch = NULL;
    int good = check_sizes(&net, cpu, frames) && check_buffer(&b[0], train_weights(&net), 4, "weights")
        && check_buffer(&b[1], train_history(&net, frames, 1), ALIGNMENT, "history")
        && check_buffer(&b[2], (size_t)frames * TRAIN_LANES, 4, "dy")
        && check_buffer(&b[3], train_weights(&net), 4, "grads")
        && (scratch = new_scratch(&net, &all)) != NULL;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        train_backward(&net, cpu, b[0].buf, frames, b[1].buf, b[2].buf, b[3].buf, scratch);
        Py_END_ALLOW_THREADS
    }
    return finish(good, all, b, 4);
}

PyDoc_STRVAR(solo_doc,
    "solo(lstm, cpu, weights, x, state, y, inputs, hidden, frames)\n\n"
    "One sequence: x [frames][inputs], state [h, and c of an LSTM][hidden] in and out, y [frames].");

static PyObject *solo(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer b[4];
    unsigned int inputs, hidden, frames;
    int lstm, cpu;
    if (!PyArg_ParseTuple(args, "piy*y*w*w*III", &lstm, &cpu, &b[0], &b[1], &b[2], &b[3], &inputs,
            &hidden, &frames)) {
        return NULL;
    }
    train_net_t net = {lstm, inputs, hidden};
    void *all = NULL;
    float *scratch = NULL;
    int good = check_sizes(&net, cpu, frames) && check_buffer(&b[0], train_weights(&net), 4, "weights")
        && check_buffer(&b[1], (size_t)frames * inputs, 4, "x")
        && check_buffer(&b[2], train_states(&net), 4, "state") && check_buffer(&b[3], frames, 4, "y")
        && (scratch = new_scratch(&net, &all)) != NULL;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        train_solo(&net, cpu, b[0].buf, frames, b[1].buf, b[2].buf, b[3].buf, scratch);
        Py_END_ALLOW_THREADS
    }
    return finish(good, all, b, 4);
}

static PyMethodDef methods[] = {
    {"history", history, METH_VARARGS, history_doc},
    {"forward", forward, METH_VARARGS, forward_doc},
    {"backward", backward, METH_VARARGS, backward_doc},
    {"solo", solo, METH_VARARGS, solo_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "upedal._train", "Fused recurrent nets for training.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__train(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module && (PyModule_AddIntConstant(module, "LANES", TRAIN_LANES) < 0
            || PyModule_AddIntConstant(module, "INPUTS", MAX_INPUTS) < 0
            || PyModule_AddIntConstant(module, "CPU", train_cpu()) < 0)) {
        Py_CLEAR(module);
    }
    return module;
}
