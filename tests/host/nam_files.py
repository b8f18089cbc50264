"""Small .nam files of every kind, made from a seed: the tests' own, and what reads them straight from
the equations of NAM, sample by sample, to judge the importer by."""

import numpy as np

FILMS = (
    "conv_pre_film", "conv_post_film", "input_mixin_pre_film", "input_mixin_post_film",
    "activation_pre_film", "activation_post_film", "layer1x1_post_film", "head1x1_post_film",
)  # fmt: skip


def _numbers(rng, count, scale=0.4):
    return [float(v) for v in (scale * rng.standard_normal(count)).astype(np.float32)]


def envelope(architecture, config, weights, version="0.5.4", **more):
    return {"version": version, "architecture": architecture, "config": config, "weights": weights,
            "sample_rate": 48000} | more  # fmt: skip


def a1(seed=1, channels=(4, 2), dilations=((1, 2), (8,)), kernel=3, gated=False, activation="Tanh", **more):
    """An A1-shaped WaveNet: the first array's head without bias."""
    rng, layers, weights, cin = np.random.default_rng(seed), [], [], 1
    outs = [*channels[1:], 1]
    for k, c in enumerate(channels):
        layers.append({
            "input_size": cin, "condition_size": 1, "head_size": outs[k], "channels": c, "kernel_size": kernel,
            "dilations": list(dilations[k]), "activation": activation, "gated": gated, "head_bias": k == len(outs) - 1,
        })  # fmt: skip
        z = 2 * c if gated else c
        count = cin * c + len(dilations[k]) * (c * z * kernel + z + z + c * c + c) + c * outs[k] + (k == len(outs) - 1)
        weights += _numbers(rng, count)
        cin = c
    weights.append(0.5)
    return envelope("WaveNet", {"layers": layers, "head": None, "head_scale": 0.5}, weights, **more)


def a2(seed=2, channels=3):
    """A small net of A2's form: kernels a layer, LeakyReLU objects, a head of 16 taps."""
    kernels, dilations = [6, 6, 15], [1, 3, 7]
    n, c, rng = len(kernels), channels, np.random.default_rng(seed)
    array = {
        "input_size": 1, "condition_size": 1, "head": {"out_channels": 1, "kernel_size": 16, "bias": True},
        "channels": c, "kernel_sizes": kernels, "dilations": dilations, "bottleneck": c,
        "activation": [{"type": "LeakyReLU", "negative_slope": 0.01}] * n,
        "head1x1": {"active": False, "out_channels": 1, "groups": 1}, "layer1x1": {"active": True, "groups": 1},
        "groups_input": 1, "groups_input_mixin": 1,
        **{f: {"active": False, "shift": True, "groups": 1} for f in FILMS},
        "gating_mode": ["none"] * n, "secondary_activation": [None] * n, "slimmable": None,
    }  # fmt: skip
    count = c + sum(c * c * k + c + c + c * c + c for k in kernels) + 16 * c + 1 + 1
    return envelope("WaveNet", {"layers": [array], "head": None, "head_scale": 0.1}, _numbers(rng, count), "0.7.0")


def everything(seed=3, films=FILMS, gating=("none", "gated", "blended"), post=True, condition=True):
    """Two arrays: bottleneck, groups, head1x1, FiLM, mixed gating, head kernels, condition, post-stack head."""
    rng = np.random.default_rng(seed)
    d = 2 if condition else 1
    film = {f: {"active": True, "shift": k % 2 == 0, "groups": 1} for k, f in enumerate(films)}
    first = {
        "input_size": 1, "condition_size": d, "head": {"out_channels": 3, "kernel_size": 2, "bias": False},
        "channels": 4, "bottleneck": 2, "kernel_sizes": [3, 2, 4], "dilations": [1, 3, 2],
        "activation": ["Tanh", {"type": "PReLU", "negative_slopes": [0.1, -0.2]}, "Softsign"],
        "gating_mode": list(gating), "secondary_activation": [None if gating[0] == "none" else "Tanh", "Sigmoid", "Hardswish"],
        "head1x1": {"active": True, "out_channels": 2, "groups": 2}, "layer1x1": {"active": True, "groups": 2},
        "groups_input": 2, **film,
    }  # fmt: skip
    second = {
        "input_size": 4, "condition_size": d, "channels": 3, "kernel_size": 2, "dilations": [1, 2],
        "head": {"out_channels": 2 if post else 1, "kernel_size": 3, "bias": True, "head_dilation": 2},
        "activation": {"type": "LeakyHardtanh", "max_val": 0.5}, "layer1x1": {"active": False, "groups": 1},
    }  # fmt: skip
    config = {"layers": [first, second], "head": None, "head_scale": 0.7}
    if post:
        config["head"] = {"channels": 3, "out_channels": 1, "kernel_sizes": [2, 3], "activation": "ReLU"}
    if condition:
        config["condition_dsp"] = lstm(seed + 1, out_channels=2)
    counter = Player(envelope("WaveNet", config, [], "0.7.0"), count=True)
    return envelope("WaveNet", config, _numbers(rng, counter.used), "0.7.0")


