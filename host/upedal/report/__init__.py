"""The report of a model: one HTML file that needs nothing else, to be read and listened to."""

from .figures import board_rows, tiles, title, verdict
from .index import write_index
from .page import put, write, write_model
from .plain import index_text, model_text

__all__ = ["board_rows", "index_text", "model_text", "put", "tiles", "title", "verdict", "write", "write_index", "write_model"]  # fmt: skip
