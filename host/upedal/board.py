"""Board profiles: boards/*.yaml, checked, as dataclasses. boards/README.md explains the keys."""

from dataclasses import dataclass
from pathlib import Path

from upedal import paths
from upedal.errors import UpedalError

CORES = [
    "cortex-m0",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "rv32imac",
    "xtensa-lx7",
    "desktop",
]
ARCHS = ["armv6m", "armv7m", "armv7emsp", "armv7emdp", "rv32imc", "xtensawin", "x64"]
FLASH = {  # how firmware is written: what it can be written to
    "esptool": ("esp32s3", "esp32p4"),
    "uf2": ("rp2040", "rp2350-arm-s", "rp2350-riscv"),
    "teensy": ("TEENSY41",),
    "dfu": ("0483:df11",),
}
AUDIO = ("i2s", "pio", "wav", "c-library")
CODECS = (  # device/pedal/codecs has them
    "pcm1808_pcm5102",
    "pcm1861_pcm5102",
    "wm8731",
    "sgtl5000",
    "pcm3060",
    "es8388",
    "ak4556",
)
AUDIO_KEYS = ("driver", "bits", "rx", "tx", "pio", "control", "mute")  # as AUDIO_RX on the device
WIRES = {"i2s": ("rx", "tx"), "pio": ("pio",), "wav": (), "c-library": ()}  # keys of audio


@dataclass(frozen=True)
class Memory:
    """One region: kind is ram or flash; purpose is what the region is for."""

    name: str
    kind: str
    bytes: int
    purpose: str


@dataclass(frozen=True)
class Audio:
    """How samples come and go: the driver's kind, the codec, the channels it carries; the rest as
    boards/README.md has it, None where it is not given."""

    kind: str
    codec: str | None
    channels: int
    driver: str | None = None
    bits: int | None = None
    rx: dict | None = None  # a machine.I2S: id, sck, ws, sd, mck
    tx: dict | None = None
    pio: dict | None = None  # bclk, dout, din, mclk
    control: dict | None = None  # a machine.I2C: id, scl, sda, address
    mute: str | int | None = None  # pin
    full_scale_in_dbu: float | None = None
    full_scale_out_dbu: float | None = None


@dataclass(frozen=True)
class Flash:
    """How MicroPython gets on the board; see boards/README.md."""

    how: str
    target: str
    page: str  # of MicroPython's downloads, and how its files begin
    start: int | None  # address
    bytes: int | None
    enter: str  # what to press


@dataclass(frozen=True)
class Verified:
    """what: the thing; how: emulated, native, or "not on hardware"."""

    what: str
    how: str


@dataclass(frozen=True)
class Board:
    """One board. clock_hz is None where time is not real: emulated boards and the desktop."""

    name: str
    title: str
    mcu: str
    core: str
    cores: int  # that one net can be spread over
    arch: str | None  # of native modules; None: no MicroPython for this board
    machine: str | None  # part of sys.implementation._machine that tells this board
    clock_hz: int | None
    usable_share: float  # of the cycles, for effects
    rate_hz: int
    block: int  # frames
    arithmetic: str
    grade: str
    pre_emphasis: float | None  # y[t] = x[t] - coefficient * x[t - 1], before the net
    de_emphasis: float | None  # y[t] = x[t] + coefficient * y[t - 1], after it
    dither: str
    memory: tuple
    audio: Audio
    controls: tuple
    flash: Flash | None
    emulated_by: str | None
    verified: tuple

    @property
    def cycles_per_sample(self):
        """All cycles of one core between two samples; None without a clock."""
        return self.clock_hz / self.rate_hz if self.clock_hz else None

    @property
    def budget_cycles_per_sample(self):
        """Those that effects may use; None without a clock."""
        return self.cycles_per_sample * self.usable_share if self.clock_hz else None

    @property
    def ram_bytes(self):
        return sum(region.bytes for region in self.memory if region.kind == "ram")

    @property
    def flash_bytes(self):
        return sum(region.bytes for region in self.memory if region.kind == "flash")


def names():
    """All boards of the product, sorted."""
    return sorted(path.stem for path in paths.BOARDS.glob("*.yaml"))


