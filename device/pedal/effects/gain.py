"""Level: y = g x, g = 10^(db / 20). A new level glides in over one block."""

from array import array
from struct import pack_into

import pedal_fx

from pedal.units import gain_bits


class Gain:
    atomic = True

    def __init__(self, *, db=0.0):
        """db: -150..150, in steps of 0.001; -inf is silence."""
        self._par = array("f", [0.0, 0.0])  # target, current
        self.db = db
        self.reset()

    @property
    def db(self):
        return self._db

    @db.setter
    def db(self, db):
        pack_into("I", self._par, 0, gain_bits(db))
        self._db = db

    def process(self, buf):
        pedal_fx.gain(buf, self._par)

    def native(self, buf):
        return pedal_fx.gain, buf, self._par

    def reset(self):
        """Be at the level asked for, without gliding there."""
        self._par[1] = self._par[0]
