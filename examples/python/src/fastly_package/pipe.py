"""Pipes whose writing end a forked process closes, so that they end when this process closes it."""

from __future__ import annotations

import os
from io import FileIO
from threading import RLock
from weakref import WeakSet

# Reentrant, for a signal handler that forks while the lock is held.
_lock = RLock()


class _Writing(FileIO):
    """A writing end. The lock prevents a fork while it is being closed."""

    def close(self) -> None:
        with _lock:
            super().close()


_writing: WeakSet[_Writing] = WeakSet()


def pipe() -> tuple[FileIO, FileIO]:
    """Return the reading and the writing end. Each may be closed more than once."""
    with _lock:
        reading_fd, writing_fd = os.pipe()
        reading, writing = FileIO(reading_fd, "rb"), _Writing(writing_fd, "wb")
        _writing.add(writing)
    return reading, writing


def _after_in_child() -> None:
    for end in tuple(_writing):
        end.close()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_in_child)