def load(name_or_path):
    """The Board of that name, or of that YAML file."""
    import difflib

    text = str(name_or_path)
    if "/" in text or text.endswith((".yaml", ".yml")):
        return _read(Path(text))
    known = names()
    if text in known:
        return _read(paths.BOARDS / f"{text}.yaml")
    near = difflib.get_close_matches(text, known, 1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise UpedalError(f"board {text!r} is not known{hint} Expected one of: {', '.join(known)}.")


def recognise(machine):
    """The name of the board whose sys.implementation._machine is this text, or None."""
    for name in names():
        key = load(name).machine
        if key and key in machine:
            return name
    return None


def _read(path):
    from upedal.checked_yaml import read_mapping

    raw = read_mapping(path, _schema())
    emphasis = raw.pop("emphasis") or {"pre": None, "de": None}
    regions = raw.pop("memory")
    for region in regions:
        region["purpose"] = region.pop("for")
    return Board(
        name=path.stem,
        flash=_flash(path, raw.pop("flash")),
        pre_emphasis=emphasis["pre"],
        de_emphasis=emphasis["de"],
        memory=tuple(Memory(**region) for region in regions),
        audio=_audio(path, raw.pop("audio")),
        controls=tuple(raw.pop("controls")),
        verified=tuple(Verified(**entry) for entry in raw.pop("verified")),
        **raw,
    )


def _audio(path, keys):
    """What a check of one key cannot see: whether the keys go together."""

    def refuse(key, found, expected):
        raise UpedalError(f"{path}: audio.{key}: found {found}; expected {expected}")

    audio = Audio(**keys)
    wires = WIRES[audio.kind]
    given = [key for key in ("rx", "tx", "pio") if getattr(audio, key)]
    if given and tuple(given) != wires:
        expected = " and ".join(wires) or "none"
        refuse(given[0], " and ".join(given), f"{expected} for kind {audio.kind}, or none")
    if audio.rx and audio.rx["id"] == audio.tx["id"]:
        refuse("tx.id", audio.tx["id"], "another id than that of rx")
    if audio.driver and not given:
        refuse("driver", audio.driver, f"null without {' and '.join(wires) or 'wires'}")
    for key in ("control", "mute"):
        if getattr(audio, key) is not None and not audio.driver:
            refuse(key, getattr(audio, key), "null without a driver")
    return audio


def _flash(path, keys):
    """What a check of one key cannot see: whether the keys go together."""
    if keys is None:
        return None
    flash = Flash(**keys)
    if flash.target not in FLASH[flash.how]:
        expected = ", ".join(FLASH[flash.how])
        raise UpedalError(
            f"{path}: flash.target: found {flash.target!r}; expected, by {flash.how}, {expected}"
        )
    asked = flash.how == "esptool"  # the chip is asked
    for key in ("start", "bytes"):
        if (getattr(flash, key) is None) != asked:
            expected = "null" if asked else "a number"
            raise UpedalError(
                f"{path}: flash.{key}: found {getattr(flash, key)}; expected, by {flash.how}, {expected}"
            )
    return flash


def _schema():
    """Key -> check, as upedal.checked_yaml understands them."""
    from upedal.checked_yaml import choice, items, number, optional, spare, text, whole

    wire = {"id": whole(0, 7), "sck": _pin, "ws": _pin, "sd": _pin, "mck": spare(_pin)}
    wires = {
        "driver": spare(choice(*CODECS)),
        "bits": spare(_bits),
        "rx": spare(wire),
        "tx": spare(wire),
        "pio": spare(dict.fromkeys(("bclk", "dout", "din"), whole(0, 47)) | {"mclk": spare(_pin)}),
        "control": spare(
            {"id": whole(0, 7), "scl": _pin, "sda": _pin, "address": spare(whole(8, 119))}
        ),
        "mute": spare(_pin),
        "full_scale_in_dbu": spare(number(-40.0, 40.0)),
        "full_scale_out_dbu": spare(number(-40.0, 40.0)),
    }
    return {
        "title": text,
        "mcu": text,
        "core": choice(*CORES),
        "cores": whole(1, 2),
        "arch": optional(choice(*ARCHS)),
        "machine": optional(text),
        "clock_hz": optional(whole(1_000_000, 10_000_000_000)),
        "usable_share": number(0.01, 1.0),
        "rate_hz": whole(8000, 192000),
        "block": whole(1, 4096),
        "arithmetic": choice("f32", "q15", "q7"),
        "grade": choice("fast", "accurate"),
        "emphasis": optional({"pre": number(0.0, 0.999), "de": number(0.0, 0.999)}),
        "dither": choice("none", "white", "shaped"),
        "memory": items(
            {
                "name": text,
                "kind": choice("ram", "flash"),
                "bytes": whole(1, 1 << 40),
                "for": text,
            }
        ),
        "audio": {
            "kind": choice(*AUDIO),
            "codec": optional(text),
            "channels": whole(1, 8),
            **wires,
        },
        "controls": items(choice("pot", "switch", "encoder", "expression", "midi")),
        "flash": optional(
            {
                "how": choice(*FLASH),
                "target": choice(*(target for targets in FLASH.values() for target in targets)),
                "page": text,
                "start": optional(whole(0, (1 << 32) - 1)),
                "bytes": optional(whole(1, 1 << 26)),
                "enter": text,
            }
        ),
        "emulated_by": optional(choice(*[name for name in names() if name.startswith("emu_")])),
        "verified": items({"what": text, "how": choice("emulated", "native", "not on hardware")}),
    }


def _pin(value):
    """A pin's name, or its number."""
    if type(value) is int and 0 <= value <= 63 or isinstance(value, str) and value.strip():
        return value
    raise ValueError("a pin's name, or its number 0 to 63")


def _bits(value):
    if value not in (16, 24, 32) or type(value) is not int:
        raise ValueError("16, 24 or 32")
    return value


def rows():
    """One dict a board for `upedal boards`: what it is, its budget, what was verified and how."""
    for name in names():
        board = load(name)
        budget = board.budget_cycles_per_sample
        yield {
            "board": name,
            "mcu": board.mcu,
            "core": board.core if board.cores == 1 else f"{board.cores} x {board.core}",
            "arch": board.arch or "-",
            "clock_mhz": board.clock_hz // 1_000_000 if board.clock_hz else None,
            "rate_hz": board.rate_hz,
            "block": board.block,
            "arithmetic": f"{board.arithmetic} {board.grade}",
            "budget_cycles_per_sample": round(budget) if budget else None,
            "verified": "; ".join(f"{entry.what}: {entry.how}" for entry in board.verified),
        }


def table():
    """The rows as a rich Table."""
    from rich.table import Table

    titles = {"clock_mhz": "MHz", "rate_hz": "Hz", "budget_cycles_per_sample": "cycles a sample"}
    result = Table(title="Boards", caption="cycles a sample: what effects may use of one core")
    all_rows = list(rows())
    for key in all_rows[0]:
        number = key in ("clock_mhz", "rate_hz", "block", "budget_cycles_per_sample")
        result.add_column(titles.get(key, key), justify="right" if number else "left")
    for row in all_rows:
        result.add_row(*("-" if value is None else str(value) for value in row.values()))
    return result


def device_module(board):
    """Source of pedal/board.py on the device: what rigs and drivers need of the profile."""
    keys = [
        "name",
        "rate_hz",
        "block",
        "cores",
        "clock_hz",
        "arithmetic",
        "grade",
        "pre_emphasis",
        "de_emphasis",
        "dither",
    ]
    values = {key: getattr(board, key) for key in keys}
    values |= {"audio": board.audio.kind, "codec": board.audio.codec}
    values |= {"channels": board.audio.channels}
    values |= {f"audio_{key}": _wires(board.audio, key) for key in AUDIO_KEYS}
    for key in ("full_scale_in_dbu", "full_scale_out_dbu"):
        values[key] = getattr(board.audio, key)
    lines = [f'"""{board.title}, from its profile. Written by upedal; edit the profile."""', ""]
    lines += [f"{key.upper()} = {value!r}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _wires(audio, key):
    """A value of audio; of a mapping, only what is given: ports refuse arguments they do not know."""
    value = getattr(audio, key)
    if isinstance(value, dict):
        return {name: pin for name, pin in value.items() if pin is not None}
    return value
