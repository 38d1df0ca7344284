"""Calls that another thread cancels."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from fastly_package import Cancel, Cancelled, Client

from .conftest import TOKEN
from .test_failures import no_connection, url


@pytest.fixture
def calls(listener: socket.socket, large: Path) -> dict[str, Callable[[Cancel], object]]:
    """Calls that don't end by themselves, since the server doesn't respond."""
    client = Client(token=TOKEN, api_url=url(listener))

    def from_pipe(cancel: Cancel) -> None:
        reading, writing = os.pipe()
        with open(reading, "rb") as source, open(writing, "wb"):
            client.put_package("id", 1, source, size=1000, cancel=cancel)

    return {
        "get": lambda cancel: client.get_package("id", 1, cancel=cancel),
        "list": lambda cancel: client.list_versions("id", cancel=cancel),
        "put": lambda cancel: client.put_package("id", 1, large, cancel=cancel),
        "put from a pipe": from_pipe,
    }


@pytest.mark.parametrize("kind", ["get", "list", "put", "put from a pipe"])
def test_a_call_ends_when_it_is_cancelled(calls: dict[str, Callable[[Cancel], object]], kind: str) -> None:
    cancel = Cancel()
    started = time.monotonic()
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(Cancelled):
        calls[kind](cancel)
    assert 0.2 <= time.monotonic() - started < 2


@pytest.mark.parametrize("kind", ["get", "list", "put", "put from a pipe"])
def test_a_call_that_was_cancelled_beforehand_is_not_started(
    listener: socket.socket, calls: dict[str, Callable[[Cancel], object]], kind: str
) -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        calls[kind](cancel)
    assert cancel.is_set()
    assert no_connection(listener)


def test_one_cancel_ends_many_calls(calls: dict[str, Callable[[Cancel], object]]) -> None:
    cancel = Cancel()
    ended: list[type[BaseException]] = []

    def call(kind: str) -> None:
        with pytest.raises(Cancelled) as caught:
            calls[kind](cancel)
        ended.append(caught.type)

    threads = [threading.Thread(target=call, args=(kind,)) for kind in calls]
    for thread in threads:
        thread.start()
    cancel.set()
    cancel.set()
    for thread in threads:
        thread.join(5)
    assert len(ended) == len(threads)


def test_a_task_that_is_cancelled_can_end_its_call(calls: dict[str, Callable[[Cancel], object]]) -> None:
    """The example of the README."""
    ended = threading.Event()

    def call(cancel: Cancel) -> None:
        with pytest.raises(Cancelled):
            calls["put"](cancel)
        ended.set()

    async def task() -> None:
        cancel = Cancel()
        try:
            await asyncio.to_thread(call, cancel)
        finally:
            cancel.set()

    async def run() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(task(), 0.2)

    asyncio.run(run())
    assert ended.wait(5)


def test_a_forked_process_has_its_own_cancel() -> None:
    """Before the first call: a process forked after that can't make calls."""
    script = """
import os, socket, sys, threading
from fastly_package import Cancel, Cancelled, Client

first, second = Cancel(), Cancel()
second.set()
with socket.create_server(("127.0.0.1", 0)) as listener:
    if os.fork():
        first.set()
        _, status = os.wait()
        sys.exit(os.waitstatus_to_exitcode(status))
    assert second.is_set() and not first.is_set()
    client = Client(token="T", api_url=f"http://127.0.0.1:{listener.getsockname()[1]}", cache=False)
    threading.Timer(0.5, first.set).start()
    try:
        client.get_package("id", 1, cancel=first)
    except Cancelled as error:
        assert str(error) == "the call was cancelled", error
    else:
        sys.exit("the call was not cancelled")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_an_unused_cancel_has_no_effect_and_is_closed(client: Client, package: bytes) -> None:
    cancel = Cancel()
    client.put_package("cancel", 1, package, cancel=cancel)
    client.get_package("cancel", 1, cancel=cancel)
    assert not cancel.is_set()
    ends = [cancel.fileno(), cancel._writing.fileno()]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del cancel
        gc.collect()
    assert not [warning for warning in warned if f"name={ends[0]}" in str(warning.message)]
    for end in ends:
        with pytest.raises(OSError):
            os.fstat(end)
