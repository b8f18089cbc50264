"""Bass, middle and treble, as on an amplifier's front."""

from pedal.effects.effect import Effect, parameters


@parameters
class Tone(Effect):
    """A low shelf at 160 Hz, a peak at mid_hz with a Q of 0.7, and a high shelf at 2800 Hz, in series.

    All at 0 dB change nothing, not a bit. State variable filters (Simper 2013) with the responses of the audio
    equaliser cookbook. 37 instructions a sample on a Cortex-M7.
    """

    KERNEL = "tone"
    PARAMS = (
        ("bass_db", 0.0, -15.0, 15.0),
        ("mid_db", 0.0, -15.0, 15.0),
        ("treble_db", 0.0, -15.0, 15.0),
        ("mid_hz", 650.0, 200.0, 4000.0, "exp"),
    )
