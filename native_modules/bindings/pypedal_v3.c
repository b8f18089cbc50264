// SPDX-License-Identifier: MIT
// The CPython extension for x86-64 with AVX2 and FMA; elsewhere the same as pypedal.c.
#include <Python.h>
#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC target("avx2,fma")
#endif
#define PYPEDAL_NAME _native_v3
#include "pypedal.c"
