"""Instructions of one engine step, and whose they are. Only where the firmware has `bench`."""

from array import array

import bench
import pedal_fx

from pedal.engine import Engine

_WARM = 2  # blocks before counting
_BLOCKS = 16  # blocks counted; figures are their mean where they do not say "worst"


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


def _count(calls, blocks):
    """(mean, most) instructions of each call, made one after the other as in a step."""
    measure, insns = bench.measure, bench.insns
    null = insns(measure(bench.null))
    sums, most = [0] * len(calls), [0] * len(calls)
    for turn in range(_WARM + blocks):
        for at, call in enumerate(calls):
            spent = insns(measure(*call)) - null
            if turn >= _WARM:
                sums[at] += spent
                most[at] = max(most[at], spent)
    return [(total / blocks, top) for total, top in zip(sums, most)]


def _native(link):
    return link is None or hasattr(link.effect, "native") or hasattr(link.effect, "natives")


def measure(rig, *, block=None, blocks=_BLOCKS):
    """Instructions per block and per sample, of so many blocks.

    What joins branches counts as "join", an effect without native() as the interpreter's. Leaves the rig reset.
    """
    block = block or rig.block
    loop = _Loop(block)
    engine = Engine(rig, loop, loop, block=block)
    engine._limit_us = 0x3FFFFFFF  # by an emulator's clock every block is late
    engine.reset()
    total, worst = _count([(engine.step,)], blocks)[0]
    engine.reset()
    links = engine._links
    calls = [(call, links.owner(call)) for call in links.calls()]
    calls = [(call, link) for call, link in calls if _native(link)]
    read, write = loop.native(engine._buf)
    counts = _count([read] + [call for call, _ in calls] + [write], blocks)
    parts = [mean for mean, _ in counts]
    tops = [most for _, most in counts[1:-1]]
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
        "worst_instructions_per_block": worst,
        "native_instructions_per_block": [entry[:2] for entry in native],
        "worst_native_instructions_per_block": sum(tops),
        "audio_instructions_per_block": parts[0] + parts[-1],
        "interpreter_instructions_per_block": total - sum(parts),
    }
