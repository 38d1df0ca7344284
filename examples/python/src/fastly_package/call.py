"""A call on a thread of its own: the caller's thread can feed it, be interrupted, and leave when the time is over."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from io import FileIO
from threading import Thread
from typing import Generic, TypeVar

from .cancel import Cancel
from .errors import CallTimeout, Cancelled
from .pipe import pipe

T = TypeVar("T")

# In milliseconds: `poll` takes no more at once.
_LONGEST = 2**31 - 1


class Call(Generic[T]):
    def __init__(self, result: Future[T], ended: FileIO, timeout: float | None, cancel: Cancel | None) -> None:
        self._result = result
        self._ended = ended
        self._cancel = cancel
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """Seconds of the timeout, which may be none or fewer."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def has_ended(self, *, or_takes: int | None = None, or_gives: int | None = None) -> bool:
        """Waits for the end of the call, for the pipe `or_takes` to take more, or for `or_gives` to have more."""
        poller = select.poll()
        poller.register(self._ended, 0)
        if self._cancel is not None:
            poller.register(self._cancel, 0)
        if or_takes is not None:
            poller.register(or_takes, select.POLLOUT)
        if or_gives is not None:
            poller.register(or_gives, select.POLLIN)
        while True:
            left = self.left()
            events = dict(poller.poll(None if left is None else min(max(0.0, left) * 1000, _LONGEST)))
            if self._ended.fileno() in events:
                return True
            if self._cancel is not None and self._cancel.is_set():
                raise Cancelled("the call was cancelled")
            # Also if there is something to do: a source that is always slow is over its time too.
            if left is not None and left <= 0:
                raise CallTimeout("the call took longer than its timeout")
            if events:
                return False

    def result(self) -> T:
        self.has_ended()
        return self._result.result()


@contextmanager
def started(function: Callable[[], T], timeout: float | None, cancel: Cancel | None) -> Iterator[Call[T]]:
    """Left before its end, the call goes on by itself, until what it waits for comes or wasmtime gives up."""
    if cancel is not None and cancel.is_set():
        raise Cancelled("the call was cancelled before it began")
    result: Future[T] = Future()
    # The reading end reports a hang-up when the call has ended and closed the other.
    ended, running = pipe()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as why:
            result.set_exception(why)
        finally:
            running.close()

    with ended:
        # A daemon, for what was left not to keep the process from its end.
        thread = Thread(target=run, name="fastly-package", daemon=True)
        try:
            thread.start()
        except BaseException:
            # Twice, where it was interrupted as it started and runs nevertheless.
            running.close()
            raise
        yield Call(result, ended, timeout, cancel)
