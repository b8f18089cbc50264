"""A model's report and a sweep's index, from a real training: every section, as page, as text, by the verb."""

import html
import json
import os
import re

import numpy as np
import pytest
from report_case import case
from report_case import trained as trained_model
from upedal import cli, report, upm
from upedal.errors import UpedalError
from upedal.report import chart, index, saved

PARTS = ("listen", "checks", "spectrum", "time", "harmonics", "settings", "boards", "quantised",
         "training", "about", "repeat")  # fmt: skip


def written(path, changes=None, **without):
    result, dry, target, output, play = case()
    given = {"dry": dry, "target": target, "output": output, "play": play} | without
    return report.write_model(path, {**result, **(changes or {})}, **given).read_text(
        encoding="utf-8"
    )


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return re.sub(r"data:audio[^\"]+", "", written(tmp_path_factory.mktemp("r") / "report.html"))


@pytest.fixture(scope="module")
def plain():
    result, dry, target, output, play = case()
    return report.model_text(result, dry=dry, target=target, output=output, play=play)


def test_every_section_is_there_in_order_and_linked(text):
    assert tuple(re.findall(r'<section id="(\w+)"', text)) == PARTS
    nav = text[text.index("<nav") : text.index("</nav>")]
    assert tuple(re.findall(r'href="#(\w+)"', nav)) == PARTS


def test_an_outcome_is_a_mark_and_a_word_and_the_worst_comes_first(text):
    found = re.findall(
        r'<div class="outcome (\w+)"><b aria-hidden="true"><span>(.)</span></b>(\w+)</div>', text
    )
    assert found == [
        ("refused", "✕", "refused"),
        ("warned", "!", "warning"),
        ("fixed", "↻", "fixed"),
        ("ok", "✓", "ok"),
    ]
    assert "Reverb &lt;or&gt; delay" in text and "Reverb <or>" not in text
    assert "4 checks of the recordings: 1 ok, 1 fixed, 1 warning and 1 refused." in text
    assert (
        'aria-label="Correlation. The wet recording is 3 frames late; that was taken out."' in text
    )


def test_the_error_said_is_the_error_there_is(text):
    result, *_ = case()
    esr = f"{100 * result['quantised']['esr']:.2f}\u00a0%"
    assert f"the error of the q15 model is {esr} of the signal&#39;s energy" in text
    assert f"ESR is {100 * result['test_esr']:.2f}\u00a0%" in text, (
        "computed anew from the signals"
    )


def test_what_repeats_it_is_in_one_block(text):
    result, *_ = case()
    block = text[text.index('<pre id="block-repeat"') : text.index("</pre>")]
    for part in ("upedal train &#39;dry take.wav&#39; wet.wav -o test.upm --seed 0", "hidden: 8", "skip: true", "# seed: 0",
                 "# upedal: 0.1.0", f"{result['data'][0]['sha256']}  dry.wav  (drive 0.5 kΩ, tone 0.5)"):  # fmt: skip
        assert part in block, part


def test_held_out_settings_are_marked_and_averaged(plain):
    said = " ".join(plain.split())
    assert (
        "Settings held out, which training never saw: 1, mean ESR 2.00 %, the worst 2.00 %."
        in said
    )
    assert "Settings trained on: 2, mean ESR 2.00 %, the worst 2.80 %." in said
    assert re.search(r"drive 0\.5 kΩ, tone 0\.5 +2\.00 % +held out: never trained on", plain)


def test_a_board_without_the_memory_is_not_said_to_fit():
    board = {
        "name": "small",
        "title": "Small",
        "load": 0.2,
        "memory_bytes": 3000,
        "memory_budget": 2000,
    }
    result = {"boards": [board, {**board, "title": "Large", "memory_budget": 4000}]}
    told = report.model_text(result)
    assert "estimated to fit 1 of 2 boards" in told.lower()
    assert "Fits Large.\nToo large for the memory of Small." in told
    assert "Small, memory: 2.9 kB, too much (of 2 kB)" in told


def test_the_text_says_what_the_page_says(text, plain):
    page = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    flat = " ".join(plain.split())
    sentences = re.findall(r"[A-Z][^.:]{25,}\.(?= [A-Z])", flat)
    assert len(sentences) >= 8
    pictures = html.unescape(" ".join(re.findall(r'aria-label="([^"]+)"', text)))
    missing = [s for s in sentences if s not in page and s not in pictures]
    assert not missing
    assert "<" not in plain.replace("<or>", "") and max(map(len, plain.splitlines())) < 200


def test_the_size_is_said(tmp_path):
    text = written(tmp_path / "report.html")
    said = float(re.search(r"This file is ([\d.]+) (kB|MB)", text).group(1))
    assert said == pytest.approx(len(text.encode()) / 1000, abs=1)


