"""Neural Amp Modeler's `.nam`: JSON of every architecture, in and out.

What its player does counts where trainer and player disagree: Hardtanh's limits are not used, FiLM behind
layer1x1 only in blended layers, Linear's taps run from the newest sample. Not carried over: the weights of
the last layer's 1x1, which are never heard (written as zeros); groups come back as dense matrices, batch
norm folded; the time of day, training record and latency report. What a `.nam` has no key for goes into its own
object "upedal" among the metadata.
"""

import json
import math
import re

import numpy as np

from .. import layers as L
from ..errors import UpedalError
from . import nam_graph, nam_match, nam_wavenet, nam_write, words
from .checked import array, choice, field, parse_json, text_meta, whole
from .nam_net import MOST_CHANNELS, MOST_DILATION, MOST_FIELD, MOST_LAYERS, Chain, to_layers

ARCHITECTURES = ("Linear", "ConvNet", "LSTM", "WaveNet", "SlimmableContainer")
_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})")
_KEYS = (b'"architecture"', b'"config"', b'"weights"')
_SOURCE = "upedal: source"  # among the metadata, for meta["source"]: what file the model was
_TEXTS = {
    "name": "name", "modeled_by": "author", "gear_type": "gear_type", "tone_type": "tone_type",
    "licence": "licence", "license": "licence", "gain": "gain",
}  # fmt: skip
_PLACES = {*_TEXTS.values(), "gear", "validation_esr", "made_on", "source"}  # keys of meta that a .nam has a place for


def detect(data, name):
    found = sum(key in data for key in _KEYS)
    return found == 3 or (found == 2 and name.lower().endswith(".nam"))


def read(data, name, *, size=None, warn=print):
    return from_object(parse_json(data, name), name, size, warn)


def from_object(obj, name, size, warn):
    """layers.Model of a .nam's JSON value."""
    said = set()

    def once(text):
        if text not in said:
            said.add(text)
            warn(text)

    size = _size(size, name)
    net, top, rate = _net(obj, name, size, once)
    if net.out != 1:
        raise UpedalError(f"{name}: {net.out} outputs; expected 1: a pedal's output is mono")
    prewarm = net.prewarm(rate)
    if prewarm > MOST_FIELD:
        raise UpedalError(f"{name}: remembers {prewarm} samples; expected at most {MOST_FIELD}")
    if rate is None:
        warn(f"{name}: does not say its sample rate; 48000 Hz is assumed, as NAM's plug-in does")
    model = L.Model(to_layers(net, name), rate or 48000, prewarm=prewarm)
    _metadata(top, model, name, warn)
    return model


def _size(size, name):
    """None or 0..1 of what was asked."""
    if size is None:
        return None
    try:
        value = {"lite": 0.0, "full": 1.0}.get(size)
        value = float(size) if value is None else value
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value <= 1:
        raise UpedalError(f"{name}: size {size!r}; expected lite, full or a number from 0 to 1")
    return value


# ---- the envelope --------------------------------------------------------------------------------


def _check_version(obj, where, warn):
    text = field(obj, "version", str, where)
    match = _VERSION.fullmatch(text)
    if not match:
        raise UpedalError(f"{where}: 'version' is {text[:40]!r}; expected three numbers as 0.5.4")
    version = tuple(int(n) for n in match.groups())
    if not (0, 5, 0) <= version < (0, 8, 0):
        raise UpedalError(f"{where}: version {text}; expected 0.5.0 to 0.7.x")
    if version > (0, 7, 0):
        warn(f"{where}: version {text} is newer than 0.7.0; what that added is not played")


def _rate(obj, where):
    """Samples a second, or None where the file does not say."""
    if "sample_rate" not in obj:
        return None
    rate = field(obj, "sample_rate", float, where)
    if not rate.is_integer() or not 1000 <= rate <= 384000:
        raise UpedalError(f"{where}: 'sample_rate' is {rate:g}; expected 1000 to 384000")
    return int(rate)


