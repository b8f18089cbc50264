"""Events: what happened to a control, and the functions that want to know."""

import sys

# Functions that take an exception raised by a function of the user's; the engine adds its own.
on_error = []


def report(error):
    """Hand an exception to all of `on_error`; print it where there is none."""
    if on_error:
        for hook in on_error:
            hook(error)
    elif hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)


class Event:
    """Something that happens to a control, such as switch.pressed.

    fire() calls the functions one after the other, in the order they were added. One that raises
    is reported (see `on_error`) and does not stop the others.
    """

    def __init__(self, value=False):
        """value: whether the functions get the one value that fire() is given."""
        self.functions = []
        self.fire = self._fire_value if value else self._fire

    def add(self, function):
        """Call `function` from now on; -> the function, so that @switch.pressed.add works."""
        if not callable(function):
            raise ValueError(f"an event got {function!r}; expected a function, without ()")
        self.functions.append(function)
        return function

    def remove(self, function):
        """Call it no more. ValueError if it was never added."""
        self.functions.remove(function)

    def _fire(self):
        for function in self.functions:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - the user's program, whatever it raises
                report(error)

    def _fire_value(self, value):
        for function in self.functions:
            try:
                function(value)
            except Exception as error:  # noqa: BLE001 - the user's program, whatever it raises
                report(error)
