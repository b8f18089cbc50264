"""Our own files, as one format among the others."""

from .. import upm, upm_lite


def detect(data, name):
    return data[:4] == b"UPMD"


def read(data, name, *, size=None, warn=print):
    model = upm.loads(data, name, size)
    if size is None and upm_lite.TAG in upm.sections(data):
        warn(f"{name}: holds a smaller model too, which is left out; --size both keeps it, --size lite takes it")
    return model


def write(model, name, *, warn=print):
    return upm.dumps(model)
