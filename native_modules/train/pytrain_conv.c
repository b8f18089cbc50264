// SPDX-License-Identifier: MIT
// The CPython extension upedal._train_conv: float32 buffers in and out, sizes checked, no GIL held
// while it computes. It knows nothing of PyTorch.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

#include "conv.h"

#define ALIGNMENT 64

// The buffer must hold n floats; an absent one is fine where `may_lack`.
static int check_buffer(const Py_buffer *b, size_t n, const char *name, int may_lack) {
    if (b->buf == NULL && may_lack) {
        return 1;
    }
    if ((size_t)b->len == n * sizeof(float) && (size_t)b->buf % sizeof(float) == 0) {
        return 1;
    }
    PyErr_Format(PyExc_ValueError, "%s: %zd bytes, expected %zu floats", name, b->len, n);
    return 0;
}

// From [steps][CONV_NUMBERS] int32; NULL with an exception set where the net makes no sense.
static conv_net_t *new_net(const Py_buffer *plan, unsigned inputs, unsigned frames, int keep) {
    size_t bytes = CONV_NUMBERS * sizeof(int32_t);
    conv_net_t *net = PyMem_RawMalloc(sizeof(*net));
    if (net == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    const char *wrong = "plan: not rows of 7 int32";
    if ((size_t)plan->len % bytes == 0 && (size_t)plan->buf % sizeof(int32_t) == 0) {
        wrong = conv_setup(net, plan->buf, (size_t)plan->len / bytes, inputs, frames, keep);
    }
    if (wrong) {
        PyErr_Format(PyExc_ValueError, "plan: %s", wrong);
        PyMem_RawFree(net);
        return NULL;
    }
    return net;
}

static void *new_scratch(const conv_net_t *net) {
    void *scratch = PyMem_RawMalloc(net->scratch * sizeof(float) + ALIGNMENT);
    if (scratch == NULL) {
        PyErr_NoMemory();
    }
    return scratch;
}

static float *aligned(void *scratch) {
    return (float *)(((uintptr_t)scratch + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static PyObject *finish(int good, void *net, void *scratch, Py_buffer *buffers, size_t n) {
    PyMem_RawFree(net);
    PyMem_RawFree(scratch);
    for (size_t k = 0; k < n; k++) {
        if (buffers[k].obj) {
            PyBuffer_Release(&buffers[k]);
        }
    }
    return good ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(sizes_doc,
    "sizes(plan, inputs, frames, keep) -> (weights, tails, outputs, workspace)\n\n"
    "How many floats a net takes; plan is [steps][7] int32: channels in, of the convolution and out,\n"
    "taps, dilation, kind of activation, flags (native_modules/train/conv.h).");

static PyObject *sizes(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer plan;
    unsigned inputs, frames;
    int keep;
    if (!PyArg_ParseTuple(args, "y*IIp", &plan, &inputs, &frames, &keep)) {
        return NULL;
    }
    PyObject *out = NULL;
    conv_net_t *net = new_net(&plan, inputs, frames, keep);
    if (net) {
        out = Py_BuildValue("nnnn", (Py_ssize_t)net->weights, (Py_ssize_t)net->tails,
            (Py_ssize_t)net->outputs, (Py_ssize_t)net->workspace);
    }
    PyMem_RawFree(net);
    PyBuffer_Release(&plan);
    return out;
}

PyDoc_STRVAR(forward_doc,
    "forward(plan, weights, x, tails, y, tails_out, workspace, inputs, frames, keep)\n\n"
    "One sequence: x [inputs][frames], y [outputs][frames], tails in (or None) and out, all float32.");

static PyObject *forward(PyObject *module, PyObject *args) {
    (void)module;
    enum { PLAN, WEIGHTS, X, TAILS, Y, TAILS_OUT, WORK, COUNT };
    Py_buffer b[COUNT];
    memset(b, 0, sizeof(b));
    unsigned inputs, frames;
    int keep;
    if (!PyArg_ParseTuple(args, "y*y*y*z*w*w*w*IIp", &b[PLAN], &b[WEIGHTS], &b[X], &b[TAILS], &b[Y],
            &b[TAILS_OUT], &b[WORK], &inputs, &frames, &keep)) {
        return NULL;
    }
    void *scratch = NULL;
    conv_net_t *net = new_net(&b[PLAN], inputs, frames, keep);
    int good = net && check_buffer(&b[WEIGHTS], net->weights, "weights", 0)
        && check_buffer(&b[X], net->inputs * net->frames, "x", 0)
        && check_buffer(&b[TAILS], net->tails, "tails", 1)
        && check_buffer(&b[Y], net->outputs * net->frames, "y", 0)
        && check_buffer(&b[TAILS_OUT], net->tails, "tails_out", 0)
        && check_buffer(&b[WORK], net->workspace, "workspace", 0)
        && (scratch = new_scratch(net)) != NULL;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        conv_forward(net, b[WEIGHTS].buf, b[X].buf, b[TAILS].buf, b[Y].buf, b[TAILS_OUT].buf,
            b[WORK].buf, aligned(scratch));
        Py_END_ALLOW_THREADS
    }
    return finish(good, net, scratch, b, COUNT);
}

PyDoc_STRVAR(backward_doc,
    "backward(plan, weights, workspace, dy, grads, dx, inputs, frames)\n\n"
    "The workspace of forward with keep; writes grads [weights] and, unless None, dx [inputs][frames].");

static PyObject *backward(PyObject *module, PyObject *args) {
    (void)module;
    enum { PLAN, WEIGHTS, WORK, DY, GRADS, DX, COUNT };
    Py_buffer b[COUNT];
    memset(b, 0, sizeof(b));
    unsigned inputs, frames;
    PyObject *dx;
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*OII", &b[PLAN], &b[WEIGHTS], &b[WORK], &b[DY], &b[GRADS],
            &dx, &inputs, &frames)) {
        return NULL;
    }
    void *scratch = NULL;
    conv_net_t *net = new_net(&b[PLAN], inputs, frames, 1);
    int good = net && (dx == Py_None || PyObject_GetBuffer(dx, &b[DX], PyBUF_WRITABLE) == 0)
        && check_buffer(&b[WEIGHTS], net->weights, "weights", 0)
        && check_buffer(&b[WORK], net->workspace, "workspace", 0)
        && check_buffer(&b[DY], net->outputs * net->frames, "dy", 0)
        && check_buffer(&b[GRADS], net->weights, "grads", 0)
        && check_buffer(&b[DX], net->inputs * net->frames, "dx", 1)
        && (scratch = new_scratch(net)) != NULL;
    if (good) {
        Py_BEGIN_ALLOW_THREADS
        conv_backward(net, b[WEIGHTS].buf, b[WORK].buf, b[DY].buf, b[GRADS].buf, b[DX].buf,
            aligned(scratch));
        Py_END_ALLOW_THREADS
    }
    return finish(good, net, scratch, b, COUNT);
}

static PyObject *limit(PyObject *module, PyObject *args) {
    (void)module;
    int level;
    if (!PyArg_ParseTuple(args, "i", &level)) {
        return NULL;
    }
    conv_limit(level);
    return Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"sizes", sizes, METH_VARARGS, sizes_doc},
    {"forward", forward, METH_VARARGS, forward_doc},
    {"backward", backward, METH_VARARGS, backward_doc},
    {"limit", limit, METH_VARARGS, "limit(level): for tests, 2 AVX-512, 1 AVX2, 0 plain vectors."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "upedal._train_conv", "Fused convolutional nets for training.", -1, methods,
    0, 0, 0, 0,
};

PyMODINIT_FUNC PyInit__train_conv(void) {
    return PyModule_Create(&definition);
}
