"""What ends calls from another thread."""

from __future__ import annotations

import os
from io import FileIO
from weakref import WeakSet, finalize

from .pipe import pipe


class Cancel:
    """Like a `threading.Event`: once it is set, the calls that it was handed to as `cancel=` end with `Cancelled`.

    In a process that is forked it is another one, set if this one was.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._open()
        _all.add(self)

    def _open(self) -> None:
        # The reading end reports a hang-up when the other is closed.
        self._reading, self._writing = pipe()
        finalize(self, _close, self._reading, self._writing)

    def set(self) -> None:
        self._is_set = True
        self._writing.close()

    def is_set(self) -> bool:
        return self._is_set

    def fileno(self) -> int:
        return self._reading.fileno()


_all: WeakSet[Cancel] = WeakSet()


def _close(*ends: FileIO) -> None:
    for end in ends:
        end.close()


def _after_in_child() -> None:
    # By now the pipes of the other process have lost their ends.
    for cancel in tuple(_all):
        if not cancel.is_set():
            cancel._reading.close()
            cancel._open()


os.register_at_fork(after_in_child=_after_in_child)
