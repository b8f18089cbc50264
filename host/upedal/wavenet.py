"""The WaveNet of amp models as layers: arrays of dilated convolutions with a condition, residual and head sums."""

from . import layers as L


def emit(arrays, activation, gate="none"):
    """The layers, from numpy weights; slot 0 is input and condition.

    arrays: [{"rechannel": (w, b), "layers": [(conv w, conv b, dilation, mixin w, residual w, residual b)],
    "head": (w, b)}], in PyTorch's shapes, dense weights [out][in]. Activation of the gate: sigmoid.
    Slots: 1 and 2 the residual in turn, 3 a layer's output, 4 the head sum, 5 the array's head.
    """
    chain, y, head = [], 0, None
    for at, array in enumerate(arrays):
        to = 1 if y != 1 else 2
        chain.append(L.Dense(*array["rechannel"], src=y, dst=to))
        y = to
        for k, (w, b, dilation, mixin, mix, mix_bias) in enumerate(array["layers"]):
            first = head is None and k == 0
            p = 4 if first else 3
            conv = L.Conv1d(w, b, dilation, activation, y, p, side=0, side_weight=mixin, gate=gate)
            conv.gate_activation = L.act("sigmoid" if gate != "none" else "linear")
            chain.append(conv)
            if not first:
                chain.append(L.Add(head if k == 0 else 4, 3, 4))
            last = at + 1 == len(arrays) and k + 1 == len(array["layers"])
            if not last:  # nobody hears the last residual
                chain.append(L.Dense(mix, mix_bias, src=p, dst=3 - y, plus=y))
                y = 3 - y
        w, b = array["head"]
        chain.append(L.Conv1d(w, b, 1, "linear", 4, 5))
        head = 5
    return chain