def _net(obj, where, size, warn):
    """(net, metadata, rate or None) of a complete model object. size: None or 0..1."""
    if not isinstance(obj, dict):
        raise UpedalError(f"{where}: no object; expected a model with version, architecture, config, weights")
    _check_version(obj, where, warn)
    architecture = choice(obj, "architecture", ARCHITECTURES, where)
    config, numbers = field(obj, "config", dict, where), field(obj, "weights", list, where)
    numbers = array(numbers, (None,), f"{where}: weights")
    rate = _rate(obj, where)
    metadata = obj.get("metadata") or {}
    if architecture == "SlimmableContainer":
        return _container(config, numbers, metadata, rate, where, size, warn)
    if isinstance(metadata, dict):
        metadata = metadata | {_SOURCE: f"NAM {obj['version']} {architecture}, {len(numbers)} weights"}
    if architecture == "WaveNet":
        return _wavenet(config, numbers, rate, where, size, warn), metadata, rate
    if size is not None:
        warn(f"{where}: a {architecture} of one size; the size asked for is not used")
    read_chain = {"Linear": _linear, "ConvNet": _convnet, "LSTM": _lstm}[architecture]
    w = nam_wavenet.Weights(numbers, where)
    net = read_chain(config, w, where, warn)
    w.done()
    return net, metadata, rate


def _container(config, numbers, metadata, rate, where, size, warn):
    """The sub-model for the size: the first with size < max_value, else the last.
    The size goes on to a container or slimmable net inside."""
    if len(numbers):
        raise UpedalError(f"{where}: {len(numbers)} weights; expected 0 in a container")
    entries = field(config, "submodels", list, where)
    most = [field(e, "max_value", float, f"{where}: submodels[{k}]") for k, e in enumerate(entries)]
    if not most or most != sorted(set(most)) or most[-1] < 1:
        raise UpedalError(f"{where}: max_value is {most[:8]}; expected ascending numbers, the last 1 or more")
    last = len(most) - 1
    chosen = last if size is None else next((k for k, m in enumerate(most) if size < m), last)
    at = f"{where}: submodels[{chosen}]"
    model = field(entries[chosen], "model", dict, at)
    choose = size if size is not None and (_has_sizes(model)) else None
    net, inner, inner_rate = _net(model, at, choose, warn)
    if None not in (rate, inner_rate) and rate != inner_rate:
        raise UpedalError(f"{at}: sample_rate {inner_rate}; expected {rate}, the container's")
    if chosen != last and isinstance(metadata, dict):
        metadata = {k: v for k, v in metadata.items() if k not in ("loudness", "gain")}  # the large model's
    if isinstance(metadata, dict) and isinstance(inner, dict):
        metadata = metadata | {k: v for k, v in inner.items() if v is not None}
    return net, metadata, inner_rate or rate


def _has_sizes(model):
    config = model.get("config")
    if model.get("architecture") == "SlimmableContainer":
        return True
    entries = config.get("layers") if isinstance(config, dict) else None
    return isinstance(entries, list) and nam_wavenet.slimmable(config)


def _wavenet(config, numbers, rate, where, size, warn):
    condition = None
    if config.get("condition_dsp") is not None:
        at = f"{where}: condition_dsp"
        condition, _, inner = _net(config["condition_dsp"], at, None, warn)
        if inner != rate:
            raise UpedalError(f"{at}: sample_rate {inner}; expected {rate}, that of the model around it")
    net = nam_wavenet.read(config, numbers, condition, where, warn)
    if size is None:
        return net
    if not nam_wavenet.slimmable(config):
        warn(f"{where}: a WaveNet of one size; the size asked for is not used")
        return net
    return nam_wavenet.slice_channels(net, config, size, where)


# ---- the other architectures ---------------------------------------------------------------------


def _mono(config, where, names=("in_channels",)):
    for name in names:
        if whole(config, name, 1, MOST_CHANNELS, where, 1) != 1:
            raise UpedalError(f"{where}: {name} is {config[name]}; expected 1: a pedal is mono")


def _linear(config, w, where, warn):
    _mono(config, where, ("in_channels", "out_channels"))
    taps = whole(config, "receptive_field", 1, MOST_DILATION, where)
    biased = field(config, "bias", bool, where)
    response = w.take(taps)
    bias = w.take(1) if biased else np.zeros(1, np.float32)
    return Chain([L.Conv1d(response[None, None, ::-1].copy(), bias)])


def _fold(weight, norm):
    """(weight, bias) of a convolution without bias and the batch norm behind it, in float64."""
    mean, var, gamma, beta, eps = (part.astype(np.float64) for part in norm)
    scale = gamma / np.sqrt(var + eps)
    with np.errstate(all="ignore"):
        return (weight * scale[:, None, None]).astype(np.float32), (beta - mean * scale).astype(np.float32)


