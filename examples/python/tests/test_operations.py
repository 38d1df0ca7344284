"""Calls that succeed."""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import mmap
import os
import pickle
import socket
import subprocess
import sys
import threading
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

import fastly_package
from fastly_package import ApiError, Client, InvalidArgument, Source

from .conftest import TOKEN, create_package
from .test_early_responses import Server

SOURCES = str(Path(__file__).parent.parent / "src")


def hashsum(content: bytes) -> str:
    return hashlib.sha512(content).hexdigest()


def test_get_returns_the_package_that_was_put(client: Client, package: bytes) -> None:
    put = client.put_package("get", 3, package)
    got = client.get_package("get", 3)
    assert (got.package.id, got.package.service_id, got.package.version) == (put.package.id, "get", 3)
    assert got.package.metadata is not None
    assert got.package.metadata.hashsum == hashsum(package)
    assert (got.package.metadata.name, got.package.metadata.authors) == ("sample", ("a", "b"))
    assert json.loads(got.body)["id"] == got.package.id
    assert got.rate_limit is None
    assert put.rate_limit is not None and put.rate_limit.remaining is not None


def test_the_versions_of_a_service_are_listed(client: Client, package: bytes) -> None:
    for version in (1, 3):
        client.put_package("list", version, package)
    versions = client.list_versions("list")
    assert [(it.number, it.active, it.locked) for it in versions] == [(1, False, False), (3, False, False)]
    assert versions[0].created_at is not None
    with pytest.raises(InvalidArgument):
        client.list_versions("..")


@pytest.mark.parametrize(
    "kind", ["path", "str", "bytes", "bytearray", "memoryview", "file", "bytesio", "mmap", "gzip", "pipe"]
)
@pytest.mark.parametrize("size", ["small", "large"])
def test_each_kind_of_source_is_stored_unchanged(
    client: Client, package: bytes, large: Path, tmp_path: Path, kind: str, size: str
) -> None:
    content = package if size == "small" else large.read_bytes()
    path = tmp_path / "package"
    path.write_bytes(gzip.compress(content, 1) if kind == "gzip" else content)
    sources: dict[str, Source] = {
        "path": path,
        "str": str(path),
        "bytes": content,
        "bytearray": bytearray(content),
        "memoryview": memoryview(content),
        "bytesio": io.BytesIO(content),
    }
    announced = None
    if kind == "file":
        sources[kind] = path.open("rb")
    elif kind == "mmap":
        with path.open("rb") as file:
            sources[kind] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    elif kind == "gzip":
        sources[kind] = gzip.GzipFile(path)
    elif kind == "pipe":
        reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
        threading.Thread(target=lambda: (writing.write(content), writing.close())).start()
        sources[kind], announced = reading, len(content)
    reply = client.put_package("sources", 1, sources[kind], size=announced)
    assert reply.package.metadata is not None
    assert reply.package.metadata.hashsum == hashsum(content)


