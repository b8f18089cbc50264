"""Saving what was changed while a rig played: the script stays the user's own."""

import json

import pytest
from upedal.errors import UpedalError
from upedal.script import save

SCRIPT = '''"""My rig."""
from pedal import Blend, Gain, Neural, Rig, Split, Tremolo

lead = Neural("lead.upm")  # the loud one

rig = Rig(
    Gain(db=-6),  # trim; ü
    Split([Tremolo(), Gain(db=1)], None, a=0.5),
    lead,
    Blend(Gain(), mix=0.3),
)
'''


def edited(tmp_path, *edits, text=SCRIPT, name="rig.py"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    save(path, edits)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "edit, old, new",
    [
        (("set", 0, "db", -3.5), "Gain(db=-6),  # trim; ü", "Gain(db=-3.5),  # trim; ü"),
        (("set", 1, "depth", 0.9), "[Tremolo(), Gain", "[Tremolo(depth=0.9), Gain"),
        (("set", 2, "db", 4), "Gain(db=1)]", "Gain(db=4)]"),
        (("set", 3, "b", -1.0), "a=0.5)", "a=0.5, b=-1.0)"),
        (("set", 4, "gain", 0.3), 'Neural("lead.upm")', 'Neural("lead.upm", gain=0.3)'),
        (("set", 5, "db", 2), "Blend(Gain(), mix", "Blend(Gain(db=2), mix"),
        (("set", 6, "mix", 0.5), "mix=0.3", "mix=0.5"),
        (
            ("replace", 4, {"type": "Neural", "path": "b.upm"}),
            'Neural("lead.upm")',
            "Neural(path='b.upm')",
        ),
        (("insert", 0, {"type": "Gate"}), "    Gain(db=-6)", "    Gate(), Gain(db=-6)"),
        (("insert", 9, {"type": "Gate"}), "mix=0.3),", "mix=0.3), Gate(),"),
        (("tempo", 96.0), "mix=0.3),", "mix=0.3), tempo_bpm=96.0,"),
    ],
)
def test_an_edit_changes_its_own_place_only(tmp_path, edit, old, new):
    assert SCRIPT.count(old) == 1
    found = edited(tmp_path, edit)
    compile(found, "rig.py", "exec")
    expected = SCRIPT.replace(old, new)
    if edit[0] == "insert":
        expected = expected.replace("Split, Tremolo\n", "Split, Tremolo, Gate\n")
    assert found == expected


def test_effects_are_removed_with_their_comma(tmp_path):
    for text, number, expected in (
        ("rig = Rig(Gain(), Gate(), Tone())\n", 1, "rig = Rig(Gain(), Tone())\n"),
        ("rig = Rig(Gain(), Gate(), Tone())\n", 2, "rig = Rig(Gain(), Gate())\n"),
        ("rig = Rig(Gain(), Gate())\n", 0, "rig = Rig(Gate())\n"),
        ("rig = Rig(Gain())\n", 0, "rig = Rig()\n"),
        ("rig = Rig(Gain(), block=64)\n", 0, "rig = Rig( block=64)\n"),
    ):
        assert edited(tmp_path, ("remove", number), text=text) == expected


def test_switches_and_scenes_are_lines_of_their_own(tmp_path):
    scene = {"values": {"gain.db": -3}, "off": []}
    found = edited(
        tmp_path, ("off", "gain", True), ("scene", "solo", {}), ("scene", "solo", scene)
    )
    assert found.endswith(f"rig.bypass('gain')\nrig.scenes['solo'] = {scene!r}\n")
    assert (
        edited(tmp_path, ("off", "gain", False), text=found.replace("rig.scenes", "# ")).count(
            "bypass"
        )
        == 0
    )


def test_what_cannot_be_saved_says_which_line_and_leaves_the_file(tmp_path):
    for text, edit, words in (
        ("from x import make\nrig = make()\n", ("set", 0, "db", 1), "no line `rig = Rig"),
        ("rig = Rig(*effects)\n", ("set", 0, "db", 1), "line 1: effect 1 is not written out"),
        ("rig = Rig(Blend(Gain()))\n", ("remove", 0), "stands inside another"),
    ):
        with pytest.raises(UpedalError, match=words):
            edited(tmp_path, edit, text=text)
        assert (tmp_path / "rig.py").read_text() == text
        assert [path.name for path in tmp_path.iterdir()] == ["rig.py"]


def test_tables_are_saved_too(tmp_path):
    table = {"effects": [{"type": "Gain", "db": 1}, {"type": "Blend", "wet": [{"type": "Gain"}]}]}
    found = edited(
        tmp_path,
        ("set", 1, "db", 6),
        ("set", 2, "mix", 0.1),
        ("insert", 0, {"type": "Gate"}),
        ("off", "gain2", True),
        ("remove", 1),
        ("tempo", 90),
        text=json.dumps(table),
        name="rig.json",
    )
    assert json.loads(found) == {
        "effects": [
            {"type": "Gate"},
            {"type": "Blend", "wet": [{"type": "Gain", "db": 6, "off": True}], "mix": 0.1},
        ],
        "tempo_bpm": 90,
    }


def test_line_ends_and_odd_characters_stay(tmp_path):
    text = '"""A\x0cB \u2028."""\r\nrig = Rig(Gain(db=1), Gate())\r\nrig.bypass("gain")\r\n'
    path = tmp_path / "rig.py"
    path.write_bytes(text.encode())
    save(path, [("set", 0, "db", 2)])
    assert path.read_bytes().decode() == text.replace("db=1", "db=2")
    save(path, [("off", "gain", False), ("off", "gate", True)])
    assert path.read_bytes().decode().endswith("Gate())\r\nrig.bypass('gate')\r\n")


def test_what_cannot_be_counted_or_read_is_left_alone(tmp_path):
    for text, edit, words in (
        ("rig = Rig(*some, Gain(db=0))\n", ("set", 0, "db", 1), "line 1: effect 1 is not written"),
        ("rig = Rig(\n", ("set", 0, "db", 1), "line 1"),
        ("rig = Rig((Gain()))\n", ("set", 0, "db", 1), None),
        ("rig = Rig((Gain()), Gate())\n", ("remove", 0), "by hand"),
    ):
        if words is None:
            compile(edited(tmp_path, edit, text=text), "rig.py", "exec")
            continue
        with pytest.raises(UpedalError, match=words):
            edited(tmp_path, edit, text=text)
        assert (tmp_path / "rig.py").read_text() == text


def test_a_swapped_entry_of_a_table_keeps_its_name_and_switch(tmp_path):
    table = {"effects": [{"type": "Neural", "path": "a.upm", "name": "amp", "off": True}]}
    new = {"type": "Neural", "path": "b.upm"}
    found = edited(
        tmp_path,
        ("replace", 0, new),
        ("off", "gone", False),
        text=json.dumps(table),
        name="r.json",
    )
    assert json.loads(found)["effects"] == [{**new, "name": "amp", "off": True}]


def test_what_is_put_in_is_imported(tmp_path):
    reverb = {"type": "Blend", "wet": [{"type": "Reverb"}]}
    for head, expected in (
        ("from pedal import Gain, Rig\n", "from pedal import Gain, Rig, Blend, Reverb\n"),
        (
            "from pedal import (\n    Rig,\n    Blend,\n)\n",
            "from pedal import (\n    Rig,\n    Blend, Reverb,\n)\n",
        ),
        ("from pedal import *\n", "from pedal import *\n"),
    ):
        found = edited(tmp_path, ("insert", 0, reverb), text=head + "rig = Rig()\n")
        assert found == expected + "rig = Rig(Blend(wet=[Reverb()]))\n"
