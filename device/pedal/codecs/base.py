"""What codecs share: checks, levels, and writing registers with errors that name the part."""

import math
import time


def dbu(volts_rms):
    """Level of a voltage: 20 log10(V / 0.7746 V)."""
    return 20 * math.log10(volts_rms / 0.6**0.5)


def sleep_ms(ms):
    if hasattr(time, "sleep_ms"):
        time.sleep_ms(ms)
    else:
        time.sleep(ms / 1000)


class Codec:
    """rates: those it can do; mclk: periods of the master clock a frame, None if it needs none.

    full_scale_in_dbu, full_scale_out_dbu: the sine at 0 dBFS, at the gains that start() sets;
    where a docstring says nominal, typical parts and boards differ by a dB or two.
    """

    name = "codec"
    rates = (32000, 44100, 48000)
    mclk = 256
    instrument_db = 0  # gain before the converter that start(instrument=True) sets
    line_in_dbu = line_out_dbu = None
    _in_db = _out_db = 0  # gains now

    @property
    def full_scale_in_dbu(self):
        return self.line_in_dbu - self._in_db

    @property
    def full_scale_out_dbu(self):
        return self.line_out_dbu + self._out_db

    def check(self, rate_hz, bits):
        if rate_hz not in self.rates:
            text = "{}: {} Hz; expected one of {}"
            raise ValueError(text.format(self.name, rate_hz, ", ".join(map(str, self.rates))))
        if bits not in (16, 24, 32):
            raise ValueError(f"{self.name}: {bits} bits; expected 16, 24 or 32")

    def steps(self, db, lowest, highest, step_db):
        """How many whole steps db is above lowest."""
        if not lowest <= db <= highest:
            text = "{}: {} dB; expected {} to {}"
            raise ValueError(text.format(self.name, db, lowest, highest))
        return int((db - lowest) / step_db + 0.5)


class I2cCodec(Codec):
    addresses = ()

    def __init__(self, i2c, address=None, sleep=sleep_ms):
        """i2c: a machine.I2C; address: of 7 bits, instead of the usual one."""
        address = self.addresses[0] if address is None else address
        if address not in self.addresses:
            text = "{}: address {}; expected {}"
            able = " or ".join(map(hex, self.addresses))
            raise ValueError(text.format(self.name, hex(address), able))
        self._i2c, self.address, self._sleep = i2c, address, sleep

    def encode(self, register, value):
        """The bytes that write a register."""
        return bytes((register, value))

    def write(self, register, value):
        data = self.encode(register, value)
        try:
            acks = self._i2c.writeto(self.address, data)
        except OSError as error:
            self._refuse(register, error)
        if acks is not None and acks < len(data):
            self._refuse(register, f"{acks} of {len(data)} bytes acknowledged")

    def _refuse(self, register, why):
        text = "{} at I2C address {}: register {} not written ({}); expected an answer: check "
        text += "wiring, supply, address and whether the master clock runs"
        raise OSError(text.format(self.name, hex(self.address), hex(register), why))

    def write_all(self, pairs):
        for register, value in pairs:
            self.write(register, value)
