"""Sets of captures from CSV files and folders: what is read, how it is aligned, and what is refused."""

import numpy as np
import pytest
from upedal import audio, captures_read, captures_step, synth
from upedal.captures import Capture, Knob
from upedal.errors import UpedalError


def noise(n, seed=0, level=0.3):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


RATE = 8000
DRY = synth.dry_guitar(2.5, RATE, seed=2)


def record(folder, name, drive=1.0, late=0, channels=1):
    """Writes what a soft clipper of that gain makes of DRY, `late` frames late."""
    y = np.tanh(drive * np.concatenate([np.zeros(late, np.float32), DRY])[: len(DRY)])
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if channels == 1:
        audio.write(path, y, RATE)
    else:
        import soundfile

        soundfile.write(path, np.stack([0.3 * noise(len(y)), y], 1), RATE, subtype="FLOAT")
    return y


@pytest.fixture
def folder(tmp_path):
    audio.write(tmp_path / "di.wav", DRY, RATE)
    for drive in (2, 4, 8):
        record(tmp_path, f"amp_drive{drive}.wav", drive, late=3 * drive)
    return tmp_path


def csv(folder, text):
    path = folder / "set.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_gives_knobs_with_units_ranges_and_what_is_held_out(folder):
    text = "dry,wet,drive,Tone [dB],held_out,name\n,,0..10:5,,,\n"
    text += "di.wav,amp_drive2.wav,2,-6,,clean\n\ndi.wav,amp_drive4.wav,4,0,yes,\ndi.wav,amp_drive8.wav,8,6,no,hot\n"
    data = captures_read.load(csv(folder, text))
    assert data.knobs == (Knob("drive", "", 0, 10, 5), Knob("Tone", "dB", -6, 6, -6))
    assert data.rate_hz == RATE
    assert [c.name for c in data.items] == ["clean", "amp_drive4", "hot"]
    assert [c.knobs for c in data.items] == [(2.0, -6.0), (4.0, 0.0), (8.0, 6.0)]
    assert [c.held_out for c in data.items] == [False, True, False]
    assert data.items[0].files == (str(folder / "di.wav"), str(folder / "amp_drive2.wav"))
    assert any("drive goes from 0 to 10" in note for note in data.notes), data.notes


def test_a_csv_of_a_german_spreadsheet_is_read(folder):
    text = "\ufeffDry;Wet;drive\ndi.wav;amp_drive2.wav;2,5\ndi.wav;amp_drive8.wav;7,5\n"
    data = captures_read.load(csv(folder, text), knobs=["drive=0..10:4 %"])
    assert [c.knobs for c in data.items] == [(2.5,), (7.5,)]
    assert data.knobs == (Knob("drive", "%", 0, 10, 4),)


def test_each_pair_is_aligned_on_its_own(folder):
    audio.write(folder / "early.wav", np.tanh(3 * DRY[200:]), RATE)
    record(folder, "late.wav", 8, late=300)
    text = "dry,wet,drive\ndi.wav,amp_drive2.wav,2\ndi.wav,late.wav,8\ndi.wav,early.wav,3\n"
    data = captures_read.load(csv(folder, text))
    for c, late in zip(data.items, (6, 300, -200)):
        assert c.pair.lag_frames == pytest.approx(late, abs=1.5), c.name


