"""The report is one file that needs nothing else, says what was measured, and bears missing keys."""

import base64
import io
import re

import numpy as np
import pytest
from upedal import report
from upedal.errors import UpedalError

RATE = 48000
RESULT = {
    "title": "Amp <b>&</b> pedal",
    "esr_net": 0.0123,
    "esr_sim": 0.0124,
    "esr_pedal": 0.0125,
    "sim_vs_net_db": -103.4,
    "pedal_vs_sim_db": float("-inf"),
    "bit_identical": True,
    "instructions_per_sample": 1741.1,
    "estimated_cycles_per_sample": 2777.2,
    "interpreter_instructions_per_block": 6120,
    "upm_bytes": 4711,
    "seconds": 187.3,
    "recipe": "gru-16",
    "boards": [
        {"name": "roomy", "budget_cycles_per_sample": 10000, "load": 0.278},
        {"name": "tight", "budget_cycles_per_sample": 2000},
        {"name": "unknown", "budget_cycles_per_sample": 5000, "load": None},
    ],
}
HISTORY = [{"epoch": i + 1, "val_esr": 0.5 / (i + 1)} for i in range(20)]


@pytest.fixture
def signals():
    t = np.arange(7 * RATE) / RATE
    dry = (np.sin(2 * np.pi * 110 * t) * np.exp(-(t % 1.0) * 3)).astype(np.float32)
    target = np.tanh(4 * dry).astype(np.float32)
    return dry, target, np.float32(0.97) * target


def page(tmp_path, result, signals, **options):
    dry, target, output = signals
    path = report.write(tmp_path / "report.html", result, target, output, RATE, dry=dry, **options)
    return path.read_text(encoding="utf-8")


def sounds(text):
    """{id: (samples, rate)} of the players."""
    import soundfile

    found = re.findall(r'data-id="(\w+)"[^>]*src="data:audio/flac;base64,([A-Za-z0-9+/=]+)"', text)
    return {
        name: soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="float32")
        for name, data in found
    }


def test_nothing_is_fetched_from_outside(tmp_path, signals):
    text = page(tmp_path, RESULT, signals, history=HISTORY)
    links = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')>\s]{1,40})', text)
    assert len(links) >= 8
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "http" not in re.sub(r"data:[^\"]+|http-equiv", "", text)
    assert "default-src 'none'" in text


def test_noise_which_no_codec_makes_smaller_stays_under_four_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    dry, target, output = rng.uniform(-0.9, 0.9, (3, 7 * RATE)).astype(np.float32)
    assert len(page(tmp_path, RESULT, (dry, target, output))) < 4_000_000


def test_players_hold_dry_target_model_and_null_of_five_seconds(tmp_path, signals):
    found = sounds(page(tmp_path, RESULT, signals))
    assert list(found) == ["dry", "target", "model", "null"]
    assert {(len(x), rate) for x, rate in found.values()} == {(5 * RATE, RATE)}
    target, model, null = (found[name][0] for name in ("target", "model", "null"))
    assert np.abs(model - target).max() < 1e-3, "equal loudness undoes the factor of 0.97"
    assert np.abs(null - 0.03 * target).max() < 1e-4, "the null is of the signals as they are"
    assert np.abs(target[[0, -1]]).max() == 0, "it fades, so that the loop does not click"


def test_loud_sound_is_turned_down_alike_and_the_page_says_so(tmp_path, signals):
    text = page(tmp_path, RESULT, tuple(2 * s for s in signals))
    peaks = {name: np.abs(x).max() for name, (x, _) in sounds(text).items()}
    assert max(peaks.values()) == pytest.approx(0.99, abs=0.01)
    assert "6.1 dB quieter" in text
    assert "0.26 dB louder" in text, "what the model got for equal loudness"


def test_figures_of_the_result_are_on_the_page(tmp_path, signals):
    text = page(tmp_path, RESULT, signals)
    for figure in ("1.25 % (−19.0 dB)", "1,741", "2,777", "6,120", "4,711", "3 min 7 s", "gru-16",
                   "−103.4 dB", "no difference"):  # fmt: skip
        assert figure in text, figure
    assert "Amp &lt;b&gt;&amp;&lt;/b&gt; pedal" in text


