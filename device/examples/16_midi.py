"""A rig for a MIDI foot controller: its pedal, its presets, and the drum machine's clock.

Fits a Pico 2. Wired: a MIDI input (opto-coupler) on UART 0, GP1; a button on 2: held down, the next controller
that is moved becomes the delay's mix. Controller 11 is the wah's pedal; program changes 1 to 3 are the
scenes. Try it with --moves moves/16.csv.
"""

from pedal import Delay, Overdrive, Rig, Wah
from pedal.controls import Footswitch, MidiIn

midi = MidiIn(0)
rig = Rig(
    Wah(), Overdrive(level_db=-3), Delay(division="1/8", max_delay_ms=400), controls=[midi]
)  # fmt: skip
rig.bind(midi.cc(11), "wah", "position")
mix = midi.cc()
rig.bind(mix, "delay", "mix", low=0.0, high=0.6)

ORDER = ["clean", "dirt", "solo"]
rig.scenes["clean"] = {"off": ["wah", "overdrive", "delay"]}
rig.scenes["dirt"] = {"off": ["wah", "delay"], "values": {"overdrive.drive_db": 18}}
rig.scenes["solo"] = {"off": [], "values": {"overdrive.drive_db": 30}}

rig.on(midi.program, lambda number: number < len(ORDER) and rig.recall(ORDER[number]))
rig.on(midi.clock.tempo, rig.clock.set)
button = rig.add_control(Footswitch(2))
rig.on(button.long_pressed, lambda: midi.learn(mix))
