"""A server that answers before it has the whole upload, and reads no more."""

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
    """Reads `after` bytes of one request, answers with `status`, and then closes or just keeps the connection."""

    def __init__(self, listener: socket.socket, status: str, after: int, *, closes: bool) -> None:
        super().__init__(daemon=True)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.received = b""
        self.over = threading.Event()
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
                self.over.wait(20)


@pytest.mark.parametrize("after", [0, 5_000_000])
@pytest.mark.parametrize("status", [401, 413])
@pytest.mark.parametrize("expect_continue", [False, True])
@pytest.mark.parametrize("kind", ["path", "bytes"])
def test_it_is_the_result_of_the_call(
    listener: socket.socket, large: Path, status: int, after: int, expect_continue: bool, kind: str
) -> None:
    server = Server(listener, f"{status} No", after, closes=False)
    started = time.monotonic()
    client = Client(token=TOKEN, api_url=server.url)
    source = large if kind == "path" else large.read_bytes()
    with pytest.raises(ApiError) as caught:
        client.put_package("id", 1, source, expect_continue=expect_continue)
    server.over.set()
    assert (caught.value.status, caught.value.title) == (status, "no")
    assert time.monotonic() - started < 2
    assert (b"expect: 100-continue" in server.received.lower()) == expect_continue


def test_a_wrong_token_is_always_the_apis_401(api_url: str, large: Path) -> None:
    """The emulator answers an upload from its head, and ends the connection: wasmtime loses many of these answers."""
    wrong = Client(token="wrong", api_url=api_url)

    def upload(_: int) -> int:
        with pytest.raises(ApiError) as caught:
            wrong.put_package("early", 1, large)
        return caught.value.status

    # Some at once: the busier the machine, the more are lost.
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(upload, range(40))) == [401] * 40


class Losing(threading.Thread):
    """Ends an upload's connection without an answer, and answers a GET with `answer`, or not at all."""

    def __init__(self, listener: socket.socket, answer: str | None) -> None:
        super().__init__(daemon=True)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.heads: list[bytes] = []
        self._listener, self._answer = listener, answer
        self.start()

    def run(self) -> None:
        waiting = []
        while True:
            connection, _ = self._listener.accept()
            self.heads.append(connection.recv(65536).partition(b"\r\n\r\n")[0].lower())
            if self.heads[-1].startswith(b"get") and self._answer is None:
                waiting.append(connection)
                continue
            with connection:
                if self.heads[-1].startswith(b"get"):
                    connection.sendall(
                        f"HTTP/1.1 {self._answer}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
                    )


def test_where_an_answer_is_lost_one_get_tells_of_a_wrong_token(listener: socket.socket, large: Path) -> None:
    server = Losing(listener, "401 No")
    with pytest.raises(ApiError, match="the API answered 401: no") as caught:
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, large, timeout=10)
    assert isinstance(caught.value.__cause__, TransportError)
    put, get = server.heads
    assert put.startswith(b"put /service/id/version/1/package ")
    assert get.startswith(b"get /service/id/version/1/package ")
    assert f"fastly-key: {TOKEN}".encode() in get


@pytest.mark.parametrize("answer", ["200 OK", "403 No", "404 No", "500 No", "nonsense", None])
def test_what_else_that_get_comes_to_does_not_replace_the_error(
    listener: socket.socket, large: Path, answer: str | None
) -> None:
    server = Losing(listener, answer)
    started = time.monotonic()
    with pytest.raises(TransportError):
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, large, timeout=1)
    assert time.monotonic() - started < 3
    assert len(server.heads) == 2


def test_what_was_never_connected_is_not_asked_for(
    listener: socket.socket, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(token=TOKEN, api_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    listener.close()
    asked: list[object] = []
    monkeypatch.setattr(client, "get_package", lambda *_, **__: asked.append(1))
    with pytest.raises(TransportError, match="connection-refused"):
        client.put_package("id", 1, large)
    assert not asked


def test_a_success_before_the_end_is_none(listener: socket.socket, large: Path) -> None:
    server = Server(listener, "200 OK", 0, closes=False)
    with pytest.raises(UnexpectedResponse) as caught:
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, large)
    server.over.set()
    assert caught.value.reason == "premature"


def as_source(reading: int, kind: str) -> contextlib.AbstractContextManager[Source]:
    if kind == "path":
        return contextlib.nullcontext(f"/dev/fd/{reading}")
    return open(reading, "rb", buffering=0 if kind == "raw" else -1, closefd=False)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Its ends. The writing one is closed late, so that a read that waits doesn't keep the test from its end."""
    reading, writing = os.pipe()
    guard = threading.Timer(5, os.close, [writing])
    guard.start()
    yield reading, writing
    if guard.is_alive():
        guard.cancel()
        os.close(writing)
    os.close(reading)


@pytest.mark.parametrize("kind", ["raw", "buffered", "path"])
@pytest.mark.parametrize("sent", [0, 100, 100_000])
def test_it_does_not_wait_for_a_pipe(listener: socket.socket, pipe: tuple[int, int], kind: str, sent: int) -> None:
    reading, writing = pipe
    server = Server(listener, "401 No", 0, closes=False)
    threading.Thread(target=os.write, args=(writing, b"x" * sent), daemon=True).start()
    started = time.monotonic()
    with as_source(reading, kind) as source, pytest.raises(ApiError, match="401"):
        Client(token=TOKEN, api_url=server.url).put_package("id", 1, source, size=1_000_000)
    server.over.set()
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


def test_a_source_that_waits_does_not_delay_what_comes_after_it(listener: socket.socket) -> None:
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
    server.over.set()
    assert slow.reads < 20
