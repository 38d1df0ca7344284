"""Concurrent calls."""

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

from .conftest import TOKEN, create_package
from .test_early_responses import Server


def test_concurrent_uploads_are_stored_unchanged(client: Client) -> None:
    def upload(number: int) -> bool:
        package = create_package(100_000 * number)
        put = client.put_package(f"thread{number}", 1, package, filename=f"{number}.tar.gz")
        got = client.get_package(f"thread{number}", 1)
        assert got.package.metadata is not None
        return put.package.id == got.package.id and got.package.metadata.hashsum == hashlib.sha512(package).hexdigest()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(upload, range(48)))


def test_concurrent_conversions_of_arguments_are_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Force a thread switch while `wasmtime` collects the types of an argument, where it is rare."""
    add_classes = String.add_classes

    def add_classes_and_switch(self: String, types: set[type]) -> None:
        time.sleep(0)
        add_classes(self, types)
        time.sleep(0)

    monkeypatch.setattr(String, "add_classes", add_classes_and_switch)
    client = Client(token=TOKEN, api_url="http://192.0.2.1")

    def get(_: int) -> None:
        with pytest.raises(InvalidArgument, match="loopback"):
            client.get_package("nobody", 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(get, range(400)))


def test_a_call_that_waits_does_not_block_other_threads(listener: socket.socket, large: Path) -> None:
    servers = [Server(socket.create_server(("127.0.0.1", 0)), "401 No", 10**9, closes=False) for _ in range(4)]
    threads = [
        threading.Thread(target=Client(token=TOKEN, api_url=server.url).put_package, args=("id", 1, large), daemon=True)
        for server in servers
    ]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    iterations = 0
    while time.monotonic() - started < 0.5:
        iterations += 1
        time.sleep(0.001)
    assert iterations > 20
    assert all(thread.is_alive() for thread in threads)


def test_a_call_whose_thread_can_not_be_started_leaks_no_file_descriptors(
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
    # File descriptors of other tests may be closed in the meantime.
    assert set(os.listdir("/dev/fd")) <= before
