"""Where training stood: written whole or not at all, read without running code from the file."""

import os
import pickle
from contextlib import contextmanager

from .errors import UpedalError

_FORMAT = 2
KEPT = ("best", "best_state", "history", "scale", "stale", "mean", "steps")  # of a training run
# What a torn or foreign checkpoint raises, in torch.load or when its parts are put in place.
TORN = (
    pickle.UnpicklingError, RuntimeError, EOFError, LookupError, TypeError, ValueError,
    AttributeError, OSError,
)  # fmt: skip


def save(path, identity, content):
    """Replaces path by a checkpoint of {name: value}; identity: what must agree to go on from it."""
    import torch

    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        torch.save({"identity": {"format": _FORMAT, **identity}, **content}, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def opened(path, identity, device="cpu"):
    """The content, or None where there is no file or it is of another job; what does not fit is an UpedalError."""
    import torch

    if not path.is_file():
        yield None
        return
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        same = content["identity"] == {"format": _FORMAT, **identity}
        yield content if same else None
    except TORN as e:
        what = type(e).__name__
        raise UpedalError(
            f"{path}: not a checkpoint of upedal, or damaged ({what}); remove it or train without resuming (--fresh)"
        ) from None
