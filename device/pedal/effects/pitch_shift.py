"""Another pitch at the same speed."""

from pedal.effects.effect import Effect, parameters


@parameters
class PitchShift(Effect):
    """The signal semitones + cents / 100 higher or lower; mix below 1 leaves some of the original beside it.

    A head reads a delay line faster or slower than it is written. Before it runs out of a stretch of window_ms it
    jumps by half to all of that, to where the line looks most like what it leaves (so by whole periods of a
    note), and fades over in overlap_ms: SOLA, after Roucos and Wilgus (1985). A longer window suits chords and
    low notes: half of it has to hold a period. Latency between 1 ms and window_ms + 1 ms, on the way from one
    jump to the next, and overlap_ms |r - 1| more for a ratio of frequencies r. On a Cortex-M7 65 instructions a
    sample, and up to 28 more for the searches at +12; the busiest block takes 150. 21 kB at 48 kHz.
    """

    KERNEL = "pitchshift"
    PARAMS = (
        ("semitones", 7.0, -12.0, 12.0),
        ("cents", 0.0, -100.0, 100.0),
        ("mix", 0.5, 0.0, 1.0),
        ("window_ms", 28.0, 10.0, 40.0),
        ("overlap_ms", 6.0, 1.0, 15.0),
    )

    def extra_words(self, rate_hz):
        line = 1024
        while line < 0.08 * rate_hz and line < 16384:
            line *= 2
        return line + line // 4 + 76  # UP_SHIFT_EXTRA(line)
