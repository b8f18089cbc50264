"""Runs at power-on: first ends a deployment that was cut off, then plays the rig."""

try:
    import settle

    settle.DONE  # noqa: B018 - its last line: without it, the file is torn
# On FAT, cut off while settle.py itself was replaced: the new one lies ready.
except (SyntaxError, ImportError, NameError, AttributeError):
    with open("/settle.py.new") as _file:
        exec(_file.read())  # noqa: S102

from pedal.boot import start

start()
