"""From the `audio` keys of a profile to an open input and output on the device."""

import types

import pytest
from pedal import codecs
from pedal.io.live import open_audio
from upedal import board, paths
from upedal.errors import UpedalError

GOOD = (paths.BOARDS / "teensy41.yaml").read_text()
CONTROL = "  control: {id: 0, scl: D19, sda: D18}\n"


def profile(tmp_path, *changes):
    """The Board of teensy41 with texts replaced."""
    text = GOOD
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return board.load(path)


def device(loaded):
    """The module pedal.board that upedal writes for a Board."""
    module = types.SimpleNamespace()
    names = {}
    exec(board.device_module(loaded), names)
    vars(module).update(names)
    return module


class Machine:
    """Notes what is asked of machine.Pin and machine.I2C."""

    def __init__(self):
        log = self.log = []

        class Pin:
            OUT = 3

            def __init__(self, name, mode=None):
                self.name, self.mode = name, mode

            def __call__(self, level):
                log.append((self.name, level))

        class I2C:
            def __init__(self, number, scl, sda):
                log.append(("i2c", number, scl.name, sda.name))

            def writeto(self, address, data):
                log.append((address, bytes(data)))
                return len(data)

        self.Pin, self.I2C = Pin, I2C


def made(rate_hz, **keys):
    return types.SimpleNamespace(rate_hz=rate_hz, keys=keys)


def test_codecs_of_profiles_are_those_of_the_device():
    assert sorted(board.CODECS) == sorted(codecs.MODULES)


@pytest.mark.parametrize("name", ["teensy41", "pybd_sf6", "pico2", "esp32s3"])
def test_shipped_boards_open(name):
    module = device(board.load(name))
    audio, codec = open_audio(module, machine=Machine(), make=made)
    assert audio.rate_hz == module.RATE_HZ
    if name == "pico2":
        assert audio.keys["bclk"] == 10 and audio.keys["mclk"] == 14
    else:
        assert audio.keys["rx"]["id"] != audio.keys["tx"]["id"]
        assert audio.keys["bits"] == 24
        assert all(None not in wire.values() for wire in (audio.keys["rx"], audio.keys["tx"]))
    assert codec.name == module.CODEC
    audio.keys["on_clocks"]()
    # The profile's level is the codec's: these boards have no amplifiers of their own.
    assert codec.full_scale_in_dbu == pytest.approx(module.FULL_SCALE_IN_DBU, abs=0.1)
    assert codec.full_scale_out_dbu == pytest.approx(module.FULL_SCALE_OUT_DBU, abs=0.1)


@pytest.mark.parametrize("name", ["pybd_sf6", "esp32s3"])
def test_a_port_without_master_clock_has_a_codec_that_needs_none(name):
    audio = board.load(name).audio
    assert codecs.make(audio.driver).mclk is None and audio.rx["mck"] is None


@pytest.mark.parametrize("name", ["teensy41", "pico2"])
def test_a_codec_that_needs_a_master_clock_gets_one(name):
    audio = board.load(name).audio
    assert codecs.make(audio.driver).mclk == 256
    assert (audio.rx or {}).get("mck") or audio.pio["mclk"]


def test_a_codec_on_a_bus_starts_when_the_clocks_run(tmp_path):
    loaded = profile(
        tmp_path, ("pcm1808_pcm5102", "wm8731"), ("  bits: 24\n", "  bits: 24\n" + CONTROL)
    )
    machine = Machine()
    audio, codec = open_audio(device(loaded), machine=machine, make=made, instrument=True)
    assert machine.log == [("i2c", 0, "D19", "D18")]
    codec._sleep = lambda ms: None
    audio.keys["on_clocks"]()
    assert machine.log[1] == (0x1A, b"\x1e\x00")
    assert codec.full_scale_in_dbu == pytest.approx(2.22 - 6, abs=0.01)


def test_a_mute_pin_is_low_until_the_clocks_run(tmp_path):
    loaded = profile(tmp_path, ("  bits: 24\n", "  bits: 24\n  mute: D6\n"))
    machine = Machine()
    audio, _ = open_audio(device(loaded), machine=machine, make=made)
    assert machine.log == [("D6", 0)]
    audio.keys["on_clocks"]()
    assert machine.log == [("D6", 0), ("D6", 1)]


def test_boards_without_live_audio_say_so():
    for name, words in (("desktop", "wav"), ("daisy_seed", "c-library")):
        with pytest.raises(ValueError, match=f"{name}: audio by '{words}'; expected i2s or pio"):
            open_audio(device(board.load(name)), machine=Machine(), make=made)


def test_a_profile_of_three_keys_is_valid_but_has_no_pins(tmp_path):
    start = GOOD.index("audio:\n")
    end = GOOD.index("controls:")
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD[:start] + "audio: {kind: i2s, codec: null, channels: 2}\n" + GOOD[end:])
    module = device(board.load(path))
    with pytest.raises(ValueError, match="mine: no pins for audio by 'i2s'; expected them"):
        open_audio(module, machine=Machine(), make=made)


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("driver: pcm1808_pcm5102", "driver: pcm1808", ("audio.driver", "'pcm1808'", "wm8731")),
        ("bits: 24", "bits: 20", ("audio.bits", "20", "16, 24 or 32")),
        ("bits: 24", "bits: true", ("audio.bits", "True", "16, 24 or 32")),
        ("sck: D21", "sck: 64", ("audio.rx.sck", "64", "number 0 to 63")),
        ("sck: D21", "clk: D21", ("audio.rx.clk", "unknown key", "sck")),
        ("sck: D21, ", "", ("audio.rx", "no sck")),
        ("{id: 2, sck", "{id: 1, sck", ("audio.tx.id", "1", "another id")),
        ("  tx: {id: 2, sck: D4, ws: D3, sd: D2}\n", "", ("rx", "rx and tx for kind i2s")),
        ("kind: i2s", "kind: pio", ("audio.rx", "rx and tx", "pio for kind pio")),
        ("kind: i2s", "kind: wav", ("audio.rx", "none for kind wav")),
        ("full_scale_in_dbu: 2.7", "full_scale_in_dbu: 60", ("full_scale_in_dbu", "-40")),
        ("  driver: pcm1808_pcm5102\n", CONTROL, ("audio.control", "null without a driver")),
    ],
)
def test_wrong_keys_are_refused(tmp_path, old, new, words):
    with pytest.raises(UpedalError) as error:
        profile(tmp_path, (old, new))
    for word in words:
        assert word in str(error.value), (word, str(error.value))
