"""The documents: links lead somewhere, wiring agrees with the profiles, code plays, nothing has drifted."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys

import pytest
from upedal import board, cli, paths

DOCS = paths.ROOT / "docs"
PAGES = sorted(
    path.relative_to(paths.ROOT).as_posix()
    for folder in (paths.ROOT, DOCS, paths.BOARDS, paths.DEVICE, paths.DEVICE / "examples", paths.MODELS)
    for path in folder.glob("*.md")
)  # fmt: skip
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (\w+) \| [^|]+ \| `([\w.]+)`( \+ 1)? \|$", re.MULTILINE)


def anchors(text):
    """Headings as GitHub links to them."""
    text = BLOCK.sub("", text)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    path = paths.ROOT / page
    for link in LINK.findall(BLOCK.sub("", path.read_text())):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(there.read_text()), f"{page}: {link}"


@pytest.mark.parametrize("name", ["teensy41", "pico2", "esp32s3"])
def test_wiring_is_the_profiles(name):
    """Each pin of the audio in the table, on the pin that the profile says, and no other."""
    audio = board.load(name).audio
    audio = audio if isinstance(audio, dict) else vars(audio)
    wanted = {}
    for port in ("rx", "tx", "pio"):
        for key, pin in (audio.get(port) or {}).items():
            if key != "id" and pin is not None:
                wanted[f"{port}.{key}"] = str(pin)
    if "pio.bclk" in wanted:
        wanted["pio.bclk + 1"] = str(int(wanted["pio.bclk"]) + 1)
    rows = ROW.findall((DOCS / f"build_{name}.md").read_text())
    found = {}
    for pin, key, plus in rows:
        number = re.sub(r"^(GPIO|GP)", "", pin)
        assert found.setdefault(key + plus, number) == number
    assert len(wanted) >= 5 and found == wanted


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith(("docs", "device"))])
def test_commands_exist(page):
    for kind, block in BLOCK.findall((paths.ROOT / page).read_text()):
        for line in block.splitlines() if kind == "sh" else ():
            match = re.match(r"(?:\.venv/bin/)?upedal (.*)$", line.split(" #")[0].strip())
            if match:
                words = re.findall(r'"[^"]*"|\S+', match.group(1))
                cli.parser().parse_args([word.strip('"') for word in words])


CODE = [
    (page, number, kind, text)
    for page in ("README.md", "docs/first_amp.md", "docs/rigs.md", "docs/controls.md")
    for number, (kind, text) in enumerate(BLOCK.findall((paths.ROOT / page).read_text()))
    if kind in ("python", "json")
]


@pytest.mark.parametrize("page, number, kind, text", CODE, ids=[f"{c[0]} {c[1]}" for c in CODE])
def test_rigs_in_the_text_play(tmp_path, page, number, kind, text):
    """A second of noise through each, in a process of its own."""
    rig = tmp_path / ("rig.json" if kind == "json" else "rig.py")
    rig.write_text(text)
    for name in re.findall(r'"(\w+\.upm)"', text):
        shutil.copy(paths.MODELS / "boss_ds1" / "boss_ds1.upm", tmp_path / name)
    import numpy as np
    import soundfile
    from upedal import sim

    x = np.random.default_rng(1).uniform(-0.3, 0.3, 48000)
    soundfile.write(tmp_path / "in.wav", x, 48000)
    counters = sim.run(rig, tmp_path / "in.wav", tmp_path / "out.wav", progress=False)
    assert counters["faults"] == 0, counters["reports"]
    assert np.isfinite(soundfile.read(tmp_path / "out.wav")[0]).all()


# ---- the effects' page ----


def tool():
    spec = importlib.util.spec_from_file_location(
        "doc", paths.ROOT / "tools" / "make_effects_doc.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_effects_page_is_what_the_classes_say():
    made = tool()
    advice = "python tools/make_effects_doc.py writes it anew"
    assert made.PAGE.read_text() == made.page(made.kept()), advice


def test_the_effects_page_has_them_all():
    from upedal import catalogue

    made = tool()
    named = {name for _, names in made.GROUPS for name in names}
    assert set(catalogue.classes()) <= named, "an effect that no group of the page has"
    pictures = {path.stem for path in (DOCS / "effects").glob("*.svg")}
    assert {name.lower() for name in named} - {"chain"} == pictures
    assert sum(path.stat().st_size for path in (DOCS / "effects").iterdir()) <= 1.5e6
    cost = made.kept()
    assert set(cost) <= {catalogue.label(call) for call in catalogue.calls()}
    assert json.dumps(cost)


def test_a_picture_is_what_the_kernel_does(tmp_path):
    """Drawn anew, from another process, two of them are the same text up to the last digits of coordinates."""
    code = "import sys; sys.path[:0] = [{!r}, {!r}]; import make_effects_doc as d, effects_pictures as p; "
    code += "m = {{c.__name__: c for _, c in d.entries()}}; "
    code += "[p.PICTURES[n](m).save({!r} + '/' + n.lower() + '.svg') for n in ('Gain', 'Tone')]"
    folders = (str(paths.ROOT / "tools"), str(paths.ROOT / "host"), str(tmp_path))
    subprocess.run([sys.executable, "-c", code.format(*folders)], check=True)
    number = re.compile(r"-?\d+\.\d+")
    for name in ("gain.svg", "tone.svg"):
        new, old = (tmp_path / name).read_text(), (DOCS / "effects" / name).read_text()
        a, b = (
            [float(x) for path in re.findall(r' d="([^"]*)"', text) for x in number.findall(path)]
            for text in (new, old)
        )
        assert len(a) == len(b) > 100
        assert max(abs(x - y) for x, y in zip(a, b)) < 0.5, f"{name} shows another curve"
