"""Octaves above and below one note, as analog pedals make them."""

from pedal.effects.effect import Effect, parameters


@parameters
class Octave(Effect):
    """The note, one an octave below and one above: a synthesiser's growl below, a fuzz's ring above.

    Down: a band-pass follows the note's fundamental, and a flip-flop that each of its periods turns over changes
    its sign where it rises through zero, so that it repeats every second period; tone_hz rounds what comes out.
    Up: a full-wave rectifier, whose |sin| sounds at twice the pitch. Both are how analog octave pedals do it.
    One note at a time, of 60..1000 Hz: chords, and notes whose fundamental is 15 dB weaker than the partial above
    it, make it jump. dry, up and down are gains. About 62 instructions a sample on a Cortex-M7.
    """

    KERNEL = "octave"
    PARAMS = (
        ("dry", 0.8, 0.0, 2.0),
        ("up", 0.0, 0.0, 2.0),
        ("down", 0.8, 0.0, 2.0),
        ("tone_hz", 700.0, 100.0, 5000.0, "exp"),
    )
