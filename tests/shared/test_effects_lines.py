"""Delay, reverb and looper where they run: no allocation, too little memory, both channels."""

import array
import gc
import sys

from pedal.effects.delay import Delay
from pedal.effects.looper import Looper
from pedal.effects.reverb import Reverb

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython: nothing to lock

    def heap_lock():
        pass

    heap_unlock = heap_lock

MICROPYTHON = sys.implementation.name == "micropython"
RATE_HZ = 48000


def block(first=0.0):
    buf = array.array("f", [0.0] * 64)
    buf[0] = first
    return buf


def ready(effect):
    effect.attach(RATE_HZ)
    return effect


def test_nothing_is_allocated():
    delay = ready(Delay(max_delay_ms=50, ping_pong=True, division="1/16"))
    reverb = ready(Reverb(small=True, stereo=True))
    looper = ready(Looper(max_s=0.2))
    buf = block(0.5)
    heap_lock()
    try:
        for turn in range(40):
            delay.set_clock(9000 + turn)
            if turn in (0, 20, 25, 30):
                looper.tap()
            if turn == 35:
                looper.undo()
            delay.process(buf)
            reverb.process(buf)
            looper.process(buf)
    finally:
        heap_unlock()
    assert looper.status == "playing"


def test_an_echo_comes_when_the_clock_says_and_turns_right():
    options = {"division": "1/8", "wow_percent": 0.0, "mix": 0.5, "tone_hz": 16000.0}
    delay = ready(Delay(max_delay_ms=50, ping_pong=True, **options))
    delay.set_clock(640)  # an echo each 320 frames, five blocks
    buf = block(0.5)
    delay.process(buf)
    heard = []
    for _ in range(1, 20):
        for at in range(64):
            buf[at] = 0.0
        delay.process(buf)
        heard.append((abs(buf[0]) > 0.01, abs(delay.right[0]) > 0.01))
    left = [at + 1 for at in range(19) if heard[at][0]]
    right = [at + 1 for at in range(19) if heard[at][1]]
    assert (left, right) == ([5, 15], [10]), (left, right)


def test_a_loop_comes_back():
    looper = ready(Looper(max_s=0.2))
    looper.record()
    for turn in range(32):
        looper.process(block(0.5 if turn == 20 else 0.0))
    looper.play()
    for turn in range(64):
        buf = block()
        looper.process(buf)
        if buf[0] != 0.0:
            assert turn % 32 == 20 and buf[0] == 0.5, turn
    assert looper.length_s == 32 * 64 / RATE_HZ


def test_too_little_memory_is_said_with_what_would_fit():
    if not MICROPYTHON or sys.platform == "linux":
        return  # a PC has enough: its MicroPython's heap grows
    for effect, text in (
        (Delay(max_delay_ms=10000, ping_pong=True), "Delay needs 3"),
        (Looper(max_s=600), "Looper needs 1152"),
    ):
        gc.collect()
        try:
            effect.attach(RATE_HZ)
            raise AssertionError("there was memory")
        except MemoryError as error:
            assert text in str(error) and "are free: enough for max_" in str(error), str(error)
        assert len(effect.state) == effect.words
