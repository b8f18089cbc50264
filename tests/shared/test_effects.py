# Every effect on any target: the same bits everywhere, and nothing allocated. See tests/run.py.
import array
import binascii
import gc
import json
import sys

import target  # made by the runner
from pedal.io.wav import WavWriter

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython: nothing to lock

    def heap_lock():
        pass

    heap_unlock = heap_lock

# Energy of the error over that of the signal, where additions of products round twice.
WORST = 1e-8


def vectors():
    with open("effects.json") as file:
        return json.load(file)


def cabinets():
    for name, n, by in (("effects_cab.wav", 64, 8192), ("effects_long.wav", 2200, 1 << 18)):
        taps = array.array("f", [((at * 29) % 61 - 30) * (n - at) / by for at in range(n)])
        with WavWriter(name, 48000, bits=-32) as writer:
            writer.write(taps, n)


def made(row):
    __import__(row["module"])
    effect = getattr(sys.modules[row["module"]], row["class"])(**row["arguments"])
    effect.attach(48000)
    return effect


def fill(buf, frame):
    for at in range(len(buf)):
        n = frame + at
        buf[at] = (((n * 37) % 101 - 50) * 4 + abs(n % 400 - 200) - 100) / 1024


def blocks(row, buf):
    """The effect, before each block that it is to play; the block lies in buf."""
    effect, moves = made(row), row["moves"]
    turn = 0
    for frame in range(0, row["frames"], len(buf)):
        while turn < len(moves) and moves[turn][0] <= frame:
            _, name, value = moves[turn]
            if value is None:
                getattr(effect, name)()
            else:
                setattr(effect, name, value)
            turn += 1
        fill(buf, frame)
        yield effect


def bits(row, buf):
    """CRC-32 of the output, and of the state at the end."""
    crc, effect = 0, None
    for effect in blocks(row, buf):
        effect.process(buf)
        crc = binascii.crc32(buf, crc)
    return crc, binascii.crc32(effect.state)


def error(row, buf, file):
    """Energy of the error over that of the signal."""
    file.seek(row["at"])
    kept = array.array("h", bytes(2 * len(buf)))
    scale, wrong, whole = row["peak"] / 32767, 0.0, 1e-30
    for effect in blocks(row, buf):
        effect.process(buf)
        file.readinto(kept)
        for at in range(len(buf)):
            value = kept[at] * scale
            wrong += (buf[at] - value) ** 2
            whole += value * value
    return wrong / whole


def name(row):
    return "{} {}".format(row["class"], row["arguments"])


def test_effects_play_the_same_on_every_target():
    cabinets()
    found = vectors()
    buf, bad = array.array("f", bytes(4 * found["block"])), []
    with open("effects.i16", "rb") as file:
        for row in found["rows"]:
            gc.collect()
            if target.EXACT:
                crc, state = bits(row, buf)
                if crc != row["crc"]:
                    bad.append(f"{name(row)}: other bits")
                elif state != row["state"]:
                    bad.append(f"{name(row)}: the same bits, another state")
            else:
                share = error(row, buf, file)
                if not share < WORST:
                    bad.append(f"{name(row)}: error {share}")
    assert not bad, bad


def test_effects_allocate_nothing():
    cabinets()
    found = vectors()
    buf = array.array("f", bytes(4 * found["block"]))
    for row in found["rows"]:
        gc.collect()
        count = 0
        for effect in blocks(row, buf):
            heap_lock()
            try:
                effect.process(buf)
            except MemoryError:
                raise AssertionError(name(row) + " allocates in process()")  # noqa: B904 - MicroPython has no chaining
            finally:
                heap_unlock()
            count += 1
            if count == 12 and not row["moves"][-1][0] > 12 * len(buf):
                break
        assert count >= 12, count