def test_pictures_say_in_words_what_they_show(tmp_path, signals):
    text = page(tmp_path, RESULT, signals, history=HISTORY)
    labels = re.findall(r'role="img" aria-label="([^"]+)"', text)
    assert [label.split(". ")[0] for label in labels] == [
        "Model against target, by third octave", "Levels, by third octave",
        "ESR of each tenth of a second", "Level of the target",
        "The loudest 25 milliseconds, from 1.00 s", "Validation ESR",
    ]  # fmt: skip
    assert "From 50 % to 2.5 %, the least 2.5 %." in labels[-1]
    assert "Validation ESR" not in page(tmp_path, RESULT, signals)


def test_verdict_is_one_sentence_of_what_was_measured():
    assert report.verdict(RESULT) == (
        "Close: the error of the pedal is 1.25 % of the signal's energy, the pedal plays what the"
        " simulator plays, bit for bit, and it is estimated to fit 1 of 2 boards."
    )
    differing = {"bit_identical": False, "pedal_vs_sim_db": -97.25}
    assert report.verdict(differing) == "Pedal and simulator differ by −97.2 dB."
    assert report.verdict({}) == "Nothing was measured."
    short = report.verdict(
        {"test_esr": 0.2, "linear_esr": 0.4}, ["its lows at 40 Hz are 3.0 dB weak"]
    )
    assert short == (
        "Far off: the error of the model is 20.0 % of the signal's energy (a linear filter leaves"
        " 40.0 %), and its lows at 40 Hz are 3.0 dB weak."
    )


def test_load_is_estimated_cycles_over_budget_and_never_made_up():
    rows = {row["name"]: row for row in report.board_rows(RESULT)}
    assert rows["roomy"]["text"] == "28 %"
    assert rows["tight"]["load"] == pytest.approx(2777.2 / 2000)
    assert (rows["unknown"]["load"], rows["unknown"]["text"]) == (None, "no estimate")
    without = {"boards": [{"name": "tight", "budget_cycles_per_sample": 2000}]}
    assert report.board_rows(without)[0]["load"] is None


@pytest.mark.parametrize("missing", ["esr", "estimated", "boards", "everything"])
def test_a_missing_key_leaves_a_whole_page(tmp_path, signals, missing):
    result = {k: v for k, v in RESULT.items() if missing not in k and missing != "everything"}
    text = page(tmp_path, result, tuple(s[:RATE] for s in signals))
    assert text.rstrip().endswith("</html>")
    assert "None" not in re.sub(r"data:[^\"]+", "", text)


def test_values_that_are_no_numbers_are_dashes():
    result = {"esr_net": None, "seconds": float("nan"), "estimated_cycles_per_sample": None}
    assert "ESR, trained network: –" in report.model_text(result)
    assert report.tiles(result) == []


@pytest.mark.parametrize("target, output", [
    (np.zeros(4096), np.zeros(4096)),
    (np.ones(2), np.zeros(2)),
    (np.linspace(-1, 1, 30000), np.linspace(-1, 1, 30000)),
], ids=["silence", "two samples", "no error"])  # fmt: skip
def test_odd_signals_still_give_a_page(tmp_path, target, output):
    path = report.write(tmp_path / "r.html", RESULT, target, output, RATE)
    assert "</html>" in path.read_text(encoding="utf-8")


def test_signals_that_do_not_fit_are_refused(tmp_path, signals):
    _, target, output = signals
    with pytest.raises(UpedalError, match="336000 samples and output 335999"):
        report.write(tmp_path / "r.html", RESULT, target, output[:-1], RATE)
    with pytest.raises(UpedalError, match="output has shape"):
        report.write(tmp_path / "r.html", RESULT, target, np.full_like(target, np.nan), RATE)
    with pytest.raises(UpedalError, match="rate_hz is None"):
        report.write_model(tmp_path / "r.html", RESULT, target=target, output=output)


def test_a_failed_write_leaves_the_old_report(tmp_path, signals, monkeypatch):
    page(tmp_path, RESULT, signals)
    before = (tmp_path / "report.html").read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError):
        page(tmp_path, {"title": "other"}, signals)
    assert (tmp_path / "report.html").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
