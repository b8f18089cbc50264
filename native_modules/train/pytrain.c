// SPDX-License-Identifier: MIT
// The CPython extension upedal._train: float32 buffers in and out, sizes checked, no GIL held
// while it computes. It knows nothing of PyTorch.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "gru.h"

#define MAX_HIDDEN 512
#define MAX_FRAMES (1 << 24)

// The buffer must hold n floats.
static int check_buffer(const Py_buffer *b, size_t n, const char *name) {
    if ((size_t)b->len == n * sizeof(float) && (size_t)b->buf % sizeof(float) == 0) {
        return 1;
    }
    PyErr_Format(PyExc_ValueError, "%s: %zd bytes, expected %zu floats", name, b->len, n);
    return 0;
}

static int check_sizes(unsigned int hidden, unsigned int frames, unsigned int chunks) {
    if (hidden && hidden % 4 == 0 && hidden <= MAX_HIDDEN && frames && frames <= MAX_FRAMES
        && chunks && chunks <= 65536) {
        return 1;
    }
    PyErr_Format(PyExc_ValueError,
        "hidden %u, frames %u, chunks %u: expected hidden a multiple of 4 up to %d, frames 1 to"
        " %d, chunks 1 to 65536", hidden, frames, chunks, MAX_HIDDEN, MAX_FRAMES);
    return 0;
}

static float *new_scratch(size_t hidden) {
    float *scratch = PyMem_RawMalloc(train_scratch(hidden) * sizeof(float));
    if (scratch == NULL) {
        PyErr_NoMemory();
    }
    return scratch;
}

PyDoc_STRVAR(forward_doc,
    "gru_forward(weights, x, h, gates, y, hidden, frames, chunks, keep)\n\n"
    "x, y [chunks][frames][LANES]; h [chunks][frames + 1][hidden][LANES], h[:, 0] given;\n"
    "gates [chunks][frames][4 hidden][LANES]. Without keep h and gates hold one frame a chunk.");

static PyObject *gru_forward(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer w, x, h, g, y;
    unsigned int hidden, frames, chunks;
    int keep;
    if (!PyArg_ParseTuple(args, "y*y*w*w*w*IIIp", &w, &x, &h, &g, &y, &hidden, &frames, &chunks,
            &keep)) {
        return NULL;
    }
    size_t n = hidden, rows = (size_t)frames * TRAIN_LANES;
    size_t h_size = (keep ? (size_t)frames + 1 : 1) * n * TRAIN_LANES;
    size_t g_size = (keep ? (size_t)frames : 1) * 4 * n * TRAIN_LANES;
    float *scratch = NULL;
    int good = check_sizes(hidden, frames, chunks)
        && check_buffer(&w, train_pack(n).size, "weights") && check_buffer(&x, chunks * rows, "x")
        && check_buffer(&h, chunks * h_size, "h") && check_buffer(&g, chunks * g_size, "gates")
        && check_buffer(&y, chunks * rows, "y") && (scratch = new_scratch(n)) != NULL;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        for (size_t c = 0; c < chunks; c++) {
            train_gru_forward(w.buf, n, frames, keep, (const float *)x.buf + c * rows,
                (float *)h.buf + c * h_size, (float *)g.buf + c * g_size,
                (float *)y.buf + c * rows, scratch);
        }
        Py_END_ALLOW_THREADS
    }
    PyMem_RawFree(scratch);
    Py_buffer *all[] = {&w, &x, &h, &g, &y};
    for (size_t k = 0; k < 5; k++) {
        PyBuffer_Release(all[k]);
    }
    return good ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(backward_doc,
    "gru_backward(weights, x, h, gates, dy, grads, hidden, frames, chunks)\n\n"
    "Arrays of gru_forward with keep; dy [chunks][frames][LANES]; grads [chunks][weights].");

static PyObject *gru_backward(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer w, x, h, g, dy, grads;
    unsigned int hidden, frames, chunks;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*w*III", &w, &x, &h, &g, &dy, &grads, &hidden, &frames,
            &chunks)) {
        return NULL;
    }
    size_t n = hidden, rows = (size_t)frames * TRAIN_LANES, size = train_pack(n).size;
    size_t h_size = ((size_t)frames + 1) * n * TRAIN_LANES, g_size = 4 * n * rows;
    float *scratch = NULL;
    int good = check_sizes(hidden, frames, chunks) && check_buffer(&w, size, "weights")
        && check_buffer(&x, chunks * rows, "x") && check_buffer(&h, chunks * h_size, "h")
        && check_buffer(&g, chunks * g_size, "gates") && check_buffer(&dy, chunks * rows, "dy")
        && check_buffer(&grads, chunks * size, "grads") && (scratch = new_scratch(n)) != NULL;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        for (size_t c = 0; c < chunks; c++) {
            train_gru_backward(w.buf, n, frames, (const float *)x.buf + c * rows,
                (const float *)h.buf + c * h_size, (const float *)g.buf + c * g_size,
                (const float *)dy.buf + c * rows, (float *)grads.buf + c * size, scratch);
        }
        Py_END_ALLOW_THREADS
    }
    PyMem_RawFree(scratch);
    Py_buffer *all[] = {&w, &x, &h, &g, &dy, &grads};
    for (size_t k = 0; k < 6; k++) {
        PyBuffer_Release(all[k]);
    }
    return good ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef methods[] = {
    {"gru_forward", gru_forward, METH_VARARGS, forward_doc},
    {"gru_backward", gru_backward, METH_VARARGS, backward_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "upedal._train", "Fused GRU for training.", -1, methods, 0, 0, 0, 0,
};

PyMODINIT_FUNC PyInit__train(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddIntConstant(module, "LANES", TRAIN_LANES) < 0) {
        Py_CLEAR(module);
    }
    return module;
}
