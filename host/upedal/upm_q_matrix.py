"""Whole numbers and matrices of q15 in the .upm file, as models/SPEC.md, "Matrices of q15", states: columns in
pairs, rows in groups of four.
"""

import numpy as np

from . import qlayers as Q
from .errors import UpedalError


def array(values, kind, shape, what):
    """values as little-endian `kind` ("i1", "i2", "i4"), refused where that would change one."""
    found = np.asarray(values)
    if found.shape == shape and found.dtype.kind in "iuf":
        made = found.astype("<" + kind)
        if np.array_equal(made, found):
            return made
    has = "absent" if values is None else f"{found.dtype} {list(found.shape)}"
    wanted = f"{list(shape)} whole numbers of {8 * int(kind[1])} bit"
    raise UpedalError(f"model: {what} is {has}; expected {wanted}")


def even(count):
    return count + count % 2


def places(runs):
    """Runs of columns, each padded to even -> (position of each column, positions in all)."""
    starts = np.cumsum([0] + [even(run) for run in runs])
    return np.concatenate([at + np.arange(run) for at, run in zip(starts, runs)]), int(starts[-1])


def _height(rows):
    """(rows a group, rows stored)"""
    return (1, 1) if rows == 1 else (4, -(-rows // 4) * 4)


def pack_matrix(matrix, columns):
    """Bytes of a Matrix; columns: its runs."""
    (where, width), rows = places(columns), len(matrix.bias)
    group, stored = _height(rows)
    weight = np.zeros((stored, width), "<i2")
    weight[:rows, where] = array(matrix.weight, "i2", (rows, len(where)), "a matrix")
    both = np.zeros((stored, width // 2 + 2), "<i4")
    both[:rows, 0] = array(matrix.bias, "i4", (rows,), "a matrix's bias")
    both[:, 1:-1] = weight.view("<i4")
    both[:rows, -1] = array(matrix.mult, "i4", (rows,), "a matrix's multipliers")
    return both.reshape(-1, group, both.shape[1]).transpose(0, 2, 1).tobytes()


def unpack_matrix(data, rows, columns):
    """The reverse of pack_matrix: (Matrix, what follows it in data)."""
    where, width = places(columns)
    group, stored = _height(rows)
    size = 4 * stored * (width // 2 + 2)
    both = np.frombuffer(data[:size], "<i4").reshape(-1, width // 2 + 2, group).transpose(0, 2, 1)
    both = np.ascontiguousarray(both.reshape(stored, -1)[:rows])
    weight = np.ascontiguousarray(both[:, 1:-1]).view("<i2")[:, where]
    made = Q.Matrix(*(a.astype(t) for a, t in ((weight, "i2"), (both[:, 0], "i4"), (both[:, -1], "i4"))))
    return made, data[size:]


def halves(values, count, what):
    """int16 values, padded to an even number."""
    data = np.zeros(even(count), "<i2")
    data[:count] = array(values, "i2", (count,), what)
    return data.tobytes()
