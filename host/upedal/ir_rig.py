"""The impulse responses that a rig script asks for: CabIR("cab.wav", taps=1024, minimum_phase=True).

The pedal cannot prepare a recording, so simulator and deploy do, from the call as it stands in the script. The
file's name carries what was done, so that one recording may be used in several ways.
"""

import ast
from pathlib import Path

from . import ir
from .errors import UpedalError

_DEFAULTS = {"taps": 1024, "minimum_phase": False}  # CabIR's


def prepared_name(path, taps, minimum_phase):
    """What CabIR(path, taps=, minimum_phase=) looks for: cab.flac, 1024, True -> cab-1024m.wav"""
    dot = path.rfind(".")
    stem = path[:dot] if dot > path.rfind("/") else path
    return f"{stem}-{taps}{'m' if minimum_phase else ''}.wav"


def rates(tree):
    """The rate_hz of each Rig(...) that states it as a number."""
    for call in _calls(tree, "Rig"):
        for option in call.keywords:
            value = getattr(option.value, "value", None)
            if option.arg == "rate_hz" and type(value) is int:
                yield value


def made(scripts, rate_hz, places):
    """{name: bytes of a WAV file} for the CabIR(...) in scripts [(file, syntax tree)].

    places(file): folders in which its recordings are looked for. A file that has the prepared name already
    is taken as it is.
    """
    files, sources = {}, {}
    for script, tree in scripts:
        for call in _calls(tree, "CabIR"):
            where = f"{script}:{call.lineno}"
            wanted = _arguments(call, where)
            if wanted is None:
                continue
            name = Path(prepared_name(*wanted)).name
            source, ready = _find(wanted, where, places(script))
            if sources.setdefault(name, source) != source:
                raise UpedalError(
                    f"{where}: {source} and {sources[name]} would be one file on the device; "
                    "expected impulse responses of different names"
                )
            if name not in files:
                files[name] = (
                    source.read_bytes() if ready else _make(source, wanted, rate_hz, where)
                )
    return files


def _make(source, wanted, rate_hz, where):
    _, taps, minimum_phase = wanted
    try:
        return ir.wav(ir.prepare(source, taps=taps, minimum_phase=minimum_phase, rate_hz=rate_hz))
    except UpedalError as error:
        raise UpedalError(f"{where}: {error}") from None


def _calls(tree, name):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            called = (
                function.attr
                if isinstance(function, ast.Attribute)
                else getattr(function, "id", None)
            )
            if called == name:
                yield node


def _arguments(call, where):
    """(path, taps, minimum_phase); None where the path is no plain text: the pedal then finds it, or says so."""
    given = {option.arg: option.value for option in call.keywords}
    path = call.args[0] if call.args else given.get("path")
    if not (isinstance(path, ast.Constant) and isinstance(path.value, str)):
        return None
    wanted = dict(_DEFAULTS)
    for name in wanted.keys() & given.keys():
        if not isinstance(given[name], ast.Constant):
            raise UpedalError(
                f"{where}: CabIR's {name} is {ast.unparse(given[name])}; expected a plain value, since the "
                "file is made before the rig runs"
            )
        wanted[name] = given[name].value
    if type(wanted["taps"]) is not int:
        raise UpedalError(f"{where}: CabIR's taps is {wanted['taps']!r}; expected a whole number")
    return path.value, wanted["taps"], bool(wanted["minimum_phase"])


def _find(wanted, where, folders):
    """(file, is it prepared already)"""
    for name, ready in ((prepared_name(*wanted), True), (wanted[0], False)):
        for folder in folders:
            for path in (folder / name, folder / Path(name).name):
                if path.is_file():
                    return path.resolve(), ready
    looked = ", ".join(str(folder) for folder in folders)
    raise UpedalError(f"{where}: impulse response {wanted[0]!r} not found; looked in {looked}")
