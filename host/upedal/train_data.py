"""Captures as training sees them: streams side by side, and parts for validation and test."""

from hashlib import sha256

import numpy as np
import torch

from .audio import esr, split
from .errors import UpedalError

WARM_UP_S = 0.25  # how much signal a recurrent net sees ahead of what counts, in lanes
_LANES = 64  # of a validation


class Streams:
    """Every capture's signals on the device, each cut 80/10/10 % in order; held-out ones are left aside."""

    def __init__(self, captures, recipe, seed, device):
        self.recipe, self.seed = recipe, seed
        self.rate_hz = captures.rate_hz
        self.items = [c for c in captures.items if not c.held_out]
        self.dry = [_tensor(c.dry, device) for c in self.items]
        self.wet = [_tensor(c.wet, device) for c in self.items]
        self.knobs = [_tensor(captures.scaled(c), device) for c in self.items]
        self.parts = [split(len(c.dry), self.rate_hz) for c in self.items]
        # Captures of other settings count alike, however loud they are.
        power = np.array([float(w.double().square().mean()) for w in self.wet])
        self.gains = np.sqrt(power.mean() / power) if len(power) > 1 else np.ones(1)

    def _layout(self):
        """(frames of a lane, [lanes of each capture]); about recipe.batch lanes in all, none shorter than a segment."""
        trained = [parts[0].stop for parts in self.parts]
        most = min(trained) if len(trained) > 1 else trained[0] // 2
        length = max(sum(trained) // self.recipe.batch, min(2 * self.recipe.segment, most), 1)
        length = min(length, min(trained))
        return length, [n // length for n in trained]

    def epoch(self, number, net):
        """(x, y, gain, holder of the state) in order, over streams that begin elsewhere in every epoch.

        x [batch, segment] or [batch, segment, 1 + knobs], y [batch, segment], gain [batch, 1].
        """
        length, lanes = self._layout()
        rng = np.random.default_rng((self.seed, number))
        cut = [self._lanes(k, length, n, int(rng.integers(length))) for k, n in enumerate(lanes)]
        x, y, before, gain = (torch.cat(parts) for parts in zip(*cut))
        knobs = torch.cat([k.expand(n, -1) for k, n in zip(self.knobs, lanes)])
        state = [None]
        if self.recipe.warm_up:
            with torch.no_grad():
                state[0] = net(beside(before, knobs))[1]
        segment = min(self.recipe.segment, length)
        for at in range(0, length - segment + 1, segment):
            part = slice(at, at + segment)
            yield beside(x[:, part], knobs), y[:, part], gain, state

    def _lanes(self, k, length, lanes, shift):
        """(x, y [lanes, length], what comes before [lanes, warm-up], gain [lanes, 1]) of one capture."""
        n = self.parts[k][0].stop
        starts = (np.arange(lanes) * length + shift) % n
        x, y = (
            torch.roll(t[k][:n], -shift)[: lanes * length].view(lanes, length)
            for t in (self.dry, self.wet)
        )
        before = self.dry[k][(starts[:, None] - np.arange(self.recipe.warm_up, 0, -1)) % n]
        return x, y, before, x.new_full((lanes, 1), float(self.gains[k]))

    def validation(self, net):
        """[(target, output)] float32 of every capture's validation part, rendered in overlapping lanes."""
        memory = int(WARM_UP_S * self.rate_hz) if net.recurrent else net.receptive_field
        found = []
        for k, (_, part, _) in enumerate(self.parts):
            y = _render_lanes(net, self.dry[k], self.knobs[k], part, memory)
            found.append((self.wet[k][part].cpu().numpy(), y.cpu().numpy()))
        return found

    def test(self, net):
        """[(capture, target, output)] of every capture's test part, rendered whole from rest."""
        found = []
        for k, item in enumerate(self.items):
            part = self.parts[k][2]
            y = render(net, item.dry, self.knobs[k].tolist())
            found.append((item, item.wet[part], y[part]))
        return found

    def digest(self):
        """What tells one set of data from another, in a checkpoint."""
        return [
            sha256(s.cpu().numpy().tobytes()).hexdigest()
            for s in (*self.dry, *self.wet, *self.knobs)
        ]


def mean_esr(pairs):
    """The mean of the ESR of [(target, output)]."""
    return float(np.mean([esr(target, output) for target, output in pairs]))


def check(captures, minutes):
    """UpedalError where nothing can be learnt from them."""
    if minutes is not None and not 0 < minutes <= 1e5:
        raise UpedalError(f"train: minutes is {minutes}; expected more than 0")
    for item in captures.items:
        where = f"train: {item.name + ': ' if item.name else ''}"
        for name, x in (("dry", item.dry), ("wet", item.wet)):
            if np.ndim(x) != 1 or not np.all(np.isfinite(x)):
                raise UpedalError(
                    f"{where}{name} of shape {np.shape(x)}; expected finite mono [n]"
                )
            if not np.any(x):
                raise UpedalError(f"{where}{name} is silent")
        n = len(item.dry)
        for name, part in zip(("training", "validation", "test"), split(n, captures.rate_hz)):
            if not np.any(item.wet[part]):
                raise UpedalError(f"{where}the {name} part of wet is silent; expected sound in it")


def beside(x, knobs):
    """x [batch, time] with the knobs [batch, k] held still beside it: [batch, time, 1 + k]; x where k is 0."""
    if not knobs.shape[-1]:
        return x
    still = knobs[:, None, :].expand(-1, x.shape[1], -1)
    return torch.cat((x[..., None], still), dim=2)


def _tensor(x, device):
    return torch.as_tensor(np.asarray(x, np.float32), device=device)


def _render_lanes(net, dry, knobs, part, warm_up):
    """Output over dry[part], float32 tensor: equal lanes side by side, each warmed up first."""
    n = part.stop - part.start
    lane = -(-n // _LANES)
    pad = torch.nn.functional.pad(dry[: part.stop], (warm_up, _LANES * lane - n))
    first = pad[part.start :]  # warm_up frames ahead of the part
    x = first.unfold(0, warm_up + lane, lane)[:_LANES]
    with torch.no_grad():
        y, _ = net(beside(x, knobs.expand(_LANES, -1)))
    return y[:, warm_up:].reshape(-1)[:n]


def render(net, dry, knobs=()):
    """The net's output from zero state over the whole of dry, float32 [n], frame by frame exact.

    knobs: what the net sees of them, 0 to 1 each.
    """
    net = net.cpu().eval()
    x = torch.as_tensor(np.asarray(dry, np.float32)).unsqueeze(0)
    still = torch.tensor([list(knobs)], dtype=torch.float32)
    out, state = [], None
    with torch.no_grad():
        for at in range(0, x.shape[1], 1 << 16):
            y, state = net(beside(x[:, at : at + (1 << 16)], still), state)
            out.append(y[0])
    return torch.cat(out).numpy() if out else np.zeros(0, np.float32)
