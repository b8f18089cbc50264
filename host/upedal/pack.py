"""From a trained net to a layers.Model, ready to be written as .upm."""

from datetime import date

from . import __version__, measure, upm
from . import layers as L
from .errors import UpedalError

_SETTLE_S = 0.25  # of silence that brings a recurrent net to rest


def pack(net, rate_hz, *, grade="accurate", meta=None):
    """net: a module of nets.py; grade: of tanh and sigmoid; meta: {key: text} that travels in the file."""
    model = L.Model(net.export(), int(rate_hz), grade)
    field = upm.receptive_field(model)
    model.prewarm = int(_SETTLE_S * rate_hz) if field is None else field - 1
    made = {"made_by": f"upedal {__version__}", "made_on": date.today().isoformat()}
    model.meta = made | {k: str(v) for k, v in (meta or {}).items() if v is not None}
    return measure.level(model)


def from_checkpoint(path):
    """(net, recipe, rate_hz, best validation ESR) of a checkpoint that training left."""
    import torch

    from .recipe import Recipe

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        identity = content["identity"]
        recipe = Recipe(**identity["recipe"])
        net = recipe.build()
        net.load_state_dict(content["best_state"])
        return net.eval(), recipe, identity["rate_hz"], content["best"]
    except Exception as e:  # a torn or foreign file raises nearly anything
        raise UpedalError(f"{path}: not a checkpoint of upedal ({type(e).__name__}: {e})") from None
