"""How a model is trained: models/recipes/*.yaml as a checked dataclass."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from . import paths
from .checked_yaml import nearest
from .errors import UpedalError


def _number(default, low, high):
    return field(default=default, metadata={"low": low, "high": high})


def _choice(default, *others):
    return field(default=default, metadata={"choices": (default, *others)})


@dataclass
class Recipe:
    """Every key a recipe may hold, its default and its range."""

    name: str = "recipe"
    note: str = ""  # where the recipe comes from
    expect: str = ""  # what it reached, on what, in what time: measured
    quality: float = _number(0.0, 0.0, 100.0)  # ESR in the comparison of docs/fit_and_distil.md; 0: not measured
    net: str = _choice("gru", "lstm", "tcn", "wavenet", "tcn8")
    # The net.
    hidden: int = _number(16, 1, 128)  # gru, lstm: units; tcn8: channels of its layers
    depth: int = _number(1, 1, 3)  # gru, lstm: layers
    skip: bool = True  # gru: add the input to the output; tcn: sum all activations
    channels: int = _number(8, 1, 256)  # tcn; tcn8: dithered inputs, to 64
    kernel: int = _number(3, 1, 64)  # tcn, tcn8 (to 9): taps
    dilations: list = field(default_factory=lambda: [1, 2, 4, 8, 16, 32, 64, 128])  # tcn, tcn8
    activation: str = _choice("tanh", "softsign", "relu", "gated", "leaky_relu")  # tcn, wavenet
    arrays: list = field(default_factory=list)  # wavenet: {channels, kernels, dilations, head} each
    head_taps: int = _number(1, 1, 64)  # wavenet
    residual: bool = True  # tcn
    knob_input: str = _choice("concat", "film")  # tcn with knobs: shift the first layer, or scale and shift all
    slim: list = field(default_factory=list)  # smaller sizes of hidden or channels that work on their own too
    # tcn8: how audio becomes 8 bit, and the phase with fake quantisation.
    dither: str = _choice("shaped", "white", "none")
    input_gain: int = _number(-1, -1, 3)  # left shift of the emphasised audio; -1: from the data
    qat_start: float = _number(0.55, 0.01, 0.99)  # of the budget, which the float phase takes (also of qat)
    qat_rate: float = _number(1e-3, 1e-7, 1.0)  # learning rate it starts with
    # The loss: weights of its parts.
    esr: float = _number(1.0, 0.0, 100.0)
    emphasised: float = _number(0.0, 0.0, 100.0)  # ESR after pre-emphasis
    emphasis: float = _number(0.85, 0.0, 0.999)  # its coefficient; tcn8: of the signal itself
    dc: float = _number(0.0, 0.0, 100.0)
    mae: float = _number(0.0, 0.0, 100.0)  # mean of |error| over that of |target|
    mse: float = _number(0.0, 0.0, 100.0)
    mrstft: float = _number(0.0, 0.0, 100.0)  # distance of spectra, in three resolutions
    weighting: str = _choice("none", "a")  # a: the emphasised part is A-weighted instead
    # The optimiser, Adam.
    learning_rate: float = _number(5e-3, 1e-7, 1.0)
    final_rate: float = _number(1e-5, 0.0, 1.0)  # where the schedule ends
    schedule: str = _choice("cosine", "plateau", "constant")
    patience: int = _number(20, 1, 100_000)  # plateau: validations without gain, then rate / 2
    clip: float = _number(1.0, 1e-6, 1e6)  # largest norm of the gradient
    epochs: int = _number(300, 1, 1_000_000)  # where no time budget is given
    early_stop: int = _number(0, 0, 1_000_000)  # validations without gain that end training; 0: none do
    ema: float = _number(0.0, 0.0, 0.9999)  # of the weights, a step; validated and kept instead of them
    qat: str = _choice("none", "q15")  # q15: weights rounded to int16 in the last part, from qat_start on
    # The data: `batch` streams side by side, a step every `segment` frames with state carried on.
    batch: int = _number(64, 1, 65536)
    segment: int = _number(1024, 16, 1_000_000)
    warm_up: int = _number(1000, 0, 1_000_000)  # frames without gradient ahead of every stream

    def build(self, knobs=0):
        """The untrained net. knobs: how many inputs, 0 to 1 each, it has behind the audio."""
        from . import nets

        if self.net == "wavenet":
            self._check_arrays()
        if knobs:
            self._check_knobs(knobs)
        if self.slim:
            from .slim import SlimNet

            return SlimNet(lambda size: self.sized(size).build(knobs), self.slim)
        if self.net == "gru" and self.depth == 1:
            return nets.GruNet(self.hidden, self.skip, 1 + knobs)
        if self.net in ("gru", "lstm"):
            from .nets_more import RecurrentNet

            return RecurrentNet(self.net, self.hidden, self.depth, self.skip, 1 + knobs)
        if self.net == "wavenet":
            return self._wavenet(knobs)
        if self.net == "tcn8":
            return self._tcn8()
        shape = (self.channels, self.kernel, tuple(self.dilations), self.activation, self.residual, self.skip)
        if not knobs:
            return nets.TcnNet(*shape)
        from .nets_film import KnobTcn

        return KnobTcn(knobs, *shape, self.knob_input)

    def sized(self, size=None):
        """The recipe of one size alone: hidden or channels are `size`, or as they are for None."""
        if size is None:
            return dataclasses.replace(self, slim=[])
        arrays = [dict(a, channels=min(size, a["channels"])) for a in self.arrays]
        for array, after in zip(arrays, arrays[1:]):
            array["head"] = after["channels"]
        whole = {"gru": self.hidden, "lstm": self.hidden, "tcn": self.channels}.get(self.net)
        whole = max((a["channels"] for a in self.arrays), default=None) if self.net == "wavenet" else whole
        if whole is None or size >= whole:
            raise UpedalError(f"recipe {self.name}: slim {size} with net {self.net}; expected less than {whole or 'none'}")
        key = {"tcn": "channels", "wavenet": "arrays"}.get(self.net, "hidden")
        return dataclasses.replace(self, slim=[], **{key: arrays if key == "arrays" else size})

    def _check_knobs(self, knobs):
        if self.net == "tcn8":
            raise UpedalError(f"recipe {self.name}: net tcn8 with {knobs} knobs; 8-bit nets have none")
        if self.knob_input == "film" and self.net != "tcn":
            raise UpedalError(f"recipe {self.name}: knob_input film with net {self.net}; expected tcn, or concat")
        if self.knob_input == "film" and self.activation == "gated":
            raise UpedalError(f"recipe {self.name}: knob_input film with activation gated; expected another, or concat")

    def _tcn8(self):
        from .tcn8 import Tcn8

        limits = (("channels", self.channels, 64), ("kernel", self.kernel, 9))
        for key, value, most in (*limits, ("dilations", max(self.dilations), 1023)):
            if value > most:
                raise UpedalError(f"recipe {self.name}: {key} {value}; expected at most {most}")
        return Tcn8(1, self.hidden, self.kernel, tuple(self.dilations))

    def _check_arrays(self):
        keys = {"channels", "kernels", "dilations", "head"}

        def refuse(key, value, expected):
            raise UpedalError(f"recipe {self.name}: arrays{key} is {value!r}; expected {expected}")

        if not self.arrays:
            refuse("", self.arrays, "one or more arrays for net wavenet")
        for k, array in enumerate(self.arrays):
            if not isinstance(array, dict) or set(array) != keys:
                refuse(f"[{k}]", array, f"keys {sorted(keys)}")
            for key, most in (("channels", 256), ("head", 256)):
                if not _whole(array[key], most):
                    refuse(f"[{k}].{key}", array[key], f"1 to {most}")
            if not _wholes(array["dilations"], 65536):
                refuse(f"[{k}].dilations", array["dilations"], _DILATIONS)
            kernels, count = array["kernels"], len(array["dilations"])
            if not _whole(kernels, 64) and not (_wholes(kernels, 64) and len(kernels) == count):
                refuse(f"[{k}].kernels", kernels, f"1 to 64, or a list of {count} such, one a dilation")
        for k, (array, after) in enumerate(zip(self.arrays, [*self.arrays[1:], {"channels": 1}])):
            if array["head"] != after["channels"]:
                which = "as the last" if array is self.arrays[-1] else "the next array's channels"
                refuse(f"[{k}].head", array["head"], f"{after['channels']}, {which}")

    def _wavenet(self, knobs):
        from .nets_more import WaveNet

        gated = self.activation == "gated"
        activation = "tanh" if gated else self.activation
        return WaveNet(self.arrays, activation, gated, self.head_taps, 1 + knobs)


_FIELDS = {f.name: f for f in dataclasses.fields(Recipe)}


def names():
    """The recipes that come with upedal."""
    return sorted(p.stem for p in paths.RECIPES.glob("*.yaml"))


def load(name, overrides=()):
    """A recipe by name or path, changed by "key=value" texts; UpedalError says what is wrong."""
    import yaml

    path = _path(str(name))
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise UpedalError(f"{path}: not YAML ({e})") from None
    if not isinstance(values, dict):
        raise UpedalError(f"{path}: holds {type(values).__name__}; expected keys and values")
    checked = {k: _check(k, v, path) for k, v in values.items()}
    checked.setdefault("name", path.stem)
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise UpedalError(f"override {text!r}: expected key=value")
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UpedalError(f"override {text!r}: value is not YAML") from None
        checked[key.strip()] = _check(key.strip(), value, "override")
    return Recipe(**checked)


def _path(name):
    """The file of a recipe that is named, or is a file."""
    known = ", ".join(names())
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise UpedalError(f"{name}: no such recipe; expected a .yaml file that is there, or one of {known}")
        return Path(name)
    path = paths.RECIPES / f"{name}.yaml"
    if "/" in name or Path(name).is_file() and not path.is_file():
        raise UpedalError(f"recipe {name}: no recipe by its name; expected a .yaml file, or one of {known}")
    if not path.is_file():
        near = nearest(name, names())
        raise UpedalError(f"recipe {name!r}: no such recipe{near}; expected a .yaml file, or one of {known}")
    return path


def _check(key, value, where):
    """The value as its field's type, within its range."""
    if key not in _FIELDS:
        raise UpedalError(f"{where}: unknown key {key!r}{nearest(str(key), _FIELDS)}; expected one of {sorted(_FIELDS)}")
    limits, kind = _FIELDS[key].metadata, _FIELDS[key].type

    def refuse(expected):
        raise UpedalError(f"{where}: {key} is {value!r}; expected {expected}")

    if key == "dilations":
        if not _wholes(value, 65536):
            refuse(_DILATIONS)
        return value
    if key == "slim":
        if not isinstance(value, list) or not all(type(v) is int and v > 0 for v in value):
            refuse("a list of integers of 1 or more")
        return sorted(set(value))
    if kind is float:
        value = _float(value)
    if type(value) is not kind:
        refuse({int: "an integer", float: "a number", bool: "true or false", str: "text"}[kind])
    if "choices" in limits and value not in limits["choices"]:
        refuse(f"one of {limits['choices']}")
    if "low" in limits and not limits["low"] <= value <= limits["high"]:
        refuse(f"{limits['low']} to {limits['high']}")
    return value


_DILATIONS = "a list of 1 to 64 integers from 1 to 65536"


def _whole(value, most):
    return type(value) is int and 1 <= value <= most


def _wholes(value, most):
    """Whether it is a list of 1 to 64 integers from 1 to most."""
    return isinstance(value, list) and 0 < len(value) <= 64 and all(_whole(v, most) for v in value)


def _float(value):
    """An int or YAML's text "5e-4" (which it does not take for a number) as a float."""
    if isinstance(value, bool):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
