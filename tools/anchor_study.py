"""Recordings with published figures, laid out for `upedal sweep`: anchor_study.py DATA OUT [--minutes M]

DATA holds the folders boss_ds1, diode_clipper_1n4148_50k, klon_centaur_spice, marshall_jvm410h_od1 and
fender_hrd3_drive. OUT gets joined WAVs, the captures of the two amps with knobs as CSV, and jobs.yaml:
every recording by every recipe of RECIPES. Then: upedal sweep OUT/jobs.yaml
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import yaml
from upedal import audio

RECIPES = ("gru-16", "gru-40", "lstm-40", "nam-a2-lite", "nam-a1-standard", "wavenet-8")
KNOBBED = ("knobs-gru", "knobs-lstm")
JVM_CLIPS = (1, 2, 3, 4, 5, 7, 8, 9)
JVM = ("B1_M3_T7", "B10_M0_T0", "B0_M0_T10", "B10_M0_T10")
JVM_BETWEEN = ("B5_M5_T4", "B4_M5_T5", "B5_M6_T5")  # held out
HRD_HELD_OUT = (5, 9)


def join(out, name, paths):
    """All of the paths one behind the other, as OUT/name.wav; its name."""
    read = [audio.read(p) for p in paths]
    audio.write(out / f"{name}.wav", np.concatenate([x for x, _ in read]), read[0][1])
    return f"{name}.wav"


def captures(data, out):
    """[{"name", "dry", "wet", "test"?}] of one setting each."""
    ds1, diode, klon = (
        data / "boss_ds1",
        data / "diode_clipper_1n4148_50k",
        data / "klon_centaur_spice",
    )
    found = [
        {
            "name": "ds1", "dry": str(ds1 / "train_input.wav"), "wet": str(ds1 / "train_target.wav"),
            "test": {"dry": str(ds1 / "test_input.wav"), "wet": str(ds1 / "test_target.wav")},
        }
    ]  # fmt: skip
    pair = sorted(p for p in diode.iterdir() if p.suffix in (".wav", ".flac"))
    dry, wet = (next(p for p in pair if word in p.name) for word in ("input", "target"))
    found.append({"name": "diode", "dry": str(dry), "wet": str(wet)})
    for gain in ("0.00", "0.50", "1.00"):
        wet = klon / f"target_gain{gain}.flac"
        found.append({"name": f"klon-{gain}", "dry": str(klon / "input.flac"), "wet": str(wet)})
    jvm = data / "marshall_jvm410h_od1"
    dry = join(out, "jvm_dry", [jvm / f"input_{k}.flac" for k in JVM_CLIPS])
    for setting in JVM:
        wet = join(out, f"jvm_{setting}", [jvm / setting / f"target_{k}.flac" for k in JVM_CLIPS])
        found.append(
            {
                "name": f"jvm-{setting}",
                "dry": str((out / dry).resolve()),
                "wet": str((out / wet).resolve()),
            }
        )
    return found


def jvm_knobs(data, out):
    """OUT/jvm.csv: four settings of 40 s and eighteen of 5 s; those between are held out."""
    jvm = data / "marshall_jvm410h_od1"
    rows = [("jvm_dry.wav", f"jvm_{s}.wav", *knobs_of(s), 0) for s in JVM]
    for path in sorted((jvm / "tone_sweep").glob("*_target_9.flac")):
        setting = path.name.removesuffix("_target_9.flac")
        rows.append((jvm / "input_9.flac", path, *knobs_of(setting), int(setting in JVM_BETWEEN)))
    return table(out / "jvm.csv", ("dry", "wet", "bass", "middle", "treble", "held_out"), rows)


def knobs_of(setting):
    """(1, 3, 7) of "B1_M3_T7"."""
    return tuple(int(part[1:]) for part in setting.split("_"))


def hrd_knobs(data, out):
    """OUT/hrd.csv: eleven settings of the drive of 4.7 s each; two held out."""
    hrd, rows = data / "fender_hrd3_drive", []
    for path in sorted(hrd.glob("target_drive*.flac")):
        drive = int(path.stem.split("_")[1].removeprefix("drive"))
        rows.append((hrd / "input.flac", path, drive, int(drive in HRD_HELD_OUT)))
    return table(
        out / "hrd.csv", ("dry", "wet", "drive", "held_out"), sorted(rows, key=lambda r: r[2])
    )


def table(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path.name


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--minutes", type=float, default=2.0, help="of each training (%(default)s)"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data = args.data.resolve()
    for name, taken in (
        ("jobs", {"captures": captures(data, args.out), "recipes": list(RECIPES)}),
        ("knobs", {"captures": [{"name": "jvm", "captures": jvm_knobs(data, args.out)}, {"name": "hrd", "captures": hrd_knobs(data, args.out)}], "recipes": list(KNOBBED)}),
    ):  # fmt: skip
        text = yaml.safe_dump(taken | {"minutes": args.minutes}, sort_keys=False)
        (args.out / f"{name}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
