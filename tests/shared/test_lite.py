# One file with two models: the smaller one is played from where it lies, on any target. Plain asserts: see run.py.
from array import array
from struct import pack, unpack_from

from pedal import Neural, store

FULL, LITE = "gru16.upm", "gru10.upm"


def _crc32(*parts):
    """IEEE 802.3, reflected, four bits at a time: not every target has binascii.crc32."""
    table = []
    for value in range(16):
        for _ in range(4):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
        table.append(value)
    crc = 0xFFFFFFFF
    for part in parts:
        for byte in part:
            crc ^= byte
            crc = (crc >> 4) ^ table[crc & 15]
            crc = (crc >> 4) ^ table[crc & 15]
    return crc ^ 0xFFFFFFFF


def _read(name):
    with open(name, "rb") as file:
        return file.read()


def _both(outer, inner):
    """The file `outer` with `inner` as its section LITE, last; models/SPEC.md."""
    count, table = unpack_from("<H", outer, 34)[0], unpack_from("<I", outer, 36)[0]
    entries = b""
    for at in range(count):
        tag, flags, offset, size = unpack_from("<4sIII", outer, table + 16 * at)
        entries += pack("<4sIII", tag, flags, offset + 16, size)
    body = outer[table + 16 * count :]
    place = 64 + 16 * (count + 1) + len(body)
    entries += pack("<4sIII", b"LITE", 0, place, len(inner))
    size = place + len(inner)
    first = outer[:8] + pack("<I", size)
    rest = outer[16:34] + pack("<H", count + 1) + outer[36:64] + entries + body + inner
    return first + pack("<I", _crc32(first, rest)) + rest


def _written(name, blob):
    with open(name, "wb") as file:
        file.write(blob)
    return name


def _play(effect):
    effect.attach(48000)
    effect.reset()
    buf = array("f", [((at * 37) % 101 - 50) / 128 for at in range(64)])
    effect.process(buf)
    return bytes(buf)


def _why(make):
    try:
        make()
    except ValueError as error:
        return str(error)
    return None


def test_either_model_of_one_file_plays_as_it_does_alone():
    full, lite = _play(Neural(FULL)), _play(Neural(LITE))
    assert full != lite
    path = _written("two_sizes.upm", _both(_read(FULL), _read(LITE)))
    assert _play(Neural(path)) == full
    assert _play(Neural(path, size="lite")) == lite
    effect = Neural(path, fallback="lite")
    assert store.addressof(effect._second.blob) % 16 == 0
    assert _play(effect) == full
    assert effect.lighter(True) and _play(effect) == lite
    assert effect.lighter(False) and _play(effect) == full


def test_a_smaller_model_that_is_spoilt_or_missing_is_refused():
    outer, inner = _read(FULL), _read(LITE)
    spoilt = bytearray(inner)
    spoilt[len(inner) // 2] ^= 1
    cut = inner[:-16]
    for blob in (bytes(spoilt), cut, b"RIFF" + inner[4:], _both(inner, inner)):
        path = _written("two_sizes.upm", _both(outer, blob))
        why = _why(lambda path=path: Neural(path, size="lite"))
        assert why and "section LITE" in why, why
        assert _why(lambda path=path: Neural(path, fallback="lite")) == why
        Neural(path)  # the large one is sound
    assert "no smaller model" in _why(lambda: Neural(FULL, size="lite"))
