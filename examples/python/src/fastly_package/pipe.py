"""Pipes that end when this process closes them: one that is forked meanwhile doesn't keep them open."""

from __future__ import annotations

import os
from io import FileIO
from threading import RLock
from weakref import WeakSet

# Entered twice where a signal that comes meanwhile forks.
_changing = RLock()


class _Writing(FileIO):
    """An end that is never half closed when a process is forked, with its descriptor open and unknown."""

    def close(self) -> None:
        with _changing:
            super().close()


_writing: WeakSet[_Writing] = WeakSet()


def pipe() -> tuple[FileIO, FileIO]:
    """The reading and the writing end, which, as files, may be closed twice."""
    with _changing:
        ours, theirs = os.pipe()
        reading, writing = FileIO(ours, "rb"), _Writing(theirs, "wb")
        _writing.add(writing)
    return reading, writing


def _after_in_child() -> None:
    for end in tuple(_writing):
        end.close()
    _changing.release()


os.register_at_fork(before=_changing.acquire, after_in_parent=_changing.release, after_in_child=_after_in_child)
