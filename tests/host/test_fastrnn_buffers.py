"""The extension behind fastrnn takes no buffer or size that its kernels would run over."""

import numpy as np
import pytest

ext = pytest.importorskip("upedal._train", reason="extension upedal._train is not built")


def aligned(floats):
    base = np.zeros(floats + 16, np.float32)
    at = -base.ctypes.data % 64 // 4
    return base[at : at + floats]


@pytest.mark.parametrize("lstm", [False, True])
def test_the_extension_refuses_buffers_and_sizes_that_do_not_fit(lstm):
    n = 4
    size = {"weights": 4 * n * 6 + n + 1, "x": 32, "state": (1 + lstm) * n * 32, "y": 32}
    size["history"] = ext.history(lstm, 1, n, 1, True)

    def forward(change=(), **options):
        sizes = {"cpu": 0, "inputs": 1, "hidden": n, "frames": 1} | options
        b = {k: aligned(v) for k, v in size.items()} | dict(change)
        arrays = b["weights"], b["x"], b["state"], b["history"], b["y"]
        numbers = sizes["inputs"], sizes["hidden"], sizes["frames"]
        ext.forward(lstm, sizes["cpu"], *arrays, *numbers, True)
        ext.backward(
            lstm, sizes["cpu"], b["weights"], b["history"], b["y"], b["weights"].copy(), *numbers
        )

    forward()
    for name in size:
        with pytest.raises(ValueError, match=f"{name}: .* expected"):
            forward({name: aligned(size[name] - 1)})
    with pytest.raises(ValueError, match="aligned to 64"):
        forward({"history": aligned(size["history"] + 1)[1:]})
    for wrong in ({"hidden": 0}, {"hidden": 3}, {"hidden": 1 << 20}, {"inputs": 0}, {"inputs": 9},
                  {"frames": 0}, {"frames": 1 << 30}, {"cpu": -1}, {"cpu": 9}):  # fmt: skip
        with pytest.raises(ValueError, match="multiple of 4"):
            forward(**wrong)
    read_only = aligned(32)
    read_only.setflags(write=False)
    with pytest.raises((ValueError, BufferError, TypeError)):
        forward({"y": read_only})
    with pytest.raises(ValueError, match="grads"):
        ext.backward(
            lstm,
            0,
            aligned(size["weights"]),
            aligned(size["history"]),
            aligned(32),
            aligned(3),
            1,
            n,
            1,
        )
    with pytest.raises(ValueError, match="state"):
        ext.solo(lstm, 0, aligned(size["weights"]), aligned(1), aligned(1), aligned(1), 1, n, 1)