def lstm(seed=4, hidden=3, layers=2, **more):
    rng, count, cin = np.random.default_rng(seed), 0, 1
    for _ in range(layers):
        count += 4 * hidden * (cin + hidden) + 4 * hidden + 2 * hidden
        cin = hidden
    outs = more.get("out_channels", 1)
    config = {"input_size": 1, "hidden_size": hidden, "num_layers": layers} | more
    return envelope("LSTM", config, _numbers(rng, count + outs * (hidden + 1)))


def convnet(seed=5, channels=4, dilations=(1, 2, 4), batchnorm=True, groups=1):
    rng, weights, cin = np.random.default_rng(seed), [], 1
    for k in range(len(dilations)):
        g = groups if k else 1
        weights += _numbers(rng, cin * channels // g * 2)
        if batchnorm:
            mean, gamma, beta = (_numbers(rng, channels) for _ in range(3))
            weights += mean + [0.5 + abs(v) for v in _numbers(rng, channels)] + gamma + beta + [1e-5]
        else:
            weights += _numbers(rng, channels)
        cin = channels
    weights += _numbers(rng, channels + 1)
    config = {"channels": channels, "dilations": list(dilations), "batchnorm": batchnorm, "activation": "Tanh"}
    return envelope("ConvNet", config, weights)


def linear(seed=6, taps=9, bias=True):
    rng = np.random.default_rng(seed)
    return envelope("Linear", {"receptive_field": taps, "bias": bias}, _numbers(rng, taps + bias))


def container(*models):
    """max_value in even steps."""
    n = len(models)
    entries = [{"max_value": (k + 1) / n, "model": m} for k, m in enumerate(models)]
    return envelope("SlimmableContainer", {"submodels": entries}, [], "0.7.0")


# ---- the judge: NAM's equations, one array of [channels][time] after another ----------------------


def _act(value, x):
    v = {"type": value} if isinstance(value, str) else value
    n = v.get("negative_slope", 0.01)
    if "negative_slopes" in v:
        n = np.array(v["negative_slopes"])[:, None]
    lo, hi, a, b = (v.get(k, d) for k, d in zip(("min_val", "max_val", "min_slope", "max_slope"),
                                                (-1, 1, 0.01, 0.01), strict=True))  # fmt: skip
    return {
        "Tanh": lambda: np.tanh(x), "Sigmoid": lambda: 1 / (1 + np.exp(-x)), "ReLU": lambda: np.maximum(x, 0),
        "LeakyReLU": lambda: np.where(x > 0, x, n * x), "PReLU": lambda: np.where(x > 0, x, n * x),
        "Softsign": lambda: x / (1 + abs(x)), "Hardswish": lambda: x * np.clip(x + 3, 0, 6) / 6,
        "LeakyHardtanh": lambda: np.where(x < lo, (x - lo) * a + lo, np.where(x > hi, (x - hi) * b + hi, x)),
    }[v["type"]]()  # fmt: skip


class Player:
    """Plays a .nam's JSON value in float64 from a history of zeros; or only counts its weights."""

    def __init__(self, obj, count=False):
        self.obj, self.count, self.used = obj, count, 0
        self.w = np.float32(obj["weights"]).astype(np.float64)
        if count:
            self.play(np.zeros(1))

    def take(self, *shape):
        n = int(np.prod(shape))
        part = np.zeros(n) if self.count else self.w[self.used : self.used + n]
        self.used += n
        return part.reshape(shape)

    def conv(self, x, out, taps=1, d=1, g=1, bias=True):
        cin, n = x.shape
        y = np.zeros((out, n))
        w = self.take(g, out // g, cin // g, taps)
        for group in range(g):
            xs = x[group * cin // g : (group + 1) * cin // g]
            for k in range(taps):
                back = min((taps - 1 - k) * d, n)
                y[group * out // g : (group + 1) * out // g, back:] += w[group, :, :, k] @ xs[:, : n - back]
        return y + (self.take(out)[:, None] if bias else 0)

    def play(self, x):
        u = x[None] if x.ndim == 1 else x
        y = getattr(self, self.obj["architecture"])(self.obj["config"], u)
        assert self.count or self.used == len(self.w), (self.used, len(self.w))
        return y

    def Linear(self, config, u):  # noqa: N802 - the names of the architectures
        h = self.take(config["receptive_field"])
        return np.convolve(u[0], h)[None, : u.shape[1]] + (self.take(1)[0] if config["bias"] else 0)

    def ConvNet(self, config, u):  # noqa: N802
        c = config["channels"]
        for d in config["dilations"]:
            u = self.conv(u, c, 2, d, bias=not config["batchnorm"])
            if config["batchnorm"]:
                mean, var, gamma, beta = (self.take(c)[:, None] for _ in range(4))
                u = gamma * (u - mean) / np.sqrt(var + self.take(1)[0]) + beta
            u = _act(config["activation"], u)
        return self.conv(u, 1)

    def LSTM(self, config, u):  # noqa: N802
        hidden = config["hidden_size"]
        for _ in range(config["num_layers"]):
            w = self.take(4 * hidden, len(u) + hidden)
            b, h, c = self.take(4 * hidden), self.take(hidden), self.take(hidden)
            out = []
            for column in u.T:
                i, f, g, o = np.split(w @ np.concatenate([column, h]) + b, 4)
                c = _act("Sigmoid", f) * c + _act("Sigmoid", i) * np.tanh(g)
                h = _act("Sigmoid", o) * np.tanh(c)
                out.append(h)
            u = np.array(out).T
        return self.conv(u, config.get("out_channels", 1))

    def film(self, x, spec):
        y = self.conv(self.c, len(x) * (2 if spec["shift"] else 1), g=spec["groups"])
        return y[: len(x)] * x + (y[len(x) :] if spec["shift"] else 0)

    def WaveNet(self, config, u):  # noqa: N802
        inner = config.get("condition_dsp")
        self.c = Player(inner).play(u[0]) if inner else u
        r, total = u, None
        for a in config["layers"]:
            r, total = self.array(a, r, total)
        head = config["head"]
        if not head:
            return total * self.take(1)[0]
        # The head scale is the very last weight, but acts before the post-stack head.
        x = total * (1 if self.count else self.w[-1])
        for k, taps in enumerate(head["kernel_sizes"]):
            out = head["out_channels"] if k == len(head["kernel_sizes"]) - 1 else head["channels"]
            x = self.conv(_act(head["activation"], x), out, taps)
        self.take(1)
        return x

    def array(self, a, r, total):
        c, n = a["channels"], len(a["dilations"])
        y = self.conv(r, c, bias=False)
        listed = lambda v: v if isinstance(v, list) else [v] * n  # noqa: E731
        kernels = a.get("kernel_sizes") or [a["kernel_size"]] * n
        gates = listed(a.get("gating_mode", "gated" if a.get("gated") else "none"))
        for k in range(n):
            second = listed(a.get("secondary_activation") or "Sigmoid")[k]
            y, h = self.layer(a, y, kernels[k], a["dilations"][k], gates[k], listed(a["activation"])[k], second)
            total = h if total is None else total + h
        head = a.get("head") or {"out_channels": a["head_size"], "kernel_size": 1, "bias": a["head_bias"]}
        return y, self.conv(total, head["out_channels"], head["kernel_size"], head.get("head_dilation", 1), 1, head["bias"])

    def layer(self, a, y, taps, d, gate, act, second):
        width = a.get("bottleneck", a["channels"])
        rows = width if gate == "none" else 2 * width
        films = {f: a[f] for f in FILMS if a.get(f) and a[f].get("active", True)}
        one = a.get("layer1x1", {"active": True, "groups": 1})
        side = a.get("head1x1") or {"active": False}
        # Weights lie in another order than they act: take them all first, as functions.
        later = []

        def pull(make):
            start = self.used
            make()
            later.append((start, self.used))
            return lambda run: self._at(start, run)

        x0, w0, p0 = np.zeros_like(y), np.zeros((rows, y.shape[1])), np.zeros((width, y.shape[1]))
        at = {}
        at["conv"] = pull(lambda: self.conv(x0, rows, taps, d, a.get("groups_input", 1)))
        at["mixin"] = pull(lambda: self.conv(self.c * 0, rows, g=a.get("groups_input_mixin", 1), bias=False))
        if one["active"]:
            at["one"] = pull(lambda: self.conv(p0, a["channels"], g=one["groups"]))
        if side["active"]:
            at["side"] = pull(lambda: self.conv(p0, side["out_channels"], g=side["groups"]))
        dims = (x0, w0, self.c * 0, w0, w0, p0, x0, np.zeros((side.get("out_channels", 1), y.shape[1])))
        for f, spec in films.items():
            at[f] = pull(lambda spec=spec, f=f: self.film(dims[FILMS.index(f)], spec))

        def film(name, x):
            return at[name](lambda: self.film(x, films[name])) if name in films else x

        z = film("conv_post_film", at["conv"](lambda: self.conv(film("conv_pre_film", y), rows, taps, d, a.get("groups_input", 1))))
        mixed = film("input_mixin_pre_film", self.c)
        m = at["mixin"](lambda: self.conv(mixed, rows, g=a.get("groups_input_mixin", 1), bias=False))
        z = film("activation_pre_film", z + film("input_mixin_post_film", m))
        if gate == "none":
            p = _act(act, z)
        else:
            top, g = z[:width], _act(second, z[width:])
            p = _act(act, top) * g + ((1 - g) * top if gate == "blended" else 0)
        p = film("activation_post_film", p)
        if one["active"]:
            q = at["one"](lambda: self.conv(p, a["channels"], g=one["groups"]))
            y = y + (film("layer1x1_post_film", q) if gate == "blended" else q)
        h = film("head1x1_post_film", at["side"](lambda: self.conv(p, side["out_channels"], g=side["groups"]))) if side["active"] else p
        return y, h

    def _at(self, start, run):
        """Runs with the weights from `start`, and goes on where it was."""
        here, self.used = self.used, start
        y = run()
        self.used = here
        return y
