"""Errors that a user can act on: the command line prints them without a traceback."""


class UpedalError(Exception):
    """Something the user gave or the machine lacks; the message says what, where and what was expected."""


class BoardError(UpedalError):
    """A board, real or emulated, did not answer or raised; `.output` holds what it printed."""

    def __init__(self, message, output=""):
        super().__init__(message)
        self.output = output
