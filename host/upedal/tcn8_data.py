"""What a Tcn8 trains on: windows of a recording, with the noise of the dither, and its validation."""

import hashlib

import numpy as np
import torch
from scipy.signal import lfilter

from . import dither, tcn8
from .audio import esr
from .errors import UpedalError

_LEAD, _SETTLE = 4096, 512  # frames of rest and signal ahead of a range that counts; more where a net remembers more
_NOISE_FRAMES, _NOISE_STEPS = 1 << 22, 16  # a stretch of noise, and how many steps it serves
_NOT_CLIPPED = 0.9999  # of the training frames, by the choice of gain
_CALIBRATION = 8  # windows that the first weights' levels are set with


def choose_gain(e):
    """The largest left shift, 0 to 3, by which nearly all of the emphasised e (full scale 1) fits 8 bit."""
    peak = float(np.quantile(np.abs(e), _NOT_CLIPPED))
    return max((g for g in range(4) if peak * 2.0**g <= tcn8.LIMIT), default=0)


def esr_without_dc(target, output):
    """ESR of audio without its mean: 8 bits leave a constant behind, which no output stage passes."""
    target, output = (np.asarray(x, np.float64) for x in (target, output))
    return esr(target - target.mean(), output - output.mean())


def _lead(memory):
    return max(_LEAD, memory + _SETTLE)


def measure(render, dry, wet, ranges, memory=0):
    """ESR, DC removed, of render(dry) against wet over the ranges, each rendered from rest well before it; memory:
    frames that the net looks back."""
    target, output = [], []
    for a, b in ranges:
        first = max(0, a - _lead(memory))
        target.append(wet[a:b])
        output.append(render(dry[first:b])[a - first :])
    return esr_without_dc(np.concatenate(target), np.concatenate(output))


def check(dry, wet, minutes, recipe, split):
    """Refuses, by UpedalError, what train_tcn8.train cannot work with."""
    if recipe.net != "tcn8":
        raise UpedalError(f"recipe {recipe.name}: net is {recipe.net!r}; expected 'tcn8'")
    if minutes is not None and not 0 < minutes <= 1e5:
        raise UpedalError(f"train: minutes is {minutes}; expected more than 0")
    for name, x in (("dry", dry), ("wet", wet)):
        if x.ndim != 1 or not np.all(np.isfinite(x)):
            raise UpedalError(f"train: {name} of shape {x.shape}; expected finite mono [n]")
        for part in ("train", "validation", "test"):
            if not any(np.any(x[a:b]) for a, b in getattr(split, part)):
                raise UpedalError(f"train: the {part} part of {name} is silent; expected sound")
    if max(b - a for a, b in split.train) < recipe.segment:
        raise UpedalError(f"train: no training range has {recipe.segment} frames, as a window needs")


