"""Runs at power-on: first ends a deployment that was cut off, then plays the rig."""

import settle  # noqa: F401 - works by being imported
from pedal.play import start

start()
