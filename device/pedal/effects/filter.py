"""One resonant filter."""

from pedal.effects.effect import Effect, parameters


@parameters
class Filter(Effect):
    """Low-pass, high-pass, band-pass (0 dB at its peak) or notch of 12 dB an octave.

    q 0.71 is flattest, above it resonates: a low-pass has 20 log10(q) dB at its frequency. Another mode fades
    in. A state variable filter (Simper 2013), which may be swept as fast as one likes. 20 instructions a
    sample on a Cortex-M7.
    """

    KERNEL = "filter"
    PARAMS = (
        ("mode", "lowpass", ("lowpass", "highpass", "bandpass", "notch")),
        ("frequency_hz", 1000.0, 20.0, 20000.0, "exp"),
        ("q", 0.7071, 0.3, 20.0, "exp"),
        ("mix", 1.0, 0.0, 1.0),
    )
