"""Servers that respond before they have received the whole upload, and stop reading."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fastly_package import ApiError, CallTimeout, Client, Source, TransportError, UnexpectedResponse

from .conftest import TOKEN

BODY = b'{"msg":"no"}'


class Server(threading.Thread):
    """Read `after` bytes of one request, respond with `status`, and then close or keep the connection."""

    def __init__(self, listener: socket.socket, status: str, after: int, *, closes: bool) -> None:
        super().__init__(daemon=True)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.received = b""
        self.done = threading.Event()
        self._listener, self._status, self._after, self._closes = listener, status, after, closes
        self.start()

    def run(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while b"\r\n\r\n" not in self.received or len(self.received) < self._after:
                self.received += connection.recv(65536)
            head = f"HTTP/1.1 {self._status}\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
            connection.sendall(head.encode() + BODY)
            if not self._closes:
                self.done.wait(20)


@pytest.mark.parametrize("after", [0, 5_000_000])
@pytest.mark.parametrize("status", [401, 413])
@pytest.mark.parametrize("expect_continue", [False, True])
@pytest.mark.parametrize("kind", ["path", "bytes"])
def test_an_early_error_response_is_the_result_of_the_call(
    listener: socket.socket, large: Path, status: int, after: int, expect_continue: bool, kind: str
) -> None:
    server = Server(listener, f"{status} No", after, closes=False)
    started = time.monotonic()
    client = Client(token=TOKEN, api_url=server.url)
    source = large if kind == "path" else large.read_bytes()
    with pytest.raises(ApiError) as caught:
        client.put_package("id", 1, source, expect_continue=expect_continue)
    server.done.set()
    assert (caught.value.status, caught.value.title) == (status, "no")
    assert time.monotonic() - started < 2
    assert (b"expect: 100-continue" in server.received.lower()) == expect_continue


def test_an_upload_with_a_wrong_token_always_raises_the_401(api_url: str, large: Path) -> None:
    """The emulator responds to the head of an upload and closes the connection; wasmtime loses many such responses."""
    wrong = Client(token="wrong", api_url=api_url)

    def upload(_: int) -> int:
        with pytest.raises(ApiError) as caught:
            wrong.put_package("early", 1, large)
        return caught.value.status

    # Concurrently: the higher the load, the more responses are lost.
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(upload, range(40))) == [401] * 40


class LosingServer(threading.Thread):
    """Close an upload's connection without a response, and respond to a GET with `response`, or not at all."""

    def __init__(self, listener: socket.socket, response: str | None) -> None:
        super().__init__(daemon=True)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.heads: list[bytes] = []
        self._listener, self._response = listener, response
        self.start()

    def run(self) -> None:
        waiting = []
        while True:
            connection, _ = self._listener.accept()
            self.heads.append(connection.recv(65536).partition(b"\r\n\r\n")[0].lower())
            if self.heads[-1].startswith(b"get") and self._response is None:
                waiting.append(connection)
                continue
            with connection:
                if self.heads[-1].startswith(b"get"):
                    connection.sendall(
                        f"HTTP/1.1 {self._response}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
                    )


def test_after_a_lost_response_one_get_detects_a_wrong_token(listener: socket.socket, large: Path) -> None:
    server = LosingServer(listener, "401 No")
    with pytest.raises(ApiError, match="the API responded with 401: no") as caught:
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, large, timeout=10)
    assert isinstance(caught.value.__cause__, TransportError)
    put, get = server.heads
    assert put.startswith(b"put /service/id/version/1/package ")
    assert get.startswith(b"get /service/id/version/1/package ")
    assert f"fastly-key: {TOKEN}".encode() in get


@pytest.mark.parametrize("response", ["200 OK", "403 No", "404 No", "500 No", "nonsense", None])
def test_another_result_of_that_get_does_not_replace_the_error(
    listener: socket.socket, large: Path, response: str | None
) -> None:
    server = LosingServer(listener, response)
    started = time.monotonic()
    with pytest.raises(TransportError):
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, large, timeout=1)
    assert time.monotonic() - started < 3
    assert len(server.heads) == 2


def test_no_get_follows_a_failed_connection(
    listener: socket.socket, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(token=TOKEN, api_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    listener.close()
    gets: list[object] = []
    monkeypatch.setattr(client, "get_package", lambda *_, **__: gets.append(1))
    with pytest.raises(TransportError, match="connection-refused"):
        client.put_package("id", 1, large)
    assert not gets


def test_a_success_before_the_end_of_the_upload_is_an_error(listener: socket.socket, large: Path) -> None:
    server = Server(listener, "200 OK", 0, closes=False)
    with pytest.raises(UnexpectedResponse) as caught:
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, large)
    server.done.set()
    assert caught.value.reason == "premature"


def as_source(reading: int, kind: str) -> contextlib.AbstractContextManager[Source]:
    if kind == "path":
        return contextlib.nullcontext(f"/dev/fd/{reading}")
    return open(reading, "rb", buffering=0 if kind == "raw" else -1, closefd=False)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The ends of a pipe. A timer closes the writing end, so that a blocking read doesn't block the test."""
    reading, writing = os.pipe()
    timer = threading.Timer(5, os.close, [writing])
    timer.start()
    yield reading, writing
    if timer.is_alive():
        timer.cancel()
        os.close(writing)
    os.close(reading)


@pytest.mark.parametrize("kind", ["raw", "buffered", "path"])
@pytest.mark.parametrize("sent", [0, 100, 100_000])
def test_an_early_response_does_not_wait_for_a_pipe(
    listener: socket.socket, pipe: tuple[int, int], kind: str, sent: int
) -> None:
    reading, writing = pipe
    server = Server(listener, "401 No", 0, closes=False)
    threading.Thread(target=os.write, args=(writing, b"x" * sent), daemon=True).start()
    started = time.monotonic()
    with as_source(reading, kind) as source, pytest.raises(ApiError, match="401"):
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, source, size=1_000_000)
    server.done.set()
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("kind", ["raw", "buffered", "path"])
@pytest.mark.parametrize("sent", [0, 100])
def test_a_timeout_does_not_wait_for_a_pipe(
    listener: socket.socket, pipe: tuple[int, int], kind: str, sent: int
) -> None:
    reading, writing = pipe
    os.write(writing, b"x" * sent)
    started = time.monotonic()
    with as_source(reading, kind) as source, pytest.raises(CallTimeout):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        Client(token=TOKEN, api_url=url).put_package("id", 1, source, size=1_000_000, timeout=0.2)
    assert time.monotonic() - started < 2


def test_an_early_response_ends_the_reading_of_a_slow_source(listener: socket.socket) -> None:
    server = Server(listener, "401 No", 0, closes=False)

    class Slow:
        reads = 0

        def read(self, size: int, /) -> bytes:
            self.reads += 1
            time.sleep(0.05)
            return b"x" * 1000

    slow = Slow()
    with pytest.raises(ApiError):
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, slow, size=10_000_000)
    server.done.set()
    assert slow.reads < 20
