"""Codecs' registers against tables typed from their data sheets, over an I2C bus that checks what it hears."""

import subprocess

import pytest
from pedal import codecs
from upedal import paths


class Bus:
    """One part on an I2C bus: knows its address, its registers and how wide they are."""

    def __init__(self, address, registers, value_bits=8, register_bits=8, deaf=()):
        """deaf: registers whose second byte it does not acknowledge."""
        self.address, self.registers, self.deaf = address, set(registers), deaf
        self.value_bits, self.register_bits = value_bits, register_bits
        self.written, self.values = [], {}

    def writeto(self, address, data):
        if address != self.address:
            raise OSError(19)  # ENODEV, as machine.I2C on a NACK
        bits = self.value_bits + self.register_bits
        assert len(data) * 8 == bits, f"{len(data)} bytes; a write has {bits} bits"
        word = int.from_bytes(data, "big")
        register, value = word >> self.value_bits, word & (1 << self.value_bits) - 1
        if register in self.deaf:
            return 1
        assert register in self.registers, f"there is no register {register:#x}"
        self.written.append((register, value))
        self.values[register] = value
        return len(data)


WM8731 = {"address": 0x1A, "registers": [*range(10), 15], "value_bits": 9, "register_bits": 7}
SGTL5000 = {
    "address": 0x0A,
    "registers": [0x02, 0x04, 0x06, 0x0A, 0x0E, 0x10, 0x14, *range(0x20, 0x36, 2), 0x3A, 0x3C],
    "value_bits": 16,
    "register_bits": 16,
}
PCM3060 = {"address": 0x46, "registers": range(64, 74)}
ES8388 = {"address": 0x10, "registers": range(0x35)}
PARTS = {"wm8731": WM8731, "sgtl5000": SGTL5000, "pcm3060": PCM3060, "es8388": ES8388}


def started(driver, rate=48000, **keys):
    """The codec after start(), its bus, and the waits."""
    waits = []
    bus = Bus(**PARTS[driver])
    codec = codecs.make(driver, i2c=bus, sleep=waits.append)
    codec.start(rate, **keys)
    return codec, bus, waits


def test_wm8731_start():
    codec, bus, waits = started("wm8731", 48000, bits=24)
    assert bus.written == [
        (15, 0),  # reset
        (6, 0b0_0111_0010),  # down: clock output, oscillator, outputs, microphone
        (0, 0b1_0001_0111),  # both channels, not muted, 0 dB
        (4, 0b0_0001_0010),  # DAC selected, no bypass, line in, microphone muted
        (5, 0b0_0000_1000),  # DAC muted, ADC high-pass on, no de-emphasis
        (7, 0b0_0000_1010),  # slave, 24 bits, I2S
        (8, 0b0_0000_0000),  # 48 kHz, 256 fs, normal mode
        (2, 0b1_0111_1001),  # both headphones 0 dB
        (9, 1),  # active
        (6, 0b0_0110_0010),  # outputs up
        (5, 0),  # unmuted last
    ]
    assert sum(waits) >= 50


@pytest.mark.parametrize("bits, code", [(16, 0b00), (24, 0b10), (32, 0b11)])
def test_wm8731_widths_rates_and_gains(bits, code):
    _, bus, _ = started("wm8731", 44100, bits=bits, instrument=True)
    assert bus.values[7] == code << 2 | 0b10
    assert bus.values[8] == 0b1000 << 2
    assert bus.values[0] == 0x100 | 0x17 + 4  # 6 dB in steps of 1.5 above 0 dB


def test_wm8731_headphones_mute_and_power_down():
    codec, bus, _ = started("wm8731")
    for db, value in ((6, 0x7F), (0, 0x79), (-73, 0x30)):
        codec.volume(db)
        assert bus.values[2] == 0x100 | value
    codec.mute()
    assert bus.values[5] & 0b1000
    codec.mute(False)
    assert not bus.values[5] & 0b1000
    codec.close()
    assert bus.values[5] & 0b1000 and bus.values[9] == 0 and bus.values[6] == 0xFF


def test_sgtl5000_start():
    codec, bus, waits = started("sgtl5000", 48000, bits=24)
    expected = [
        (0x30, 0x4060),  # stereo, reference; regulators for starting off
        (0x26, 0x0060),  # charge pump from VDDIO, by hand
        (0x28, 0x1F << 4 | 1),  # 0.8 V + 31 * 25 mV = 1.575 V, slow
        (0x2C, 0x3 << 8 | 34),  # 0.36 mA; 0.8 V + 34 * 25 mV = 1.65 V
        (0x3C, 0x1106),
        (0x24, 0x0137),  # line in; line out, headphones and ADC muted; zero crossings
        (0x30, 0x40FF),  # ground, headphones, DAC, ADC, line out
        (0x02, 0x0063),  # ADC, DAC, I2S both ways
        (0x2E, 0x0F0F),
        (0x04, 0b1000),  # 48 kHz, MCLK 256 fs
        (0x06, 0x0010),  # slave, 64 fs, 24 bits, I2S
        (0x0A, 0x0010),  # ADC to I2S out, I2S in to DAC
        (0x20, 0x0000),  # 0 dB
        (0x22, 0x1818),  # 12 dB - 24 * 0.5 dB = 0 dB
        (0x10, 0x3C3C),  # 0 dB
        (0x0E, 0x0000),  # DAC unmuted, high-pass on
        (0x24, 0x0026),  # nothing muted
    ]
    assert bus.written == expected
    assert 400 in waits


