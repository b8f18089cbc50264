"""Other people's model files, in and out. One foreign format a module: detect(), read(), write().

    detect(data, name) -> bool          data: the file's bytes; from content, the name is a hint
    read(data, name, *, size, warn)     -> layers.Model; UpedalError where it cannot be played right
    write(model, name, *, warn)         -> bytes; UpedalError where the format cannot hold the model

size: of a file's models, "lite", "full" or in a .nam 0..1; warn(text): what is lost or guessed.
"""

from importlib import import_module
from pathlib import Path

from .. import upm
from ..errors import UpedalError

# In the order of asking: formats with a magic first, then JSON by its keys.
READERS = ("upm_file", "namb", "nam", "guitarml", "guitarml_wavenet", "aidax", "neuralseed")
WRITERS = {
    "upm": "upm_file", "nam": "nam", "namb": "namb", "guitarml": "guitarml", "aidax": "aidax", "c": "csource",
}  # fmt: skip
_BY_SUFFIX = {".upm": "upm", ".nam": "nam", ".namb": "namb", ".aidax": "aidax", ".h": "c"}
MOST_BYTES = 64 << 20


def _module(name):
    return import_module(f".{name}", __package__)


def read(path, *, size=None, warn=print):
    """layers.Model of any known file."""
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UpedalError(f"{path}: {path.stat().st_size} bytes; expected a model of at most {MOST_BYTES}")
        data = path.read_bytes()
    except OSError as e:
        raise UpedalError(f"{path}: {e.strerror or e}") from None
    for name in READERS:
        module = _module(name)
        if module.detect(data, path.name):
            return module.read(data, str(path), size=size, warn=warn)
    known = ".upm, .nam, .namb, GuitarML, AIDA-X or RTNeural JSON, NeuralSeed header"
    raise UpedalError(f"{path}: no format that is known; expected {known}")


def read_both(path, *, warn=print):
    """(large, small) layers.Model of a file that holds models of several sizes."""
    large, small = (read(path, size=size, warn=warn) for size in ("full", "lite"))
    if sum(map(upm.macs, small.layers)) >= sum(map(upm.macs, large.layers)):
        raise UpedalError(f"{path}: holds a model of one size; expected a container, or a .upm with a section LITE")
    return large, small


def target(path, to=None):
    """The format to write: as asked, or by the file's ending."""
    if to is None:
        to = _BY_SUFFIX.get(Path(path).suffix.lower())
    if to not in WRITERS:
        raise UpedalError(f"{path}: which format? Say --to {', '.join([*WRITERS, 'max78000'])}")
    return to


def write(model, path, *, to=None, warn=print):
    """Writes the model; bytes written. A failed write leaves what was there."""
    to = target(path, to)
    data = _module(WRITERS[to]).write(model, str(path), warn=warn)
    upm.replace(path, data)
    return len(data)
