"""Cancellation of calls from another thread."""

from __future__ import annotations

import os
from io import FileIO
from weakref import WeakSet, finalize

from .pipe import pipe


class Cancel:
    """An event that ends the calls that it was passed to as `cancel=` with `Cancelled`.

    It has the methods of a `threading.Event`. A forked process has its own copy, in the state of the original.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._open()
        _all.add(self)

    def _open(self) -> None:
        # The reading end reports a hang-up when the writing end is closed.
        self._reading, self._writing = pipe()
        finalize(self, _close, self._reading, self._writing)

    def set(self) -> None:
        """Cancel the calls, including later ones."""
        self._is_set = True
        self._writing.close()

    def is_set(self) -> bool:
        """Return whether `set` was called."""
        return self._is_set

    def fileno(self) -> int:
        """Return a file descriptor that reports a hang-up once `set` was called."""
        return self._reading.fileno()


_all: WeakSet[Cancel] = WeakSet()


def _close(*ends: FileIO) -> None:
    for end in ends:
        end.close()


def _after_in_child() -> None:
    # `pipe` has closed the inherited writing ends in this process.
    for cancel in tuple(_all):
        if not cancel.is_set():
            cancel._reading.close()
            cancel._open()


os.register_at_fork(after_in_child=_after_in_child)