@pytest.mark.parametrize("layout", ["elements", "columns", "strided"])
def test_a_memoryview_is_stored_as_its_bytes(client: Client, layout: str) -> None:
    content = create_package(100_000)
    content += bytes(-len(content) % 4)
    views: dict[str, memoryview] = {
        "elements": memoryview(content).cast("I"),
        "columns": memoryview(content).cast("B", (len(content) // 4, 4)),
        "strided": memoryview(bytes(byte for pair in zip(content, content, strict=True) for byte in pair))[::2],
    }
    sizes: list[int] = []
    reply = client.put_package("view", 1, views[layout], progress=lambda _, size: sizes.append(size))
    assert reply.package.metadata is not None
    assert reply.package.metadata.hashsum == hashsum(content)
    assert set(sizes) == {len(content)}


def test_the_buffered_data_of_a_pipe_is_stored_too(client: Client, package: bytes) -> None:
    reading, writing = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    with reading, writing:
        writing.write(b"a line\n" + package)
        writing.flush()
        assert reading.readline() == b"a line\n"
        threading.Timer(0.2, writing.close).start()
        reply = client.put_package("ahead", 1, reading, size=len(package), timeout=10)
    assert reply.package.metadata is not None
    assert reply.package.metadata.hashsum == hashsum(package)


def test_a_source_that_determines_its_end_itself_does_not_block(client: Client, package: bytes) -> None:
    """For example an HTTP response whose connection stays open."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(package) + package)
        response = HTTPResponse(ours)
        response.begin()
        reply = client.put_package("response", 1, response, size=len(package), timeout=10)
    assert reply.package.metadata is not None
    assert reply.package.metadata.hashsum == hashsum(package)


def test_progress_counts_bytes_not_elements(client: Client, package: bytes) -> None:
    content = package + bytes(-len(package) % 4)

    class Elements(io.BytesIO):
        def read(self, size: int | None = -1, /) -> Any:
            return memoryview(super().read(size)).cast("I")

    seen: list[int] = []
    reply = client.put_package("view", 2, Elements(content), progress=lambda read, _: seen.append(read))
    assert reply.package.metadata is not None
    assert reply.package.metadata.hashsum == hashsum(content)
    assert seen == [len(content)]


def test_a_file_object_is_read_from_its_position_and_stays_open(client: Client, package: bytes) -> None:
    source = io.BytesIO(b"before" + package)
    source.seek(6)
    client.put_package("position", 1, source)
    assert source.tell() == 6 + len(package)


def test_progress_is_called_on_the_callers_thread_up_to_the_size(client: Client, large: Path) -> None:
    seen: list[tuple[int, int, threading.Thread]] = []
    client.put_package("progress", 1, large, progress=lambda *args: seen.append((*args, threading.current_thread())))
    size = large.stat().st_size
    assert [read for read, _, _ in seen] == sorted(read for read, _, _ in seen)
    assert len(seen) > 10
    assert seen[-1][:2] == (size, size)
    assert {thread for _, _, thread in seen} == {threading.current_thread()}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="requires /proc")
def test_a_package_is_not_held_in_memory(api_url: str, package: bytes, large: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.write_bytes(package)

    def peak(path: Path) -> int:
        script = (
            "import sys, fastly_package\n"
            "fastly_package.put_package('memory', 1, sys.argv[1])\n"
            "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
        )
        environment = os.environ | {"FASTLY_API_TOKEN": TOKEN, "FASTLY_API_ENDPOINT": api_url, "PYTHONPATH": SOURCES}
        command = [sys.executable, "-c", script, str(path)]
        return int(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)

    peak(small)  # Compiles the component.
    assert peak(large) - peak(small) < 8 * 1024


def test_the_functions_read_token_and_api_from_the_environment(
    api_url: str, package: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTLY_API_TOKEN", TOKEN)
    monkeypatch.setenv("FASTLY_API_ENDPOINT", api_url)
    put = fastly_package.put_package("environment", 1, package)
    assert fastly_package.get_package("environment", 1).package.id == put.package.id


def test_repr_does_not_contain_the_token() -> None:
    assert TOKEN not in repr(Client(token=TOKEN)) + str(Client(token=TOKEN))


def test_a_client_can_not_be_pickled_or_copied() -> None:
    for pickled in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="create one in each process"):
            pickled(Client(token=TOKEN))


@pytest.mark.parametrize(("user_agent", "sent"), [(None, b"fastly-package"), ("mine/1.0 (x)", b"mine/1.0 (x)\r\n")])
def test_the_user_agent_is_the_components_unless_set(
    listener: socket.socket, user_agent: str | None, sent: bytes
) -> None:
    server = Server(listener, "401 No", 0, closes=False)
    with pytest.raises(ApiError):
        Client(token=TOKEN, api_url=server.url, user_agent=user_agent).get_package("id", 1)
    server.done.set()
    assert b"user-agent: " + sent in server.received.lower()
