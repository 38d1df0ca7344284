"""Many calls at once."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from wasmtime.component import String

from fastly_package import Client, InvalidArgument

from .conftest import TOKEN, made
from .test_early_answers import Server


def test_uploads_of_many_threads_are_each_stored_as_they_are(client: Client) -> None:
    def upload(number: int) -> bool:
        package = made(100_000 * number)
        put = client.put_package(f"thread{number}", 1, package, filename=f"{number}.tar.gz")
        got = client.get_package(f"thread{number}", 1)
        assert got.package.metadata is not None
        return put.package.id == got.package.id and got.package.metadata.hashsum == hashlib.sha512(package).hexdigest()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(upload, range(48)))


def test_arguments_that_are_passed_at_once_are_not_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch of threads is rare where `wasmtime` notes the types of an argument, so it is made to happen."""
    note = String.add_classes

    def note_and_switch(self: String, types: set[type]) -> None:
        time.sleep(0)
        note(self, types)
        time.sleep(0)

    monkeypatch.setattr(String, "add_classes", note_and_switch)
    client = Client(token=TOKEN, api_url="http://192.0.2.1")

    def get(_: int) -> None:
        with pytest.raises(InvalidArgument, match="loopback"):
            client.get_package("nobody", 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(get, range(400)))


def test_a_call_that_waits_does_not_hold_up_other_threads(listener: socket.socket, large: Path) -> None:
    servers = [Server(socket.create_server(("127.0.0.1", 0)), "401 No", 10**9, closes=False) for _ in range(4)]
    threads = [
        threading.Thread(target=Client(token=TOKEN, api_url=server.url).put_package, args=("id", 1, large), daemon=True)
        for server in servers
    ]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    turns = 0
    while time.monotonic() - started < 0.5:
        turns += 1
        time.sleep(0.001)
    assert turns > 20
    assert all(thread.is_alive() for thread in threads)


def test_a_call_that_no_thread_can_be_started_for_leaves_nothing_open(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    def fail() -> None:
        with pytest.raises(RuntimeError, match="new thread"):
            client.get_package("threads", 1)

    fail()
    before = set(os.listdir("/dev/fd"))
    fail()
    # What other tests have left may be closed meanwhile.
    assert set(os.listdir("/dev/fd")) <= before
