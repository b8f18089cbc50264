"""Small sweeps for tests: two recordings of 2 s, a jobs.yaml of them, and a listener."""

import os

import pytest
from upedal import audio, synth

RATE = 16000
SMALL = "{recipe: gru-10, name: small, set: [hidden=4, batch=16, segment=256, warm_up=100%s]}"
QUICK = SMALL % ", epochs=2"
LONG = SMALL % ", epochs=100000"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A folder with a_dry.wav, a_wet.wav, b_dry.wav and b_wet.wav, 2 s each."""
    folder = tmp_path_factory.mktemp("recordings")
    for seed, name in enumerate("ab"):
        dry = synth.dry_guitar(2.2, RATE, seed=seed)
        audio.write(folder / f"{name}_dry.wav", dry, RATE)
        audio.write(folder / f"{name}_wet.wav", synth.overdrive(dry, RATE, drive=0.3), RATE)
    return folder


def write(folder, recipes=(QUICK,), captures="ab", more="", report="false"):
    """A jobs.yaml of the recordings beside it."""
    lines = [f"report: {report}", "captures:"]
    lines += [f"- {{name: {c}, dry: {c}_dry.wav, wet: {c}_wet.wav}}" for c in captures]
    lines += ["recipes:", *(f"- {r}" for r in recipes), more]
    path = folder / "jobs.yaml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def jobs(recordings, tmp_path):
    """write() into a folder that has the recordings."""
    for path in recordings.iterdir():
        os.link(path, tmp_path / path.name)

    def make(*args, **options):
        return write(tmp_path, *args, **options)

    return make


class Quiet:
    """What drive tells, kept; `meanwhile` is called at every tick with the progress."""

    def __init__(self, meanwhile=lambda progress: None):
        self.events, self.meanwhile = [], meanwhile

    def started(self, job):
        self.events.append(("started", job.name))

    def ended(self, job, outcome, again):
        self.events.append((outcome.how, job.name))

    def stopping(self):
        self.events.append(("stopping", ""))

    def tick(self, progress):
        self.meanwhile(progress)


def knobs(path):
    """The jobs.yaml at `path` with b as a CSV of two settings of a knob."""
    rows = ["dry,wet,drive", "a_dry.wav,a_wet.wav,2", "b_dry.wav,b_wet.wav,7"]
    (path.parent / "drive.csv").write_text("\n".join(rows))
    text = path.read_text()
    path.write_text(text.replace("dry: b_dry.wav, wet: b_wet.wav", "captures: drive.csv"))
    return path
