"""What a pedal needs on board: {path on the device: bytes} for a rig."""

import ast
import json
import subprocess
import tempfile
from pathlib import Path

from upedal import paths
from upedal.errors import UpedalError

NATIVE = ("pedal_nn", "pedal_fx")
_TABLE = 'from pedal.play import load_rig\n\nrig = load_rig("/rig.json")\n'  # the script of a rig in a table
# Native code made for the right also runs on the left.
RUNS_ON = {
    "armv7em": ("armv7em", "armv7m"),
    "armv7emdp": ("armv7emdp", "armv7emsp"),
}


def collect(rig_path, *, arch, board=None, native=NATIVE, model_dir=None):
    """All files for one device.

    arch: of its native code; native: the modules its firmware lacks; board: its upedal.board.Board.
    """
    from upedal.board import device_module

    rig_path = Path(rig_path)
    files = {}
    for name in ("main", "settle"):
        files[f"/{name}.py"] = (paths.DEVICE / f"{name}.py").read_bytes()
    files |= package()
    if board:
        files["/lib/pedal/board.py"] = device_module(board).encode()
    files |= _natives(native, arch)
    files |= _rig(rig_path, model_dir)
    made = cabinets(rig_path, model_dir=model_dir, rate_hz=board.rate_hz if board else None)
    files |= {f"/models/{name}": wav for name, wav in made.items()}
    return files


def package():
    """The pedal package: compiled by the tree's mpy-cross, or as it was packed, or as source."""
    cross = paths.BUILD / "micropython" / "mpy-cross" / "build" / "mpy-cross"
    packed = paths.BUILD / "device"
    with tempfile.TemporaryDirectory() as folder:
        if cross.is_file():
            compile_package(Path(folder), cross)
            return _tree(Path(folder), "*.mpy")
    if (packed / "pedal").is_dir():
        return _tree(packed, "*.mpy")
    return _tree(paths.DEVICE, "pedal/**/*.py")


def compile_package(to, cross):
    """device/pedal/*.py -> TO/pedal/*.mpy, by the mpy-cross at `cross`."""
    for source in sorted((paths.DEVICE / "pedal").rglob("*.py")):
        if source == paths.DEVICE / "pedal" / "board.py":
            continue  # the device's own, made from its profile
        name = source.relative_to(paths.DEVICE)
        target = to / name.with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [str(cross), "-s", name.as_posix(), "-o", str(target), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UpedalError(
                f"{source}: mpy-cross failed: {(done.stderr or done.stdout).strip()}"
            )


def _tree(root, pattern):
    files = sorted(path for path in root.rglob(pattern) if path.name != "board.py")
    return {f"/lib/{path.relative_to(root).as_posix()}": path.read_bytes() for path in files}


def _natives(names, arch):
    """The native modules for an architecture, or one whose code it runs too."""
    if not names:
        return {}
    for candidate in RUNS_ON.get(arch, (arch,)):
        folder = paths.NATMODS / str(candidate)
        if all((folder / f"{name}.mpy").is_file() for name in names):
            return {f"/lib/{name}.mpy": (folder / f"{name}.mpy").read_bytes() for name in names}
    there = sorted(path.name for path in paths.NATMODS.glob("*") if path.is_dir())
    raise UpedalError(
        f"{paths.NATMODS}: no native modules for {arch}; there are {', '.join(there) or 'none'}. "
        "`make natmod` builds them"
    )


def _rig(path, model_dir):
    """The rig script, the modules beside it that it imports, and its models."""
    files, models = {}, {}
    for module, text, tree in _scripts(path):
        if module.suffix == ".json":
            files["/rig.json"] = text.encode()
            text = _TABLE
        files["/rig.py" if module == path else f"/{module.name}"] = text.encode()
        for line, name in _models(tree):
            found = _find_model(name, module, line, model_dir)
            known = models.setdefault(found.name, found)
            if known != found:
                raise UpedalError(
                    f"{module}:{line}: {found} and {known} would be one file on the device; "
                    "expected models of different names"
                )
    for name, found in models.items():
        files[f"/models/{name}"] = found.read_bytes()
    return files


def _scripts(path):
    """(file, text, syntax tree) of the rig script and of each module beside it that it imports."""
    modules = [path]
    for module in modules:
        text = _source(module)
        tree = _parse(module, text)
        yield module, text, tree
        for name in _imports(tree):
            beside = path.parent / f"{name}.py"
            if beside.is_file() and beside not in modules:
                modules.append(beside)


def cabinets(rig_path, *, model_dir=None, rate_hz=None):
    """{name: bytes of a WAV file} for the rig's CabIR(...), by the names it looks for.

    rate_hz: of the board; a Rig(rate_hz=...) in the rig's scripts goes before it, 48000 Hz after it.
    """
    from upedal import ir_rig

    rig_path = Path(rig_path)
    scripts = [(module, tree) for module, _, tree in _scripts(rig_path)]
    stated = [rate for _, tree in scripts for rate in ir_rig.rates(tree)]
    rate_hz = stated[0] if stated else rate_hz or 48000
    return ir_rig.made(scripts, rate_hz, lambda module: _places(module, model_dir))


def _source(path):
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UpedalError(f"{path}: {error.strerror}; expected a rig script") from None
    except UnicodeDecodeError:
        raise UpedalError(f"{path}: is not UTF-8 text; expected a rig script") from None


def _parse(path, text):
    if path.suffix == ".json":
        return _parse_table(path, text)
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 1)
        raise UpedalError(f"{path}:{line}: {error}; expected a Python script") from None


def _parse_table(path, text):
    """The syntax tree of the script that would make the table's effects, and state its rate."""
    from upedal.script import source

    try:
        table = json.loads(text)
        lines = [source(entry) for entry in table["effects"]]
        return ast.parse("\n".join([*lines, f"Rig(rate_hz={table.get('rate_hz')!r})"]))
    except (ValueError, KeyError, TypeError, SyntaxError) as error:
        raise UpedalError(f"{path}: {error}; expected a JSON table with effects") from None


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _models(tree):
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and text.endswith(".upm"):
            yield node.lineno, text


def _places(script, model_dir):
    return [Path(folder) for folder in (model_dir, script.parent, Path.cwd()) if folder]


def _find_model(name, script, line, model_dir):
    places = _places(script, model_dir)
    for folder in places:
        for path in (folder / name, folder / Path(name).name):
            if path.is_file():
                return path.resolve()
    looked = ", ".join(str(folder) for folder in places)
    raise UpedalError(f"{script}:{line}: model {name!r} not found; looked in {looked}")