def _convnet(config, w, where, warn):
    _mono(config, where)
    c, outs, groups = (
        whole(config, key, 1, MOST_CHANNELS, where, *default)
        for key, *default in (("channels",), ("out_channels", 1), ("groups", 1))
    )
    dilations = field(config, "dilations", list, where)
    if not 1 <= len(dilations) < MOST_LAYERS:
        raise UpedalError(f"{where}: {len(dilations)} dilations; expected 1 to {MOST_LAYERS - 1}")
    normed = field(config, "batchnorm", bool, where)
    act = nam_wavenet.read_activation(config.get("activation"), c, where, warn)
    found, cin = [], 1
    for k in range(len(dilations)):
        dilation = whole({"dilation": dilations[k]}, "dilation", 1, MOST_DILATION, f"{where}: dilations")
        weight, bias = w.conv(cin, c, 2, groups, bias=not normed)
        if normed:
            norm = [w.take(n) for n in (c, c, c, c, 1)]
            if np.any(norm[1].astype(np.float64) + norm[4] <= 0):
                raise UpedalError(f"{where}: batch norm {k} has a variance of {norm[1].min()}; expected above 0")
            weight, bias = _fold(weight, norm)
        found.append(L.Conv1d(weight, bias, dilation, act))
        cin = c
    weight, bias = w.conv(c, outs)
    found.append(L.Conv1d(weight, bias))
    if not all(np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all() for layer in found):
        raise UpedalError(f"{where}: batch norm makes weights that are no float32; expected finite ones")
    return Chain(found, outs)


def _lstm(config, w, where, warn):
    _mono(config, where, ("in_channels", "input_size"))
    hidden = whole(config, "hidden_size", 1, MOST_CHANNELS, where)
    outs = whole(config, "out_channels", 1, MOST_CHANNELS, where, 1)
    found, cin = [], 1
    for _ in range(whole(config, "num_layers", 1, 32, where)):
        both, bias = w.take(4 * hidden, cin + hidden), w.take(4 * hidden)
        found.append(L.Lstm(both[:, :cin], both[:, cin:], bias, w.take(hidden), w.take(hidden)))
        cin = hidden
    weight, bias = w.conv(hidden, outs)
    return Chain([*found, L.Conv1d(weight, bias)], outs)


# ---- metadata ------------------------------------------------------------------------------------


def _texts(obj, keys):
    """The texts as text_meta finds them, without the halves of characters that JSON can hold."""
    return {key: text.encode(errors="replace").decode() for key, text in text_meta(obj, keys).items()}


def _metadata(metadata, model, name, warn):
    if not isinstance(metadata, dict):
        warn(f"{name}: metadata is no object; it is left out")
        return
    model.meta = _texts(metadata, _TEXTS | {_SOURCE: "source"})
    gear = _texts(metadata, {"gear_make": "make", "gear_model": "model"})
    make, kind = gear.get("make", ""), gear.get("model", "")
    text = kind if kind.startswith(make) else f"{make} {kind}".strip()
    model.meta |= {"gear": text} if text else {}
    training = metadata.get("training")
    model.meta |= _texts(training, {"validation_esr": "validation_esr"})
    model.meta |= words.read_nam_date(metadata) | words.read_others(metadata, _PLACES)
    words.read_levels(metadata, model, name, warn)


# ---- writing -------------------------------------------------------------------------------------


def write(model, name, *, warn=print):
    obj = to_object(model, name, warn)
    return (json.dumps(obj, allow_nan=False) + "\n").encode()


def to_object(model, name, warn):
    """The JSON value of a layers.Model."""
    if model.knobs:
        knobs = ", ".join(k[0] for k in model.knobs)
        raise UpedalError(f"{name}: has knobs ({knobs}); NAM has none: export it at fixed settings")
    if model.grade == "fast":
        warn(f"{name}: made for fast activations; NAM's player will use exact ones")
    net = nam_match.net_of(model, name)
    version, architecture, config, weights = nam_write.parts(net, name, warn, model.rate_hz)
    if not np.isfinite(weights).all():
        raise UpedalError(f"{name}: weights that are not finite; expected numbers")
    obj = {
        "version": version,
        "metadata": _written_metadata(model),
        "architecture": architecture,
        "config": config,
        "weights": [float(v) for v in weights],
        "sample_rate": model.rate_hz,
    }
    nam_graph.check_same(from_object(obj, name, None, lambda text: None), model, name)
    return obj


def _written_metadata(model):
    meta = model.meta
    found = {theirs: meta[ours] for theirs, ours in _TEXTS.items() if ours in meta and theirs != "license"}
    if "gain" in found:
        found["gain"] = words.as_number(found["gain"])
    if "gear" in meta:
        found["gear_model"] = meta["gear"]
    if "validation_esr" in meta:
        found["training"] = {"validation_esr": words.as_number(meta["validation_esr"])}
    return found | words.nam_date(meta) | words.levels(model) | words.others(meta, _PLACES)