def test_parts_that_are_not_there_are_left_out(tmp_path):
    bare = written(tmp_path / "r.html", {"checks": None, "settings": [], "boards": [], "quantised": None},
                   dry=None, target=None, output=None, play=None)  # fmt: skip
    assert tuple(re.findall(r'<section id="(\w+)"', bare)) == ("training", "about", "repeat")
    assert 'getElementById("listen")' not in bare
    quiet = written(tmp_path / "r.html", play=None, dry=None)
    assert "harmonics" not in re.findall(r'<section id="(\w+)"', quiet)
    assert 'data-take="dry"' not in quiet


@pytest.mark.parametrize("key, value", [
    ("history", [{"epoch": 1}, {"epoch": 2, "val_esr": None}, "text"]),
    ("checks", [{"outcome": "new"}, {"outcome": "ok", "picture": {"lines": [{"x": [1], "y": [1, 2]}]}}, None]),
    ("settings", [{"esr": "x"}, {"esr": 0.1}, {"esr": 0.2, "knobs": None}]),
    ("boards", [{}, {"load": float("nan"), "memory_bytes": 5}]),
    ("meta", {"licence": None, "levels": [1, 2]}), ("data", [{}]), ("command", None), ("recipe", None),
    ("quantised", {"arithmetic": "q7"}), ("alignment", {"lag_frames": None}), ("environment", {"gpu": None}),
])  # fmt: skip
def test_odd_values_of_a_key_still_give_a_page(tmp_path, key, value):
    result, *_ = case()
    path = report.write_model(tmp_path / "r.html", {**result, key: value})
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert report.model_text({**result, key: value})


@pytest.mark.parametrize("low, high, log, expected", [
    (-40, 0, False, [-40, -30, -20, -10, 0]), (-105, -3, False, [-100, -80, -60, -40, -20]),
    (22, 22000, True, [100, 1000, 10000]), (0.9, 30, True, [1, 2, 5, 10, 20]),
    (2.1, 8.2, True, [4, 6, 8]), (1, 4, False, [1, 2, 3, 4]), (1e-7, 1, True, [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]),
])  # fmt: skip
def test_ticks_are_round_and_within(low, high, log, expected):
    assert chart.ticks(low, high, log) == pytest.approx(expected)


def test_a_line_breaks_where_nothing_is_known():
    line = chart.Line("a", [0, 1, 2, 3], [0.0, 1.0, float("nan"), 1.0])
    drawn = chart.render(chart.Chart("t", "s", "x", "y", [line]))
    (path,) = re.findall(r'class="line target" d="([^"]*)"', drawn)
    assert path.count("M") == 2 and path.count("L") == 1


def test_labels_cannot_become_markup():
    picture = {"title": "<i>", "lines": [{"label": "<b>", "x": [0, 1], "y": [0, 1]}, {"label": "2", "x": [0], "y": [1]}],
               "marks": [{"x": 0.5, "label": "</figure>"}]}  # fmt: skip
    drawn = chart.render(chart.from_picture(picture, '"quoted"'))
    assert "<b>" not in drawn and "<i>t" not in drawn and drawn.count("</figure>") == 1
    assert "&quot;quoted&quot;" in drawn


# ---- the index and the verb ----------------------------------------------------------------------


def test_the_front_holds_what_no_other_beats():
    rows = [
        {"esr": e, "instructions": i}
        for e, i in ((0.1, 100), (0.05, 200), (0.06, 300), (0.01, 900), (None, 5))
    ]
    assert [r["instructions"] for r in index.front(rows)] == [100, 200, 900]


def test_links_of_the_index_can_be_moved_with_it(tmp_path):
    rows = [{"name": "a", "test_esr": 0.1, "report": tmp_path / "jobs" / "a #1" / "report.html"},
            {"name": "<b>", "test_esr": 0.2, "report": "jobs/b/report.html"}, {"name": "c", "error": "<silent>"}]  # fmt: skip
    text = report.write_index(tmp_path / "index.html", rows).read_text(encoding="utf-8")
    assert re.findall(r'<a href="([^"#][^"]*)"', text) == [
        "jobs/a%20%231/report.html",
        "jobs/b/report.html",
    ]
    assert "&lt;b&gt;" in text and "failed: &lt;silent&gt;" in text
    assert "3 models, 1 failed; the least error has a (–), 10.0" in text


@pytest.fixture
def trained(tmp_path):
    """A folder as training leaves it."""
    result, dry, target, output, _ = case()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "result.json").write_text(json.dumps(result))
    saved.save_signals(tmp_path / "one", result["rate_hz"], dry=dry, target=target, output=output)
    return tmp_path


def test_the_verb_makes_the_same_report_of_what_training_left(trained, capsys):
    assert cli.main(["report", str(trained / "one")]) == 0
    assert "without harmonics" in capsys.readouterr().out
    again = (trained / "one" / "report.html").read_text(encoding="utf-8")
    fresh = written(trained / "direct.html", play=None)
    again, fresh = (
        re.sub(r'data:audio[^"]+|[ML][\d.]+ -?[\d.]+|This file is \S+', "", t)
        for t in (again, fresh)
    )
    assert again == fresh, "24 bits keep all but the sound's last bit"


