"""Our own files, as one format among the others."""

from .. import upm


def detect(data, name):
    return data[:4] == b"UPMD"


def read(data, name, *, size=None, warn=print):
    return upm.loads(data, name)


def write(model, name, *, warn=print):
    return upm.dumps(model)
