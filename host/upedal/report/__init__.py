"""The HTML report of a capture: one file that needs nothing else, to be read and listened to."""

from .figures import board_rows, table, tiles, title, verdict
from .page import write

__all__ = ["board_rows", "table", "tiles", "title", "verdict", "write"]
