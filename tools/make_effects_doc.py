"""Writes docs/effects.md and its pictures from the effects themselves: python tools/make_effects_doc.py

Text: the classes' own docstrings and PARAMS. Pictures: what their kernels do, measured (effects_pictures.py).
Costs: `upedal bench --effects --json FILE`, then --bench FILE; without it those of the last time are kept, in
docs/effects/cost.json. --text: the text alone. A test holds text and classes together.
"""

import argparse
import importlib
import inspect
import json
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "effects"
PAGE = ROOT / "docs" / "effects.md"
COST = FOLDER / "cost.json"

# Every class that goes into a rig, in the order of a pedalboard.
GROUPS = (
    ("Level", ("Gain", "Boost", "Gate", "Compressor", "Limiter")),
    ("Drive", ("Overdrive", "Distortion", "Fuzz")),
    ("Nets and cabinets", ("Neural", "CabIR")),
    ("Tone", ("Tone", "EQ", "Filter", "Wah")),
    ("Modulation", ("Tremolo", "Vibrato", "Chorus", "Flanger", "Phaser")),
    ("Time", ("Delay", "Reverb", "Looper")),
    ("Pitch", ("Octave", "PitchShift")),
    ("To look at", ("Tuner", "Meter")),
    ("What joins effects", ("Chain", "Split", "Blend")),
    ("What moves parameters", ("LFO", "Envelope")),
)
_BOARDS = ("emu_m7", "emu_m4", "emu_m33")
_NAMED = re.compile(
    r"\n(?=[a-z]\w*(?:, [a-z]\w*)*: )"
)  # a line that begins with a parameter and what it does
_HEAD = """# Effects

Made by `tools/make_effects_doc.py`: text and ranges are the classes' own, the pictures are measurements of
the code that plays. How effects become a rig: [rigs.md](rigs.md).

A parameter may be changed at any time, by `rig.set("delay.mix", 0.3)`, a knob, an oscillator or a scene
([controls.md](controls.md)). Out of its range it is refused, and the error says what is expected. *exp*: a knob
moves it in equal ratios. Full scale is 1; dBFS are relative to it.

## Cost

Instructions a sample, exact, counted on emulated boards in blocks of 64, the mean of many; cycles are
[an estimate](estimator.md). Memory is what the effect holds besides its code. A Teensy 4.1 has 10,000 cycles
a sample for effects, a Pico 2 2,500 (80 % of one core at 48 kHz).
"""


def entries():
    """(group, class) in the page's order."""
    sys.path[:0] = [str(ROOT / "host"), str(ROOT / "device")]
    import upedal.native  # noqa: F401 - brings pedal_fx

    pedal = importlib.import_module("pedal")
    for group, names in GROUPS:
        for name in names:
            yield group, getattr(pedal, name)


def page(cost):
    parts, last = [_HEAD, _cost_table(cost)], None
    for group, made in entries():
        if group != last:
            parts.append(f"\n## {group}\n")
            last = group
        parts.append(_entry(made))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _entry(made):
    name, module = made.__name__, sys.modules[made.__module__]
    lines = [f"\n### {name}\n"]
    if module.__name__.startswith("pedal.effects."):
        lines += [f"*{_first(module)}*\n"]
    lines += [_paragraphs(made.__doc__), ""]
    if (FOLDER / f"{name.lower()}.svg").is_file():
        lines += [f"![{name}](effects/{name.lower()}.svg)\n"]
    lines += _parameters(made)
    options = _options(made)
    if options:
        lines += [f"Given once, when it is made: {', '.join(options)}.", ""]
        lines += [_paragraphs(made.__init__.__doc__), ""] if made.__init__.__doc__ else []
    return "\n".join(lines).rstrip() + "\n"


def _first(module):
    return module.__doc__.strip().split("\n")[0]


def _paragraphs(doc):
    """A docstring as Markdown: lines joined, indented equations kept."""
    found = []
    for part in re.split(r"\n{2,}", _NAMED.sub("\n\n", inspect.cleandoc(doc))):
        if part.startswith(" "):
            found.append(textwrap.indent(textwrap.dedent(part), "    "))
        else:
            found.append("\n".join(textwrap.wrap(part, 110, break_on_hyphens=False)))
    return "\n\n".join(found).replace("<", "&lt;")


def _parameters(made):
    specs = getattr(made, "PARAMS", ())
    if not specs:
        return []
    lines = ["| parameter | at first | range |", "| --- | --- | --- |"]
    for spec in specs:
        lines.append(f"| `{spec[0]}` | {_text(spec[1])} | {_range(spec)} |")
    return [*lines, ""]


def _range(spec):
    if isinstance(spec[2], tuple):
        return ", ".join(_text(choice) for choice in spec[2])
    return f"{_text(spec[2])} .. {_text(spec[3])}{', exp' if spec[4:] == ('exp',) else ''}"


def _text(value):
    return f"`{value!r}`" if isinstance(value, str) else f"{value:g}"


def _options(made):
    """What the constructor takes beyond the parameters."""
    known = {spec[0] for spec in getattr(made, "PARAMS", ())}
    found = []
    for parameter in inspect.signature(made.__init__).parameters.values():
        kind = parameter.kind
        if parameter.name == "self" or parameter.name in known or kind == kind.VAR_KEYWORD:
            continue
        text = "*" * (kind == kind.VAR_POSITIONAL) + parameter.name
        if parameter.default is not parameter.empty:
            text += f"={parameter.default!r}"
        found.append(f"`{text}`")
    return found


# ---- costs ----


def costs(path):
    """{label: {board: [instructions, estimated cycles], "bytes": state}} of a `upedal bench --effects` file."""
    found = {}
    for row in json.loads(Path(path).read_text())["effects"]:
        entry = found.setdefault(row["effect"], {"bytes": row["state_bytes"]})
        cycles = row["estimated_cycles_per_sample"]
        entry[row["board"]] = [
            round(row["instructions_per_sample"], 1),
            cycles and round(cycles, 1),
        ]
    return found


def _cost_table(cost):
    lines = [
        "| effect | M7 instr. | M7 cycles | M4F instr. | M4F cycles | M33 instr. | M33 cycles | bytes |",
        "| --- |" + " ---: |" * 7,
    ]
    for name in _costed(cost):
        row = cost.get(name, {})
        cells = [cell for board in _BOARDS for cell in row.get(board) or (None, None)]
        cells = ["not yet" if cell is None else f"{cell:,.0f}" for cell in cells]
        cells += [f"{row['bytes']:,}" if "bytes" in row else "not yet"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _costed(cost):
    """The rows, in the page's order, variants behind what they vary; all that have a kernel if none is known."""
    names = [made.__name__ for _, made in entries() if hasattr(made, "KERNEL")]
    if not cost:
        return names
    return [label for name in names for label in cost if label.split(" ")[0] == name]


def kept():
    return json.loads(COST.read_text()) if COST.is_file() else {}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bench", metavar="FILE")
    parser.add_argument("--text", action="store_true")
    args = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    if args.bench:
        COST.write_text(json.dumps(costs(args.bench), indent=1) + "\n")
    if not args.text:
        import effects_pictures

        effects_pictures.draw(FOLDER, {made.__name__: made for _, made in entries()})
    PAGE.write_text(page(kept()))


if __name__ == "__main__":
    main()
