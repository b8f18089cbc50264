"""What a player touches: pots, switches, encoders, pedals, LEDs, MIDI, a display.

Rig(controls=[...]) takes them; the engine polls them between blocks.

    from pedal.controls import Footswitch, Pot

loads the modules of these two only: a board's memory is for sound.
"""

_HOME = {
    "Blink": "led",
    "Display": "display",
    "Encoder": "encoder",
    "Event": "events",
    "Expression": "expression",
    "Footswitch": "switch",
    "Hold": "led",
    "LED": "led",
    "Lit": "led",
    "LoadPage": "pages",
    "MidiIn": "midi",
    "Pot": "pot",
    "PresetPage": "pages",
    "Tempo": "led",
    "TunerPage": "pages",
    "UsbPort": "usb_midi",
    "usb_port": "usb_midi",
}

__all__ = tuple(sorted(_HOME))


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"pedal.controls has no {name}; it has {', '.join(__all__)}")
    module = __import__("pedal.controls." + _HOME[name], None, None, [name])
    globals()[name] = value = getattr(module, name)
    return value