@pytest.mark.parametrize(
    "rate, bits, clock, i2s",
    [(44100, 16, 0b0100, 0x30), (96000, 32, 0b1100, 0x00), (32000, 24, 0, 0x10)],
)
def test_sgtl5000_rates_widths_and_gains(rate, bits, clock, i2s):
    codec, bus, _ = started("sgtl5000", rate, bits=bits, instrument=True, headphones=False)
    assert bus.values[0x04] == clock and bus.values[0x06] == i2s
    assert bus.values[0x20] == 0x44  # 4 * 1.5 dB on both channels
    assert bus.values[0x24] == 0x0036  # headphones stay muted
    codec.volume(-90)
    assert bus.values[0x10] == 0xF0F0
    codec.mute()
    assert bus.values[0x24] & 0x0110 == 0x0110
    codec.close()
    assert bus.values[0x24] & 0x0111 == 0x0111
    assert bus.values[0x02] == 0 and bus.values[0x30] == 0x4060


def test_pcm3060():
    codec, bus, _ = started("pcm3060", 48000)
    assert bus.written == [
        (64, 0b1111_0001),  # no resets, ADC and DAC in power-save, single-ended
        (68, 0b0000_0011),  # both outputs muted
        (67, 0b0000_0000),  # own clocks, slave, I2S
        (72, 0b0000_0000),
        (70, 215),  # 0 dB
        (71, 215),
        (65, 255),  # 0 dB
        (66, 255),
        (64, 0b1100_0001),
        (68, 0),
    ]
    codec.volume(-10.5)
    assert bus.values[65] == bus.values[66] == 255 - 21
    codec.close()
    assert bus.values[68] == 3 and bus.values[64] & 0b0011_0000 == 0b0011_0000


@pytest.mark.parametrize("bits, adc, dac", [(16, 3, 3), (24, 0, 0), (32, 4, 4)])
def test_es8388(bits, adc, dac):
    codec, bus, _ = started("es8388", 48000, bits=bits, instrument=True)
    values = bus.values
    assert values[0x08] == 0  # slave
    assert values[0x0C] == adc << 2 and values[0x17] == dac << 3  # I2S, word length
    assert values[0x0D] == values[0x18] == 0b00010  # 256 fs
    assert values[0x09] == 0x22  # 2 * 3 dB on both channels
    assert values[0x0A] == 0  # LIN1 and RIN1
    assert values[0x2B] == 0x80
    assert values[0x10] == values[0x11] == values[0x1A] == values[0x1B] == 0  # 0 dB
    assert values[0x27] & 0xC0 == values[0x2A] & 0xC0 == 0x80  # DAC to its output, input not
    assert [values[register] for register in range(0x2E, 0x32)] == [30] * 4  # -45 + 30 * 1.5 dB
    assert values[0x04] == 0b0011_1100 and values[0x03] == 0b0000_1000 and values[0x02] == 0
    assert values[0x00] & 0b1_0100 == 0b1_0100 and not values[0x01] & 0b1100
    assert values[0x19] == 0
    order = [register for register, _ in bus.written]
    assert order[0] == 0x19 and bus.written[0][1] & 4, "muted first"
    assert order[-1] == 0x19, "unmuted last"
    assert max(at for at, register in enumerate(order) if register == 0x02) > order.index(0x0C)
    codec.volume(4.5)
    assert values[0x2E] == 33
    codec.close()
    assert values[0x02] == 0xFF and values[0x03] == 0xFF and values[0x04] & 0xC0 == 0xC0


@pytest.mark.parametrize("driver", PARTS)
def test_a_part_that_does_not_answer_is_named_with_its_address(driver):
    part = PARTS[driver]
    codec = codecs.make(driver, i2c=Bus(**{**part, "address": 0x55}), sleep=lambda ms: None)
    with pytest.raises(OSError) as error:
        codec.start(48000)
    for word in (codec.name, hex(part["address"]), "19", "expected an answer"):
        assert word in str(error.value)


@pytest.mark.parametrize("driver", PARTS)
def test_a_byte_that_is_not_acknowledged_is_an_error_too(driver):
    bus = Bus(**PARTS[driver], deaf=(0x06, 0x02, 0x44))
    codec = codecs.make(driver, i2c=bus, sleep=lambda ms: None)
    with pytest.raises(OSError, match="1 of .* bytes acknowledged"):
        codec.start(48000)


@pytest.mark.parametrize("driver", PARTS)
def test_the_other_address_and_no_third_one(driver):
    part = PARTS[driver]
    kind = type(codecs.make(driver, i2c=None))
    other = kind.addresses[1]
    bus = Bus(**{**part, "address": other})
    codecs.make(driver, i2c=bus, address=other, sleep=lambda ms: None).start(48000)
    assert bus.written
    with pytest.raises(ValueError, match="address 0x77; expected " + hex(part["address"])):
        codecs.make(driver, i2c=bus, address=0x77)


