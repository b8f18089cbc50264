"""Board profiles: the shipped ones are sound, and wrong ones are refused with file, line and key."""

import pytest
from upedal import board, paths
from upedal.errors import UpedalError

GOOD = (paths.BOARDS / "teensy41.yaml").read_text()


def write(tmp_path, old, new):
    """teensy41 with one text replaced; the replaced line's number."""
    assert GOOD.count(old) == 1, old
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace(old, new))
    return path, GOOD[: GOOD.index(old)].count("\n") + 1


def test_every_shipped_profile_loads_and_is_named_by_its_file():
    names = board.names()
    expected = "teensy41 pybd_sf6 pico2 esp32s3 daisy_seed max78000 desktop"
    expected += " emu_m0 emu_m3 emu_m4 emu_m7 emu_m33 emu_m55 emu_rv32"
    assert set(names) == set(expected.split())
    for name in names:
        assert board.load(name).name == name
        assert board.load(paths.BOARDS / f"{name}.yaml") == board.load(name)


@pytest.mark.parametrize(
    "name, cycles",
    [
        ("daisy_seed", 10_000),
        ("teensy41", 12_500),
        ("pybd_sf6", 4_898),
        ("pico2", 3_125),
        ("esp32s3", 5_000),
    ],
)
def test_cycles_are_clock_over_rate_and_the_budget_is_the_usable_share(name, cycles):
    profile = board.load(name)
    assert round(profile.cycles_per_sample) == cycles
    share = profile.budget_cycles_per_sample / profile.cycles_per_sample
    assert share == pytest.approx(profile.usable_share)


def test_only_boards_with_real_time_have_a_budget():
    for name in board.names():
        timeless = name.startswith("emu_") or name == "desktop"
        assert (board.load(name).budget_cycles_per_sample is None) == timeless, name


def test_nothing_but_emulation_is_claimed_for_a_real_board():
    for name in board.names():
        entries = board.load(name).verified
        hows = {entry.how for entry in entries}
        assert entries, name
        if name.startswith("emu_"):
            assert hows == {"emulated"}, name
        elif name != "desktop":
            assert "not on hardware" in hows and "native" not in hows, name
            emulated = board.load(name).emulated_by
            assert emulated or hows == {"not on hardware"}, name


def test_an_emulated_board_has_the_core_and_arch_its_emulator_runs():
    from upedal.emulator import BOARDS

    for name, machine in BOARDS.items():
        assert board.load(name).arch == machine.arch, name
    for name in board.names():
        profile = board.load(name)
        if profile.emulated_by:
            assert board.load(profile.emulated_by).core == profile.core, name


WRONG = [
    ("block: 64", "blok: 64", "blok", "an unknown key", "did you mean block?"),
    ("block: 64", "block: sixty", "block", "'sixty'", "a whole number 1 to 4096"),
    ("block: 64", "block: 64.5", "block", "64.5", "a whole number 1 to 4096"),
    ("block: 64", "block: true", "block", "True", "a whole number 1 to 4096"),
    ("block: 64", "block: 0", "block", "0", "1 to 4096"),
    ("block: 64", "block: [64]", "block", "'a list'", "a whole number 1 to 4096"),
    ("block: 64", "block: 2026-99-99", "block", "2026-99-99", "a whole number"),
    ("rate_hz: 48000", "rate_hz: 4800000", "rate_hz", "4800000", "8000 to 192000"),
    ("grade: fast", "grade: fats", "grade", "'fats'", "did you mean fast?"),
    ("core: cortex-m7", "core: null", "core", "None", "one of cortex-m0"),
    ("usable_share: 0.8", "usable_share: 8", "usable_share", "8", "0.01 to 1.0"),
    ("emphasis: null", "emphasis: {pre: 0.9}", "emphasis", "no de", "all of pre, de"),
    ("emphasis: null", "emphasis: {pre: 0.9, de: 1}", "emphasis.de", "1", "0.0 to 0.999"),
    ("kind: i2s", "kind: i2z", "audio.kind", "'i2z'", "did you mean i2s?"),
    ("controls: [pot, switch, encoder, midi]", "controls: pot", "controls", "'pot'", "a list"),
    ("[pot, switch, encoder, midi]", "[pot, knob]", "controls[1]", "'knob'", "one of pot"),
    ("emulated_by: emu_m7", "emulated_by: emu_m8", "emulated_by", "emu_m8", "emu_m7"),
    ("title: Teensy 4.1", "title: ''", "title", "''", "text"),
]


@pytest.mark.parametrize("old, new, key, found, expected", WRONG)
def test_wrong_entry_is_refused_with_file_line_key_finding_and_expectation(
    tmp_path, old, new, key, found, expected
):
    path, line = write(tmp_path, old, new)
    with pytest.raises(UpedalError) as caught:
        board.load(path)
    text = str(caught.value)
    assert text.startswith(f"{path}:{line}: {key}: "), text
    assert found in text and expected in text, text


def test_key_given_twice_names_both_lines(tmp_path):
    path, line = write(tmp_path, "block: 64", "block: 64\nblock: 32")
    with pytest.raises(UpedalError, match=rf"mine.yaml:{line + 1}: block: .*first in line {line}"):
        board.load(path)


def test_missing_key_is_named(tmp_path):
    path, _ = write(tmp_path, "block: 64\n", "")
    with pytest.raises(UpedalError, match="no block; expected all of title"):
        board.load(path)


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "empty"),
        (b"- a\n- b\n", "a list"),
        (b"a: [1\n", "expected YAML"),
        (b"a: \xff\n", "not UTF-8"),
        (b"!!python/object/apply:os.system [ls]", "a list"),
    ],
)
def test_file_that_is_no_profile_is_refused(tmp_path, data, words):
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    with pytest.raises(UpedalError, match=f"mine.yaml.*{words}"):
        board.load(path)


def test_unknown_board_suggests_the_nearest():
    with pytest.raises(UpedalError, match="did you mean teensy41"):
        board.load("tensy41")
    with pytest.raises(UpedalError, match="absent.yaml: No such file"):
        board.load("absent.yaml")


def test_real_boards_are_recognised_by_what_their_micropython_says():
    assert board.recognise("Teensy 4.1 with MIMXRT1062DVJ6A") == "teensy41"
    assert board.recognise("Raspberry Pi Pico2 with RP2350") == "pico2"
    assert board.recognise("mps2-an500 with Cortex-M7F") is None


def test_device_module_is_python_with_the_profiles_values():
    for name in board.names():
        profile, values = board.load(name), {}
        exec(board.device_module(profile), values)  # noqa: S102 - it is made to be run
        assert (values["NAME"], values["BLOCK"]) == (name, profile.block)
        assert (values["RATE_HZ"], values["AUDIO"]) == (profile.rate_hz, profile.audio.kind)


def test_table_has_a_row_for_each_board_and_the_readme_a_line_for_each_key():
    import dataclasses

    assert [row["board"] for row in board.rows()] == board.names()
    assert board.table().row_count == len(board.names())
    readme = (paths.BOARDS / "README.md").read_text()
    for key in board._schema():
        assert f"| `{key}` |" in readme, key
    assert {field.name for field in dataclasses.fields(board.Memory)} <= {
        *board._schema()["memory"].inner, "purpose"
    }  # fmt: skip
