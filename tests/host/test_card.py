"""The memory card's image: what is put on comes off, and what does not fit is said."""

import random

import pytest
from upedal import card
from upedal.errors import UpedalError

FILES = {
    "empty": b"",
    "small.txt": b"x" * 100,
    "lib/pedal/rig.mpy": random.Random(1).randbytes(5000),
    "big.bin": random.Random(2).randbytes(700_001),
}


def test_files_come_back_as_they_went_on():
    assert card.read(card.build(FILES)) == FILES


def test_an_image_has_exactly_the_size_asked_for():
    assert len(card.build(FILES, 1 << 20)) == 1 << 20
    assert len(card.build({})) == card.SIZE


def test_leading_slashes_do_not_matter():
    assert card.read(card.build({"/a/b": b"1"}, 1 << 16)) == {"a/b": b"1"}


def test_files_that_do_not_fit_are_named_with_their_size():
    with pytest.raises(UpedalError, match=r"/big.bin \(700001 bytes\).*65536"):
        card.build(FILES, 1 << 16)


@pytest.mark.parametrize("size", [0, 4096, 1000, (1 << 20) + 1])
def test_a_size_that_is_no_card_is_refused(size):
    with pytest.raises(UpedalError, match=f"{size} bytes; expected a multiple of 4096"):
        card.build({}, size)


def test_what_is_no_card_is_refused():
    with pytest.raises(UpedalError, match="no readable LittleFS"):
        card.read(random.Random(3).randbytes(1 << 16))
