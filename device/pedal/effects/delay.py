"""Echoes, as from a tape or a digital line."""

from pedal.effects.effect import parameters
from pedal.effects.lines import RIGHT, Lines

_SLACK = 320 + 64 + 128  # frames: the guard, rounding, and what a head may not use


@parameters
class Delay(Lines):
    """Echoes that darken, saturate and waver.

        wet = high_pass(low_pass(line[delay]));  line = f(send x + decay wet)
        y   = min(1, 2 - 2 mix) x + min(1, 2 mix) wet

    with one pole each at tone_hz and low_cut_hz, and f a soft cubic clipper that `saturation`
    makes bend earlier: its limit is +6 dBFS at 0, -12 dBFS at 1. `decay` is what is left of an
    echo one delay later; above 1 echoes grow until f holds them. At mix = 0.5 both dry sound and
    echoes are whole.

    change: "tape" glides to a new delay, so that the pitch bends; "digital" crossfades in 21 ms.
    wow_hz, wow_percent: how fast and how far (peak change of speed) the tape wavers; flutter at
    11.3 times wow_hz with 0.3 of its change of speed comes with it. A digital delay stands still.
    division: with set_clock(), the delay is this note of the rig's clock and delay_ms rests; it is
    halved until the memory holds it. send: what goes into the line. 0 mutes the input and lets
    echoes ring: trails.

    ping_pong: echoes alternate between left, which is what buf holds, and right, the first
    len(buf) frames of `right`, a memoryview of 512 floats (None without ping_pong; made by
    attach()).

    Memory: 4 bytes a frame of max_delay_ms, twice that with ping_pong: 96 kB for 500 ms at 48 kHz.
    Cost on a Cortex-M7: 77 instructions a sample, 57 without wow, 53 digital, 126 with ping_pong.
    """

    PARAMS = (
        ("delay_ms", 350.0, 2.0, 10000.0, "exp"),
        ("decay", 0.4, 0.0, 1.1),
        ("mix", 0.25, 0.0, 1.0),
        ("tone_hz", 4000.0, 500.0, 16000.0, "exp"),
        ("low_cut_hz", 80.0, 20.0, 1000.0, "exp"),
        ("saturation", 0.3, 0.0, 1.0),
        ("wow_hz", 0.7, 0.1, 10.0, "exp"),
        ("wow_percent", 0.15, 0.0, 3.0),
        ("change", "tape", ("tape", "digital")),
        ("division", "off", ("off", "1/4", "1/8.", "1/8", "1/8t", "1/16", "1/2")),
        ("send", 1.0, 0.0, 1.0),
    )
    KEPT = 1  # frames of a beat

    def __init__(self, *, max_delay_ms=500, ping_pong=False, **values):
        """max_delay_ms: 10..10000, the longest delay there is memory for; delay_ms beyond it counts as
        this."""
        self.KERNEL = "delay2" if ping_pong else "delay"
        if not 10 <= max_delay_ms <= 10000:
            raise ValueError(f"Delay: max_delay_ms={max_delay_ms!r}; expected 10 to 10000")
        self.max_delay_ms = max_delay_ms
        self.ping_pong = ping_pong
        values.setdefault("delay_ms", min(350.0, max_delay_ms))
        super().__init__(**values)
        if self.delay_ms > max_delay_ms:
            text = "Delay: delay_ms={} is more than max_delay_ms={}"
            raise ValueError(text.format(self.delay_ms, max_delay_ms))

    def extra_words(self, rate_hz):
        line = int(self.max_delay_ms * rate_hz / 1000) + _SLACK
        return (2 * line + RIGHT) if self.ping_pong else line

    def _made(self):
        if self.ping_pong:
            self.view_right()

    def fits(self, words, rate_hz):
        line = (words - RIGHT) // 2 if self.ping_pong else words
        most_ms = max(0, line - _SLACK) * 1000 // rate_hz
        return f"enough for max_delay_ms={most_ms}"

    def set_clock(self, frames_per_beat):
        """The rig's clock: frames of a quarter note, 0 for none. Allocates nothing."""
        self.state[12] = frames_per_beat  # behind the parameters