@pytest.mark.parametrize("driver", codecs.MODULES)
def test_wrong_rates_and_widths_are_refused_before_anything_is_written(driver):
    bus = Bus(**PARTS.get(driver, WM8731))
    keys = {"i2c": bus} if driver in PARTS else {"pin": lambda level: bus.written.append(level)}
    codec = codecs.make(driver, **keys)
    for rate, bits, words in ((22050, 24, ("22050 Hz", "48000")), (48000, 20, ("20 bits", "24"))):
        with pytest.raises(ValueError) as error:
            codec.start(rate, bits=bits)
        assert all(word in str(error.value) for word in (codec.name, *words))
    assert bus.written == []


@pytest.mark.parametrize("driver, low, high", [("wm8731", -74, 7), ("sgtl5000", -91, 1)])
def test_volumes_beyond_the_part_are_refused(driver, low, high):
    codec, _, _ = started(driver)
    for db in (low, high):
        with pytest.raises(ValueError, match=f"{db} dB; expected"):
            codec.volume(db)


# dBu of a sine at full scale, from volts: 20 log10(V / 0.77460)
@pytest.mark.parametrize(
    "driver, level_in, level_out",
    [
        ("pcm1808_pcm5102", 2.73, 8.66),  # 3 V peak to peak; 2.1 V RMS
        ("pcm1861_pcm5102", 8.66, 8.66),
        ("wm8731", 2.22, 2.22),  # 1.0 V RMS
        ("sgtl5000", 2.22, 2.22),
        ("pcm3060", 2.73, 5.23),  # 3 and 4 V peak to peak
        ("es8388", 2.22, 2.22),
        ("ak4556", 0.46, 0.46),  # 2.31 V peak to peak
    ],
)
def test_levels(driver, level_in, level_out):
    codec = codecs.make(driver, **({"i2c": None} if driver in PARTS else {}))
    assert codec.full_scale_in_dbu == pytest.approx(level_in, abs=0.01)
    assert codec.full_scale_out_dbu == pytest.approx(level_out, abs=0.01)


def test_a_gain_moves_full_scale():
    codec, _, _ = started("sgtl5000", instrument=True)
    assert codec.full_scale_in_dbu == pytest.approx(2.22 - 6, abs=0.01)
    codec.volume(-10)
    assert codec.full_scale_out_dbu == pytest.approx(2.22 - 10, abs=0.01)
    codec.start(48000)
    assert codec.full_scale_in_dbu == pytest.approx(2.22, abs=0.01)


def test_pins_mute_and_reset():
    levels = []
    dac = codecs.make("pcm1808_pcm5102", pin=levels.append)
    dac.start(48000)
    dac.mute()
    assert levels == [1, 0]
    codecs.make("pcm1808_pcm5102").start(48000)  # XSMT wired high
    levels.clear()
    ak = codecs.make("ak4556", pin=levels.append, sleep=lambda ms: levels.append(f"{ms} ms"))
    ak.start(48000)
    assert levels[0] == 0 and levels[2] == 1, levels
    ak.close()
    assert levels[-1] == 0
    with pytest.raises(ValueError, match="PDN"):
        codecs.make("ak4556").start(48000)
    with pytest.raises(ValueError, match="no volume"):
        ak.volume(-3)


def test_an_unknown_codec_lists_the_known_ones():
    with pytest.raises(ValueError) as error:
        codecs.make("wm8960")
    assert all(word in str(error.value) for word in ("'wm8960'", "wm8731", "sgtl5000"))


ON_UNIX = """
from pedal import codecs
class Bus:
    def __init__(self):
        self.sent = []
    def writeto(self, address, data):
        self.sent.append((address, bytes(data)))
        return len(data)
for driver in sorted(codecs.MODULES):
    if driver in ("wm8731", "sgtl5000", "pcm3060", "es8388"):
        bus = Bus()
        codec = codecs.make(driver, i2c=bus, sleep=lambda ms: None)
        codec.start(48000, instrument=True)
        print(driver, [(a, d.hex() if hasattr(d, "hex") else d) for a, d in bus.sent])
    else:
        codec = codecs.make(driver, pin=lambda level: None)
        codec.start(48000)
    print(driver, round(codec.full_scale_in_dbu, 2), round(codec.full_scale_out_dbu, 2))
"""


def test_micropython_writes_the_same():
    micropython = paths.BUILD / "unix" / "micropython"
    if not micropython.is_file():
        pytest.skip("no unix port; `make firmware` builds it")
    there = subprocess.run(
        [str(micropython), "-c", ON_UNIX],
        env={"MICROPYPATH": f"{paths.DEVICE}:.frozen"},
        capture_output=True,
        text=True,
    )
    import contextlib
    import io

    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(ON_UNIX, {})
    assert there.stdout == here.getvalue(), there.stderr
    assert there.stdout.count("\n") == 11
