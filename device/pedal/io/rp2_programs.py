# ruff: noqa: F821 - the names of PIO instructions are given by asm_pio
"""The PIO programs of io/rp2_duplex. A state machine's cycle is a quarter of a bit.

Not tried on hardware; tested bit by bit in an emulator of the PIO.
"""

import rp2

CYCLES_PER_BIT = 4
MCLK_CYCLES = 2  # of the state machine that makes the master clock, per period of it


@rp2.asm_pio(
    sideset_init=(rp2.PIO.OUT_LOW, rp2.PIO.OUT_LOW),  # BCLK, and LRCK on the pin after it
    out_init=rp2.PIO.OUT_LOW,
    in_shiftdir=rp2.PIO.SHIFT_LEFT,
    out_shiftdir=rp2.PIO.SHIFT_LEFT,
    autopush=True,
    autopull=True,
)
def duplex():
    """I2S both ways: left then right, 32 bits each, most significant first. Data changes when BCLK falls
    and is read when it rises; LRCK changes a bit early, so each channel's last bit is a loop's rest."""
    set(x, 30).side(0b00)
    wrap_target()
    label("left")
    out(pins, 1).side(0b00)[1]
    in_(pins, 1).side(0b01)
    jmp(x_dec, "left").side(0b01)
    out(pins, 1).side(0b10)[1]
    in_(pins, 1).side(0b11)
    set(x, 30).side(0b11)
    label("right")
    out(pins, 1).side(0b10)[1]
    in_(pins, 1).side(0b11)
    jmp(x_dec, "right").side(0b11)
    out(pins, 1).side(0b00)[1]
    in_(pins, 1).side(0b01)
    set(x, 30).side(0b01)
    wrap()


@rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
def mclk():
    wrap_target()
    set(pins, 1)
    set(pins, 0)
    wrap()
