"""From a trained net of the experiments to the .upm files that are measured."""

import numpy as np

from .. import layers as L
from .. import measure, quant, tcn8

CALIBRATION_S = 8.0  # of the training part, its loudest, that q15 is calibrated on
_SETTLE = 256  # frames in which the de-emphasis forgets: 0.9^256 is 2e-12
GRADE = "fast"  # of tanh and sigmoid: what a pedal plays


def float_model(net, front, rate_hz):
    """layers.Model of a tcn8.Tcn8 of one channel, the same function with the gain and norm in its weights.

    A limiter at low..high is m + r hard_tanh((z - m) / r), m its middle and r half its range: m and r go into
    the weights, and q15, where saturation is hard_tanh, needs no table and uses all of its 16 bits."""
    coef, convs = front.coef / 32768, list(net.convs)
    chain, middle, reach = [L.Emphasis(coef, 0, 1)], 0.0, 2.0**front.gain
    for k, conv in enumerate(convs):
        weight, bias = (p.detach().cpu().double().numpy() for p in (conv.weight[:, :, 0], conv.bias))
        weight, bias = weight * reach, bias + middle * weight.sum((1, 2))
        if k + 1 == len(convs):
            act, middle, reach = "linear", 0.0, 1.0 / float(net.norm)
        else:
            low = 0.0 if k else -1.0
            act, middle, reach = "hard_tanh", (tcn8.LIMIT + low) / 2, (tcn8.LIMIT - low) / 2
        parts = (weight / reach).astype(np.float32), ((bias - middle) / reach).astype(np.float32)
        chain.append(L.Conv1d(*parts, conv.dilation[1], act, src=1 + k % 2, dst=2 - k % 2))
    last = chain[-1].dst
    chain.append(L.Deemphasis(coef, last, 3 - last))
    model = L.Model(chain, rate_hz, GRADE, prewarm=net.receptive_field - 1 + _SETTLE)
    return measure.level(model)


def wavenet_model(net, rate_hz):
    """layers.Model of a wavenets.Framed."""
    model = L.Model(net.export(), rate_hz, GRADE, prewarm=net.receptive_field - 1)
    return measure.level(model)


def q15_model(model, dry, split):
    """The qlayers.QModel that quantising `model` after training gives."""
    return measure.level(quant.quantise(model, _loudest(model, dry, split)))


def q7_model(net, front, scale):
    """The qlayers.QModel of a trained ai8x.Net."""
    return measure.level(
        quant.from_ai8x(
            net, emphasis=front.emphasis, kind=front.kind, seed=front.seed, gain=front.gain,
            rate_hz=front.rate_hz, scale=scale,
        )
    )  # fmt: skip


def _loudest(model, dry, split):
    """The stretch of the training ranges' input with the most energy, CALIBRATION_S long at most."""
    first, last = split.train[0][0], split.train[-1][1]
    inside, size = dry[first:last], int(CALIBRATION_S * model.rate_hz)
    if len(inside) <= size:
        return inside
    energy = np.concatenate([[0.0], np.cumsum(np.square(inside, dtype=np.float64))])
    at = int(np.argmax(energy[size:] - energy[:-size]))
    return inside[at : at + size]