@pytest.mark.parametrize(
    "text, words",
    [
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,loud\n", "row 2, column drive: 'loud'; expected a number"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,nan\n", "row 2, column drive: 'nan'; expected a number"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,1\n\ndi.wav,gone.wav,2\n", "row 4, column wet: .*gone.wav: no such file"),
        ("dry,wet,drive\ndi.wav,,2\n", "row 2, column wet: empty"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav\n", "row 2: 2 cells; expected 3"),
        ("dry,drive\ndi.wav,2\n", "no column 'wet'"),
        ("dry,wet,drive,drive\ndi.wav,amp_drive2.wav,2,2\n", "column 'drive' 2 times"),
        ("dry,wet,drive\n", "no captures below the header"),
        ("", "empty; expected a header"),
        ("dry,wet,drive\n,,0-10\ndi.wav,amp_drive2.wav,2\n", "row 2, column drive: '0-10'; expected low..high"),
        ("dry,wet,drive,held_out\ndi.wav,amp_drive2.wav,2,perhaps\n", "column held_out: 'perhaps'"),
        ("dry,wet,drive,channel\ndi.wav,amp_drive2.wav,2,up\ndi.wav,amp_drive4.wav,4,\n", "row 2: .*up"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,2\ndi.wav,amp_drive4.wav,2\n", "knob drive: 2 in every capture"),
        ("dry,wet,drive\n,,3..9\ndi.wav,amp_drive2.wav,2\ndi.wav,amp_drive4.wav,4\n", "drive 2; expected 3 to 9"),
        ("dry,wet,drive\ndi.wav,di.wav,2\ndi.wav,amp_drive4.wav,4\n", "row 2: .*same"),
        (
            "dry,wet,drive\ndi.wav,amp_drive2.wav,2\ndi.wav,amp_drive4.wav,4\ndi.wav,./amp_drive2.wav,6\n",
            "set.csv: row 2 and row 4: .*amp_drive2.wav at drive 2 and at drive 6; expected a recording for each",
        ),
        (
            "dry,wet,drive\ndi.wav,amp_drive2.wav,2\ndi.wav,copy.wav,4\n",
            "row 2 and row 3: .*copy.wav, the same recording as .*amp_drive2.wav, at drive 2 and at drive 4",
        ),
        (
            "dry,wet,drive,held_out\ndi.wav,amp_drive2.wav,2,\ndi.wav,amp_drive4.wav,4,\ndi.wav,amp_drive2.wav,2,yes\n",
            "row 2 and row 4: .*both trained on and held out",
        ),
        ("dry,wet,drive,heldout\ndi.wav,amp_drive2.wav,2,1\n", "column 'heldout' .*did you mean held_out"),
        ("dry,wett,drive\ndi.wav,amp_drive2.wav,2\n", r"no column 'wet' \('wett': did you mean wet\?\)"),
        ("dry,wet,drive\ndi.wav,amp_drive2.wav,2\ndi.wav,amp_drive4.wav,3e9\n", "set.csv: row 3, column drive: 3e9; expected a number up to 1,048,576"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_csv_is_said_with_row_and_column(folder, text, words):
    (folder / "copy.wav").write_bytes((folder / "amp_drive2.wav").read_bytes())
    with pytest.raises(UpedalError, match=f"(?s){words}"):
        captures_read.load(csv(folder, text))


def test_a_stereo_file_gives_the_channel_that_is_asked_for(folder):
    y = record(folder, "stereo.wav", 6, channels=2)
    text = "dry,wet,drive,channel\ndi.wav,amp_drive2.wav,2,\ndi.wav,stereo.wav,6,right\n"
    c = captures_read.load(csv(folder, text)).items[1]
    want = y[max(c.pair.cut_frames, 0) :][: len(c.wet)]
    assert np.corrcoef(c.wet, want)[0, 1] > 0.999, "noise is on the left"


def test_a_folder_gives_the_values_in_its_names(folder):
    data = captures_read.load(folder, held_out=["*drive4"])
    assert data.knobs == (Knob("drive", "", 2, 8, 2),)
    assert [(c.name, c.knobs, c.held_out) for c in data.items] == [
        ("amp_drive2", (2.0,), False), ("amp_drive4", (4.0,), True), ("amp_drive8", (8.0,), False)
    ]  # fmt: skip
    assert captures_read.load(folder, held_out=["drive=8"]).held_out[0].knobs == (8.0,)
    with pytest.raises(
        UpedalError, match="no capture 'crunch' to hold out; expected a pattern of amp_drive2"
    ):
        captures_read.load(folder, held_out=["crunch"])
    with pytest.raises(UpedalError, match="'drive=5' to hold out; expected drive of 2, 4, 8"):
        captures_read.load(folder, held_out=["drive=5"])
    with pytest.raises(UpedalError, match="'tone=5' to hold out; expected a knob of drive"):
        captures_read.load(folder, held_out=["tone=5"])
    record(folder, "amp_drive3000000.wav", 3)
    with pytest.raises(
        UpedalError, match="amp_drive3000000.wav: drive: 3000000; expected a number up to"
    ):
        captures_read.load(folder)


def test_the_two_channels_of_one_file_may_be_two_settings(folder):
    import soundfile

    both = np.stack([np.tanh(3 * DRY), np.tanh(9 * DRY)], 1)
    soundfile.write(folder / "both.wav", both, RATE, subtype="FLOAT")
    text = "dry,wet,drive,channel\ndi.wav,both.wav,3,left\ndi.wav,both.wav,9,right\n"
    assert [c.knobs for c in captures_read.load(csv(folder, text)).items] == [(3.0,), (9.0,)]


def test_a_folder_pairs_takes_and_leaves_out_what_is_no_knob(tmp_path):
    for take in (1, 2):
        audio.write(tmp_path / f"input_{take}.wav", DRY * take / 2, RATE)
        for bass in (0, 10):
            y = np.tanh((1 + bass) * DRY * take / 2)
            (tmp_path / f"B{bass}M5").mkdir(exist_ok=True)
            audio.write(tmp_path / f"B{bass}M5" / f"target_{take}.wav", y, RATE)
    data = captures_read.load(tmp_path)
    assert [k.name for k in data.knobs] == ["B"]
    assert [(c.knobs, c.files[0][-11:-4]) for c in data.items] == [
        ((0.0,), "input_1"), ((0.0,), "input_2"), ((10.0,), "input_1"), ((10.0,), "input_2")
    ]  # fmt: skip
    assert "M is left out: it is 5 everywhere" in data.notes


@pytest.mark.parametrize(
    "names, words",
    [
        (["drive2.wav", "drive4.wav"], "none dry by its name"),
        (["di.wav"], "no wet recordings"),
        (["di.wav", "wet_drive2.wav", "wet_tone4.wav"], "no value for .* in its name"),
        (["di.wav", "wet_drive2.wav", "strange.wav"], "strange.wav: neither dry nor wet"),
        (
            ["di_1.wav", "di_2.wav", "wet_drive2_1.wav", "wet_drive4.wav"],
            "wet_drive4.wav: no dry recording fits",
        ),
        (["di.wav", "wet_drive2.wav", "wet_drive2_again.wav"], "no value in the names that moves"),
    ],
)
def test_a_folder_that_is_not_clear_is_refused(tmp_path, names, words):
    for name in names:
        audio.write(tmp_path / name, DRY, RATE)
    with pytest.raises(UpedalError, match=words):
        captures_read.load(tmp_path)


@pytest.mark.parametrize(
    "text", ["drive=", "=1..2", "drive=5", "drive=1..", "drive=1..x", "drive=1..2:z"]
)
def test_a_knob_that_is_told_wrong_is_refused(folder, text):
    with pytest.raises(UpedalError, match="expected"):
        captures_read.load(folder, knobs=[text])


class Cut:
    def __init__(self, frames):
        self.cut_frames = frames


def cut_capture(x, late, found, name):
    """A capture whose wet side is `late` frames late and was cut as if it were `found`."""
    wet = np.tanh(3 * np.concatenate([np.zeros(late, np.float32), x])[: len(x)])
    dry, wet = (
        (x[: len(x) - found], wet[found:]) if found >= 0 else (x[-found:], wet[: len(x) + found])
    )
    return Capture(dry, wet, (), name, files=("di", "wet"), pair=Cut(found))


def test_recordings_made_in_step_keep_one_lag():
    x = noise(6000)
    items = [cut_capture(x, 5, k, f"found {k}") for k in (3, 5, 4, 3, -900)]
    items.append(cut_capture(x, 700, 700, "really 700"))
    said = captures_step.in_step(items)
    for c in items[:5]:  # three frames were cut off wet for all, so it is two late
        assert np.allclose(c.wet[2:], np.tanh(3 * c.dry[:-2]), atol=1e-6), c.name
    assert len(items[4].dry) > 4000
    assert np.allclose(items[5].wet, np.tanh(3 * items[5].dry), atol=1e-6), (
        "a lag that is right is kept"
    )
    assert "3 to 5 frames" in said[0], said
    assert (
        "found -900: wet seems -900 frames late, elsewhere 3 to 5: taken as the rest" in said[1]
    ), said
    assert "really 700: wet seems 700 frames late" in said[2] and "look at it" in said[2], said


def test_a_lag_longer_than_a_recording_is_not_tried(monkeypatch):
    from upedal.checks import fit

    tried, left_over = [], fit.left_over
    monkeypatch.setattr(
        fit, "left_over", lambda x, *more: tried.append(len(x)) or left_over(x, *more)
    )
    items = [cut_capture(noise(6000), 5, k, f"found {k}") for k in (3, 5, 4, 3)]
    short = cut_capture(noise(2000), 0, 0, "short")
    short.pair = Cut(5000)
    (*_, said) = captures_step.in_step([*items, short])
    assert "short: wet seems 5000 frames late" in said and "look at it" in said and not tried
    assert len(short.dry) == 2000


def test_a_side_that_is_wired_the_other_way_round_is_named():
    x = noise(4000)
    items = [
        Capture(x, np.tanh(g * x), (), f"gain {g}", files=("di", "wet"), pair=Cut(0))
        for g in (1, 2, -4, 8)
    ]
    (said,) = captures_step.turned(items)
    assert "gain -4;" in said and "gain 8" not in said
    assert captures_step.turned(items[:2]) == []