class Windows:
    """Training windows and validation of one recording. Inputs are emphasised, shifted by `front.gain`, at
    full scale 1; targets emphasised and divided by `norm`, their largest size but for 1 in 10,000."""

    def __init__(self, dry, wet, rate_hz, recipe, split, seed):
        coef = round(recipe.emphasis * 32768)
        self.recipe, self.split, self.seed = recipe, split, seed
        self.dry, self.wet, self.rate_hz = dry, wet, rate_hz
        e = tcn8.emphasised(dry, coef)
        target = wet - np.float32(coef / 32768) * np.concatenate(([0.0], wet[:-1]))
        inside = np.concatenate([np.arange(a, b) for a, b in split.train])
        gain = recipe.input_gain
        gain = choose_gain(e[inside] / 32768) if gain < 0 else gain
        self.front = tcn8.FrontEnd(
            recipe.emphasis, recipe.dither, recipe.channels, seed + 1, gain, rate_hz
        )
        self.norm = float(np.quantile(np.abs(target[inside]), _NOT_CLIPPED))
        self.context = recipe.build().receptive_field - 1
        n = recipe.segment
        full = np.concatenate((np.zeros(self.context), e * (2.0**gain / 32768)))
        self.inputs = torch.as_tensor(full, dtype=torch.float32).unfold(0, n + self.context, 1)
        self.targets = torch.as_tensor(target / self.norm, dtype=torch.float32).unfold(0, n, 1)
        self.audio = torch.as_tensor(wet / self.norm, dtype=torch.float32).unfold(0, n, 1)
        self._starts = np.concatenate([np.arange(a, b - n + 1) for a, b in split.train])
        self._noise, self._stretch, self._quantised_inputs = None, None, None
        parts = (dry, wet, np.array([rate_hz, seed]), np.array([r for p in split.parts for r in p]))
        self.digest = hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest()

    def begin(self, net):
        """The net with first weights that suit the signal's level."""
        net.norm.fill_(self.norm)
        loud = self.inputs[self._starts[:: max(1, len(self._starts) // 500)]]
        loud = loud[loud.square().mean(1).argsort()[-_CALIBRATION:]]
        return net.levelled(loud[:, None], peak=0.5)

    def spread(self, net):
        """A trained float net for the quantised phase: levelled, for all channels."""
        some = self.inputs[self._starts[:: max(1, len(self._starts) // 100)]]
        net = net.levelled(some[:, None])
        return net.with_channels(self.recipe.channels, self.seed)

    def batch(self, step, quantised):
        """(inputs [batch][channels][n + context], targets and audio over norm [batch][n]) of a step."""
        rng = np.random.default_rng((self.seed, step))
        at = self._starts[rng.integers(len(self._starts), size=self.recipe.batch)]
        x = self.inputs[at][:, None]
        if quantised:
            x = self._dithered(x, step // _NOISE_STEPS, rng)
        return x, self.targets[at], self.audio[at]

    def _dithered(self, x, stretch, rng):
        """Whole numbers -128..127: each window and channel with noise from a place of its own."""
        c, n = self.recipe.channels, x.shape[-1]
        audio = (x * 128 + 0.5).expand(-1, c, -1)  # in steps of 8 bit
        if self.front.kind == "none":
            return audio.floor().clamp(-128, 127)
        if self._stretch != stretch:
            fresh = np.random.default_rng((self.seed, stretch, 1))
            self._noise = torch.as_tensor(_noise(self.front, _NOISE_FRAMES, fresh))
            self._stretch = stretch
        rows = torch.as_tensor(rng.integers(_NOISE_FRAMES - n, size=len(x) * c))
        noise = self._noise.unfold(0, n, 1)[rows].view(len(x), c, n)
        return noise.add_(audio).floor_().clamp_(-128, 127)

    def validation_esr(self, net, quantised):
        """ESR, DC removed, over the validation ranges; quantised: of the pedal's integers."""
        ranges, c = self.split.validation, self.front.coef
        if not quantised:
            return measure(
                lambda x: tcn8.render_float(net, self.front, x), self.dry, self.wet, ranges, self.context
            )
        if self._quantised_inputs is None:
            self._quantised_inputs = [self._eight_bit(a, b) for a, b in ranges]
        out = []
        with torch.no_grad():
            for (a, b), x in zip(ranges, self._quantised_inputs):
                y = net.quantised(torch.as_tensor(x, dtype=torch.float32)[None])[0].numpy()
                out.append(float(net.norm) * tcn8.deemphasised(y, c)[a - b :])
        target = np.concatenate([self.wet[a:b] for a, b in ranges])
        return esr_without_dc(target, np.concatenate(out))

    def _eight_bit(self, a, b):
        first = max(0, a - _lead(self.context))
        x = tcn8.eight_bit(self.front, self.dry[first:b])
        return np.pad(x, ((0, 0), (max(0, self.context - first), 0)))


def _noise(front, n, rng):
    """Dither's noise in steps of 8 bit, float32 [n]: what dither.py makes in integers."""
    t = rng.random(n, np.float32) - rng.random(n, np.float32)
    if front.kind == "white":
        return t
    hp = dither.high_pass(front.rate_hz)
    b = np.array([hp.b, -2 * hp.b, hp.b]) / 16384
    a = np.array([16384, hp.a1, hp.a2]) / 16384
    return 2 * lfilter(b.astype(np.float32), a.astype(np.float32), t)
