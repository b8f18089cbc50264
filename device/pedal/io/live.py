"""The board's own audio input and output, from the constants of its board module.

Not tried on hardware.
"""


def open_audio(
    board,
    *,
    block=None,
    reserve=None,
    irq=False,
    instrument=False,
    channel=0,
    machine=None,
    make=None,
):
    """-> (source and sink, codec or None); Engine(rig, audio, audio) plays through the first.

    board: the module pedal.board; reserve: blocks of `block` frames that the output holds ahead,
    where audio is by I2S (by PIO it is always one); irq: as I2SPair has it; instrument: gain before the ADC for a
    guitar, where the codec has one; channel: the input's. machine, make: instead of the module
    machine, and of I2SPair or Duplex. The codec starts when the Engine starts the clocks.
    """
    if board.AUDIO not in ("i2s", "pio"):
        text = "{}: audio by {!r}; expected i2s or pio"
        raise ValueError(text.format(board.NAME, board.AUDIO))
    wires = board.AUDIO_PIO if board.AUDIO == "pio" else board.AUDIO_RX
    if not wires:
        text = "{}: no pins for audio by {!r}; expected them in its profile"
        raise ValueError(text.format(board.NAME, board.AUDIO))
    if machine is None:
        import machine
    codec = open_codec(board, machine)
    keys = {"channel": channel}
    if codec:
        keys["on_clocks"] = lambda: codec.start(
            board.RATE_HZ, bits=board.AUDIO_BITS or 24, instrument=instrument
        )
    if board.AUDIO == "pio":
        if make is None:
            from pedal.io.rp2_duplex import Duplex as make
        keys.update(board.AUDIO_PIO)
    else:
        if make is None:
            from pedal.io.i2s_pair import I2SPair as make
        keys.update(rx=board.AUDIO_RX, tx=board.AUDIO_TX, bits=board.AUDIO_BITS or 24, irq=irq)
        if reserve:
            keys.update(ahead=reserve * block, ring=reserve + 1)
    return make(board.RATE_HZ, **keys), codec


def open_codec(board, machine):
    """The codec of the board, not started, or None."""
    if not board.AUDIO_DRIVER:
        return None
    from pedal.codecs import make

    bus = board.AUDIO_CONTROL
    if bus:
        i2c = machine.I2C(bus["id"], scl=machine.Pin(bus["scl"]), sda=machine.Pin(bus["sda"]))
        return make(board.AUDIO_DRIVER, i2c=i2c, address=bus.get("address"))
    if board.AUDIO_MUTE is None:
        return make(board.AUDIO_DRIVER)
    pin = machine.Pin(board.AUDIO_MUTE, machine.Pin.OUT)
    pin(0)
    return make(board.AUDIO_DRIVER, pin=pin)
