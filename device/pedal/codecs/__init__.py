"""Audio converters: their registers, or the levels of their pins, and their levels in dBu.

Not tried on hardware. make("wm8731", i2c=I2C(0)) gives a codec; start(48000) sets it up once its clocks run.
All are slaves on the I2S bus, with 64 bit clocks a frame.
"""

MODULES = {  # driver -> module, class
    "pcm1808_pcm5102": ("pins", "Pcm1808Pcm5102"),
    "pcm1861_pcm5102": ("pins", "Pcm1861Pcm5102"),
    "ak4556": ("pins", "Ak4556"),
    "wm8731": ("wm8731", "Wm8731"),
    "sgtl5000": ("sgtl5000", "Sgtl5000"),
    "pcm3060": ("pcm3060", "Pcm3060"),
    "es8388": ("es8388", "Es8388"),
}


def make(driver, **keys):
    """The codec of that name; keys are its class's: i2c and address, or pins."""
    if driver not in MODULES:
        text = "codec {!r}; expected one of {}"
        raise ValueError(text.format(driver, ", ".join(sorted(MODULES))))
    module, name = MODULES[driver]
    found = __import__("pedal.codecs." + module, None, None, [name])
    return getattr(found, name)(**keys)