def test_a_poorer_report_does_not_replace_a_better_one(trained, capsys):
    path = trained / "one" / "report.html"
    assert cli.main(["report", str(trained / "one")]) == 0
    before = path.read_bytes()
    (trained / "one" / "target.flac").unlink()
    assert cli.main(["report", str(trained / "one")]) == 1
    assert "would be without sound and harmonics" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert cli.main(["report", str(trained / "one"), "-o", str(trained / "other.html")]) == 0


def test_signals_over_full_scale_are_kept_whole(tmp_path):
    loud = np.linspace(-3, 3, 1000, dtype=np.float32)
    saved.save_signals(tmp_path, 48000, target=loud / 4, output=loud / 4)
    saved.save_signals(tmp_path, 48000, target=loud, output=loud)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["output.wav", "target.wav"]
    assert np.array_equal(saved.sources(tmp_path / "result.json", {})["target"], loud)


def test_the_verb_plays_the_model_that_lies_beside(trained, capsys, monkeypatch):
    result, *_, play = case()
    monkeypatch.chdir(trained)
    upm.save(trained_model()[5], trained / "test.upm")
    assert cli.main(["report", str(trained / "one" / "result.json"), "--plain"]) == 0
    told = capsys.readouterr().out
    assert "Harmonics and aliasing" in told
    assert told == report.model_text(
        result, play=play, **{n: s for n, s in zip(("dry", "target", "output"), case()[1:4])}
    )


def test_the_verb_makes_an_index_of_many(trained, capsys):
    (trained / "two").mkdir()
    (trained / "two" / "result.json").write_text(json.dumps({"name": "other", "test_esr": 0.5}))
    assert cli.main(["report", str(trained / "one")]) == 0
    assert cli.main(["report", str(trained), "--title", "Both"]) == 0
    text = (trained / "index.html").read_text(encoding="utf-8")
    assert (
        'href="one/report.html"' in text
        and "two/report.html" not in text
        and "<h1>Both</h1>" in text
    )
    capsys.readouterr()
    assert cli.main(["report", str(trained), "--plain"]) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[0]
        .startswith("2 models; the least error has Test drive")
    )


@pytest.mark.parametrize(
    "content, told",
    [
        (None, "no result.json"),
        ("{", "not JSON"),
        ("[]", "holds list"),
        ('{"name": "package"}', "none of the keys"),
        ('{"settings": [1]}', "settings[0] is '1'; expected an object"),
        ('{"history": "x"}', "history is 'x'; expected a list"),
        ('{"history": [{"epoch": "x"}]}', "history[0].epoch is 'x'; expected a number"),
        ('{"checks": [{"picture": {"lines": [{"x": 3}]}}]}', "picture.lines[0].x is '3'"),
        ('{"val_esr": 0.1, "command": 3}', "command is '3'; expected a text or a list"),
    ],
)
def test_the_verb_says_what_is_wrong_with_a_result(tmp_path, capsys, content, told):
    if content:
        (tmp_path / "result.json").write_text(content)
    assert cli.main(["report", str(tmp_path)]) == 1
    assert told in capsys.readouterr().err


def test_a_model_given_in_place_of_its_folder_is_told_from_it(tmp_path, capsys):
    path = tmp_path / "amp.upm"
    upm.save(trained_model()[5], path)
    (tmp_path / "amp.upm.train").mkdir()
    assert cli.main(["report", str(path)]) == 1
    assert f"not a result.json (no text); give {path}.train" in capsys.readouterr().err


@pytest.mark.parametrize("more", [(), ("--plain",)])
def test_only_a_report_is_written_over(trained, capsys, more):
    model, linked = trained / "test.upm", trained / f"link{'.txt' if more else '.html'}"
    upm.save(trained_model()[5], model)
    os.link(trained / "one" / "target.flac", linked)
    before = model.read_bytes(), linked.read_bytes()
    for file, told in ((model, "does not end in"), (linked, "is made of this file")):
        assert cli.main(["report", str(trained / "one"), "-o", str(file), *more]) == 1
        assert told in capsys.readouterr().err
    assert (model.read_bytes(), linked.read_bytes()) == before
    fresh = trained / f"new{'.md' if more else '.html'}"
    for _ in range(2):
        assert cli.main(["report", str(trained / "one"), "-o", str(fresh), *more]) == 0


def test_the_verb_does_not_write_over_the_result(trained, capsys):
    path = trained / "one" / "result.json"
    assert cli.main(["report", str(path), "-o", str(path)]) == 1
    assert json.loads(path.read_text())["name"] == "Test drive"
    with pytest.raises(UpedalError):
        saved.results(trained / "none")
