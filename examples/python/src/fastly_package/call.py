"""A call on its own thread, so that the caller's thread can write the content, be interrupted, and time out."""

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

# The maximum timeout of `poll`, in milliseconds.
_MAX_POLL = 2**31 - 1


class Call(Generic[T]):
    """A running call."""

    def __init__(self, result: Future[T], ended: FileIO, timeout: float | None, cancel: Cancel | None) -> None:
        self._result = result
        self._ended = ended
        self._cancel = cancel
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def remaining(self) -> float | None:
        """Return the remaining seconds of the timeout, negative if it has expired, or `None` without a timeout."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def has_ended(self, *, or_writable: int | None = None, or_readable: int | None = None) -> bool:
        """Wait until the call has ended, or one of the file descriptors is ready. Return whether the call has ended."""
        poller = select.poll()
        poller.register(self._ended, 0)
        if self._cancel is not None:
            poller.register(self._cancel, 0)
        if or_writable is not None:
            poller.register(or_writable, select.POLLOUT)
        if or_readable is not None:
            poller.register(or_readable, select.POLLIN)
        while True:
            remaining = self.remaining()
            events = dict(poller.poll(None if remaining is None else min(max(0.0, remaining) * 1000, _MAX_POLL)))
            if self._ended.fileno() in events:
                return True
            if self._cancel is not None and self._cancel.is_set():
                raise Cancelled("the call was cancelled")
            # Also if a file descriptor is ready: otherwise a slow source could exceed the timeout.
            if remaining is not None and remaining <= 0:
                raise CallTimeout("the call took longer than its timeout")
            if events:
                return False

    def result(self) -> T:
        self.has_ended()
        return self._result.result()


@contextmanager
def started(function: Callable[[], T], timeout: float | None, cancel: Cancel | None) -> Iterator[Call[T]]:
    """Start a call on a new thread.

    If the context is left before the call has ended, the thread continues until the server responds or wasmtime's own
    timeouts expire.
    """
    if cancel is not None and cancel.is_set():
        raise Cancelled("the call was cancelled before it began")
    result: Future[T] = Future()
    # The reading end reports a hang-up when the call has ended and has closed the writing end.
    ended, running = pipe()

    def run() -> None:
        try:
            result.set_result(function())
        except BaseException as error:
            result.set_exception(error)
        finally:
            running.close()

    with ended:
        # A daemon thread doesn't prevent the process from exiting.
        thread = Thread(target=run, name="fastly-package", daemon=True)
        try:
            thread.start()
        except BaseException:
            # An interrupted start may run the thread nevertheless, which then closes the pipe a second time.
            running.close()
            raise
        yield Call(result, ended, timeout, cancel)
