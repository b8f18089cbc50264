"""The memory card of an emulated board: a LittleFS image made and read on the host.

The geometry is that of `device/firmware/common/_boot.py` and must stay so.
"""

from .errors import UpedalError

BLOCK = 4096
SIZE = 4096 * BLOCK  # bytes of every emulated board's card
_GEOMETRY = {
    "block_size": BLOCK,
    "read_size": 512,
    "prog_size": 512,
    "cache_size": 2048,  # MicroPython's choice: 4 * max(read, prog)
    "lookahead_size": 512,
}
_OLDEST = 0x00020000  # disk version 2.0, which every MicroPython reads; boards may raise it


def build(files, size=SIZE):
    """A card of `size` bytes holding `files`: {path: bytes}, folders made as needed. -> bytes"""
    _check_size(size, "the card to build")
    filesystem = _open(None, size)
    for path, data in sorted(files.items()):
        _write(filesystem, "/" + path.strip("/"), bytes(data), size)
    return bytes(filesystem.context.buffer)


def read(image):
    """Every file on a card. image: bytes -> {path without leading slash: bytes}"""
    from littlefs import LittleFSError

    _check_size(len(image), "the card to read")
    try:
        filesystem = _open(image, len(image))
        return {path.lstrip("/"): _read(filesystem, path) for path in _paths(filesystem)}
    except LittleFSError as error:
        raise UpedalError(f"the card holds no readable LittleFS: {error}") from error


def _check_size(size, what):
    if size % BLOCK or size < 4 * BLOCK:
        raise UpedalError(f"{what} has {size} bytes; expected a multiple of {BLOCK}, at least 4")


def _open(image, size):
    from littlefs import LittleFS, UserContext

    context = UserContext(size)
    if image is not None:
        context.buffer[:] = image
    version = {"disk_version": _OLDEST} if image is None else {}
    filesystem = LittleFS(context, mount=False, block_count=size // BLOCK, **_GEOMETRY, **version)
    if image is None:
        filesystem.format()
    filesystem.mount()
    return filesystem


def _write(filesystem, path, data, size):
    from littlefs import LittleFSError

    try:
        folder = path.rpartition("/")[0]
        if folder:
            filesystem.makedirs(folder, exist_ok=True)
        with filesystem.open(path, "wb") as file:
            file.write(data)
    except LittleFSError as error:
        raise UpedalError(
            f"{path} ({len(data)} bytes) does not go onto a card of {size} bytes: {error}"
        ) from error


def _paths(filesystem):
    for folder, _, names in filesystem.walk("/"):
        for name in names:
            yield folder.rstrip("/") + "/" + name


def _read(filesystem, path):
    with filesystem.open(path, "rb") as file:
        return file.read()
