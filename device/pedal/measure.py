"""Instructions of one engine step, and whose they are. Only where the firmware has `bench`."""

from array import array

import bench
import pedal_fx

from pedal.engine import Engine

_WARM = 2  # blocks before counting
_BLOCKS = 16  # blocks counted; figures are their mean


class _Loop:
    """Source and sink that convert one fixed block from and to memory, as an audio path does."""

    def __init__(self, block):
        signal = array("f", [((at * 37) % 101 - 50) / 128 for at in range(block)])
        self._in = bytearray(4 * block)
        self._out = bytearray(4 * block)
        self._block = block
        pedal_fx.pack(signal, self._in, -32, 1)

    def readinto(self, buf):
        pedal_fx.unpack(self._in, buf, -32, 1, 0)
        return self._block

    def write(self, buf, frames):
        pedal_fx.pack(buf, self._out, -32, 1)

    def native(self, buf):
        """The calls to C that one readinto() and one write() make."""
        return (pedal_fx.unpack, self._in, buf, -32, 1, 0), (pedal_fx.pack, buf, self._out, -32, 1)


def _count(calls):
    """Mean instructions of each call, made one after the other as in a step."""
    measure, insns = bench.measure, bench.insns
    null = insns(measure(bench.null))
    sums = [0] * len(calls)
    for turn in range(_WARM + _BLOCKS):
        for at, call in enumerate(calls):
            spent = insns(measure(*call)) - null
            if turn >= _WARM:
                sums[at] += spent
    return [total / _BLOCKS for total in sums]


def _native(link):
    return link is None or hasattr(link.effect, "native") or hasattr(link.effect, "natives")


def measure(rig, *, block=None):
    """Instructions per block and per sample.

    What joins branches counts as "join", an effect without native() as the interpreter's. Leaves the rig reset.
    """
    block = block or rig.block
    loop = _Loop(block)
    engine = Engine(rig, loop, loop, block=block)
    engine._limit_us = 0x3FFFFFFF  # by an emulator's clock every block is late
    engine.reset()
    total = _count([(engine.step,)])[0]
    engine.reset()
    links = engine._links
    calls = [(call, links.owner(call)) for call in links.calls()]
    calls = [(call, link) for call, link in calls if _native(link)]
    read, write = loop.native(engine._buf)
    parts = _count([read] + [call for call, _ in calls] + [write])
    rig.reset()
    native = []
    for (_, link), spent in zip(calls, parts[1:]):
        name = type(link.effect).__name__ if link else "join"
        if native and link and native[-1][2] is link:
            native[-1][1] += spent
        else:
            native.append([name, spent, link])
    return {
        "instructions_per_block": total,
        "instructions_per_sample": total / block,
        "native_instructions_per_block": [entry[:2] for entry in native],
        "audio_instructions_per_block": parts[0] + parts[-1],
        "interpreter_instructions_per_block": total - sum(parts),
    }
