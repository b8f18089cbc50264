"""The .upm file: round trips, refusals, and what SPEC.md says byte by byte."""

import os
import struct
import zlib

import numpy as np
import pytest
from upedal import cost, upm
from upedal.errors import UpedalError

from tests.vectors import make

FULL = make.gru(1, 8, grade="fast", knobs=2)
FULL.meta = {"name": "Émile's amp", "author": "A = B", "licence": "MIT"}
FULL.latency, FULL.polarity, FULL.loudness_db = 1.5, -1, -18.25
FULL.input_dbu, FULL.prewarm = 12.5, 1234


def sealed(blob):
    """The blob with its checksum put right."""
    crc = zlib.crc32(bytes(blob[:12]) + bytes(blob[16:]))
    return bytes(blob[:12]) + struct.pack("<I", crc) + bytes(blob[16:])


@pytest.mark.parametrize("name", make.MODELS)
def test_reading_and_writing_again_gives_the_same_bytes(name):
    blob = upm.dumps(make.MODELS[name])
    assert upm.dumps(upm.loads(blob)) == blob


def test_everything_beside_the_layers_survives():
    back = upm.loads(upm.dumps(FULL))
    for key in ("meta", "latency", "polarity", "loudness_db", "input_dbu", "output_dbu", "prewarm", "knobs"):
        assert getattr(back, key) == getattr(FULL, key), key


def test_the_committed_files_are_still_read():
    for path in (make.HERE).glob("*.upm"):
        assert upm.loads(path.read_bytes()).rate_hz in (44100, 48000), path


def test_a_gru_16_takes_less_than_5_kb():
    assert len(upm.dumps(make.gru(1, 16, grade="fast"))) <= 5000


def test_weights_start_at_16_and_the_checksum_is_of_all_but_itself():
    blob = upm.dumps(FULL)
    count, table = struct.unpack_from("<HI", blob, 34)
    for i in range(count):
        tag, flags, offset, size = struct.unpack_from("<4sIII", blob, table + 16 * i)
        assert offset % 16 == 0 and offset + size <= len(blob), tag
    assert struct.unpack_from("<I", blob, 12)[0] == zlib.crc32(blob[:12] + blob[16:])


@pytest.mark.parametrize(
    ("at", "value", "word"),
    [
        (4, b"\x02", "version"),
        (0, b"RIFF", "magic"),
        (8, b"\x00\x00\x00\x7f", "shorter"),
        (16, struct.pack("<I", 5), "header"),
        (28, b"\x03", "arithmetic"),
        (28, b"\x09", "arithmetic"),
        (29, b"\x07", "header"),
        (41, b"\x01", "reserved"),
        (72, struct.pack("<I", 8), "section"),
    ],
)
def test_a_wrong_field_is_refused_by_name(at, value, word):
    blob = bytearray(upm.dumps(FULL))
    blob[at : at + len(value)] = value
    with pytest.raises(UpedalError, match=word):
        upm.loads(sealed(blob), "x.upm")


def _with_section(tag, required):
    """A file whose META section is renamed."""
    blob = bytearray(upm.dumps(FULL))
    at = blob.index(b"META")
    blob[at : at + 4] = tag
    blob[at + 4] = required
    return sealed(blob)


def test_unknown_optional_sections_are_skipped_and_required_ones_refused():
    assert upm.loads(_with_section(b"NEWS", 0)).meta == {}
    with pytest.raises(UpedalError, match="required"):
        upm.loads(_with_section(b"NEWS", 1))


def test_weights_that_are_not_finite_are_refused():
    model = make.gru(1, 4, grade="accurate")
    model.layers[0].w_hh[0, 0] = np.nan
    with pytest.raises(UpedalError, match="finite"):
        upm.dumps(model)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.upm"
    upm.save(make.MODELS["gru4"], path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "disk full")

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(UpedalError, match="disk full"):
        upm.save(make.MODELS["gru10"], path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["x.upm"]


def test_receptive_field_is_counted_through_every_path():
    model = make.tcn(1, 4, "relu", grade="fast", dilations=(1, 8))
    model.layers.pop()  # de-emphasis is recursive: unbounded
    assert upm.receptive_field(model) == 1 + 1 + 2 + 2 + 16
    assert upm.receptive_field(make.MODELS["gru4"]) is None


def test_layers_cost_adds_up():
    total, each = cost.instructions(make.MODELS["tcn_relu"])
    assert total > sum(each) and len(each) == len(make.MODELS["tcn_relu"].layers)
