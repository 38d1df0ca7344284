"""Calls that fail, and their errors."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import pytest

from fastly_package import (
    ApiError,
    CallTimeout,
    Client,
    ComponentError,
    ContentError,
    InvalidArgument,
    TransportError,
    call,
    plugin,
)

from .conftest import TOKEN, WASM


def no_connection(listener: socket.socket) -> bool:
    listener.setblocking(False)
    try:
        listener.accept()
    except BlockingIOError:
        return True
    return False


def url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_wrong_token_raises_the_401(api_url: str, package: bytes) -> None:
    wrong = Client(token="wrong", api_url=api_url)
    with pytest.raises(ApiError) as caught:
        wrong.get_package("failures", 1)
    assert (caught.value.status, caught.value.media_type) == (401, "application/json")
    assert "wrong" not in repr(caught.value)
    with pytest.raises(ApiError, match="401"):
        wrong.put_package("failures", 1, package)


def test_a_version_without_a_package_raises_the_404(client: Client) -> None:
    with pytest.raises(ApiError, match="404") as caught:
        client.get_package("failures", 99)
    assert caught.value.status == 404
    assert vars(pickle.loads(pickle.dumps(caught.value))) == vars(caught.value)


def test_a_source_that_is_too_short_is_not_stored(client: Client, package: bytes, large: Path) -> None:
    for source, length in ((package, len(package)), (large, large.stat().st_size)):
        with pytest.raises(ContentError) as caught:
            client.put_package("short", 1, source, size=length + 1)
        assert (caught.value.kind, caught.value.read) == ("too-short", length)
    with pytest.raises(ApiError, match="404"):
        client.get_package("short", 1)


def test_a_source_that_is_too_long_is_not_stored(client: Client, package: bytes, large: Path) -> None:
    for source, length in ((package, len(package)), (large, large.stat().st_size)):
        with pytest.raises(ContentError) as caught:
            client.put_package("long", 1, source, size=length - 1)
        assert caught.value.kind == "too-long"
    with pytest.raises(ApiError, match="404"):
        client.get_package("long", 1)


def test_a_file_that_is_modified_while_it_is_sent_is_not_stored(client: Client, large: Path, tmp_path: Path) -> None:
    path = tmp_path / "modified.tar.gz"
    shutil.copy(large, path)
    length = path.stat().st_size

    def modify(read: int, size: int) -> None:
        # Keeps the length, and as late as possible.
        if size - read < 300_000:
            with path.open("r+b") as file:
                file.seek(-4, os.SEEK_END)
                file.write(b"torn")

    with pytest.raises(ContentError, match="it was modified while it was read"):
        client.put_package("modified", 1, path, progress=modify)
    assert path.stat().st_size == length
    with pytest.raises(ApiError, match="404"):
        client.get_package("modified", 1)


def test_an_exception_of_the_source_or_of_progress_is_raised_and_nothing_is_stored(client: Client, large: Path) -> None:
    class Failing:
        def __init__(self) -> None:
            self._left = 10

        def read(self, size: int, /) -> bytes:
            self._left -= 1
            if not self._left:
                raise OSError("the disk is gone")
            return bytes(size)

    def stop(read: int, size: int) -> None:
        if read == size:
            raise KeyboardInterrupt

    with pytest.raises(OSError, match="the disk is gone"):
        client.put_package("raises", 1, Failing(), size=10_000_000)
    with pytest.raises(KeyboardInterrupt):
        client.put_package("raises", 1, large, progress=stop)
    with pytest.raises(ApiError, match="404"):
        client.get_package("raises", 1)


def test_a_source_that_is_not_seekable_requires_a_size(client: Client) -> None:
    with (
        subprocess.Popen(["true"], stdout=subprocess.PIPE) as process,
        pytest.raises(InvalidArgument, match="size="),
    ):
        assert process.stdout is not None
        client.put_package("pipe", 1, process.stdout)


def test_a_missing_file_raises_pythons_error(client: Client, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.put_package("missing", 1, tmp_path / "missing")


@pytest.mark.parametrize(
    ("service_id", "version", "size"),
    [
        ("", 1, 1),
        ("..", 1, 1),
        ("id", 0, 1),
        ("id", 2**31, 1),
        ("id", -1, 1),
        ("id", 2**32, 1),
        ("id", 1, 0),
        ("id", 1, -1),
    ],
)
def test_an_invalid_argument_is_rejected(listener: socket.socket, service_id: str, version: int, size: int) -> None:
    with pytest.raises(InvalidArgument):
        Client(token=TOKEN, api_url=url(listener)).put_package(service_id, version, b"x", size=size)
    assert no_connection(listener)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token", TOKEN.encode()),
        ("api_url", 5),
        ("component", 5),
        ("component", b"guarded.wasm"),
        ("service_id", 5),
        ("service_id", None),
        ("version", "1"),
        ("version", 1.0),
        ("version", None),
        ("size", "1"),
        ("size", 1.0),
        ("filename", Path("app.tar.gz")),
        ("progress", 5),
        ("timeout", "5"),
        ("cancel", threading.Event()),
        ("user_agent", b"x"),
        ("source", None),
        ("source", 5),
        ("source", ["app.tar.gz"]),
        ("source", io.StringIO("text")),
    ],
)
def test_a_value_of_a_wrong_type_is_rejected_and_not_shown(listener: socket.socket, name: str, value: object) -> None:
    arguments: dict[str, Any] = {
        "token": TOKEN,
        "api_url": url(listener),
        "service_id": "id",
        "version": 1,
        "source": b"x",
    }
    arguments |= {"timeout": 5, name: value}
    client_arguments = {
        key: arguments.pop(key) for key in ("token", "api_url", "user_agent", "component") if key in arguments
    }
    with pytest.raises(InvalidArgument, match=f"^{name} ") as caught:
        Client(**client_arguments).put_package(**arguments)
    assert TOKEN not in str(caught.value)
    assert no_connection(listener)


@pytest.mark.parametrize(("mode", "reason"), [("r", "text"), ("wb", "n't open for reading"), ("rb", "closed")])
@pytest.mark.parametrize("size", [None, 1])
def test_a_file_that_is_not_open_for_reading_bytes_is_rejected(
    listener: socket.socket, tmp_path: Path, mode: str, reason: str, size: int | None
) -> None:
    path = tmp_path / "package"
    path.touch()
    source: Any
    with path.open(mode) as source:
        if mode == "rb":
            source.close()
        with pytest.raises(InvalidArgument, match=f"^source is.*{reason}"):
            Client(token=TOKEN, api_url=url(listener)).put_package("id", 1, source, size=size, timeout=5)
    assert no_connection(listener)


def test_a_file_object_behind_its_end_is_empty(listener: socket.socket) -> None:
    source = io.BytesIO(b"x")
    source.seek(2)
    with pytest.raises(InvalidArgument, match="empty"):
        Client(token=TOKEN, api_url=url(listener)).put_package("id", 1, source)
    assert no_connection(listener)


@pytest.mark.parametrize("value", [None, "", "text", 0])
@pytest.mark.parametrize("before", [0, 100])
def test_a_read_that_returns_another_type_is_an_error_and_nothing_is_stored(
    client: Client, value: object, before: int
) -> None:
    class Wrong:
        reads: Iterator[Any] = iter([b"x"] * before + [value])

        def read(self, size: int, /) -> bytes:
            chunk: bytes = next(self.reads)
            return chunk

    with pytest.raises(InvalidArgument, match=f"read.* must be bytes, not {type(value).__name__}"):
        client.put_package("wrong", 1, Wrong(), size=1000)
    with pytest.raises(ApiError, match="404"):
        client.get_package("wrong", 1)


@pytest.mark.parametrize("user_agent", ["a\nb", "ä", "\udc80"])
def test_an_invalid_user_agent_is_rejected(listener: socket.socket, user_agent: str) -> None:
    with pytest.raises(InvalidArgument):
        Client(token=TOKEN, api_url=url(listener), user_agent=user_agent).get_package("id", 1)
    assert no_connection(listener)


@pytest.mark.parametrize("token", ["a\nb", "\udc80", "ä"])
def test_an_invalid_token_is_rejected_and_not_shown(listener: socket.socket, token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Client(token=token, api_url=url(listener)).get_package("id", 1)
    assert token not in str(caught.value)
    assert no_connection(listener)


def test_a_token_is_required() -> None:
    with pytest.raises(InvalidArgument, match="FASTLY_API_TOKEN"):
        Client()


@pytest.mark.parametrize("name", ["token", "api_url", "component"])
def test_an_empty_argument_is_rejected_and_never_replaced_by_a_default(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("FASTLY_API_TOKEN", TOKEN)
    monkeypatch.setenv("FASTLY_API_ENDPOINT", url(listener))
    arguments: dict[str, Any] = {name: ""}
    with pytest.raises(InvalidArgument, match=f"{name} is empty"):
        Client(**arguments).get_package("id", 1, timeout=5)
    assert no_connection(listener)


def test_an_empty_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTLY_API_ENDPOINT", "")
    assert repr(Client(token=TOKEN)) == "Client(api_url='https://api.fastly.com')"
    monkeypatch.setenv("FASTLY_API_TOKEN", "")
    with pytest.raises(InvalidArgument, match="FASTLY_API_TOKEN"):
        Client()


def test_an_unreachable_api_is_a_transport_error(listener: socket.socket, package: bytes) -> None:
    client = Client(token=TOKEN, api_url=url(listener))
    listener.close()
    with pytest.raises(TransportError) as caught:
        client.put_package("id", 1, package)
    assert caught.value.code == "connection-refused"
    with pytest.raises(TransportError):
        client.get_package("id", 1)


def test_a_request_to_another_api_than_the_guards_is_denied_without_a_connection(
    client: Client, listener: socket.socket
) -> None:
    with pytest.raises(TransportError) as caught:
        client._get("id", 1, timeout=None, cancel=None, api_url=url(listener))
    assert caught.value.code == "HTTP-request-denied"
    assert no_connection(listener)


def test_the_token_is_not_sent_over_http_to_another_machine(package: bytes) -> None:
    for api_url in ("http://192.0.2.1:81", "http://api.fastly.com"):
        client = Client(token=TOKEN, api_url=api_url)
        with pytest.raises(InvalidArgument) as caught:
            client.get_package("id", 1)
        assert "http" in str(caught.value)
        with pytest.raises(InvalidArgument):
            client.put_package("id", 1, package)


@pytest.mark.parametrize("spelling", ["http://localhost:{}", "HTTP://LocalHost:{}/prefix"])
@pytest.mark.parametrize("addresses", [["192.0.2.1"], ["127.0.0.1", "192.0.2.1"], ["::1", "fe80::1%1"], []])
def test_the_token_is_not_sent_to_a_localhost_that_is_not_loopback(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, package: bytes, addresses: list[str], spelling: str
) -> None:
    def resolve(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        assert host == "localhost"
        if not addresses:
            raise socket.gaierror("unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    client = Client(token=TOKEN, api_url=spelling.format(listener.getsockname()[1]))
    with pytest.raises(InvalidArgument, match="localhost"):
        client.get_package("id", 1, timeout=5)
    with pytest.raises(InvalidArgument, match="localhost"):
        client.put_package("id", 1, package, timeout=5)
    assert no_connection(listener)


def test_a_localhost_that_is_loopback_is_allowed(api_url: str) -> None:
    with pytest.raises(ApiError, match="404"):
        Client(token=TOKEN, api_url=api_url.replace("127.0.0.1", "localhost")).get_package("localhost", 1)


def test_a_call_ends_when_its_timeout_expires(listener: socket.socket, package: bytes, large: Path) -> None:
    client = Client(token=TOKEN, api_url=url(listener))
    with pytest.raises(CallTimeout):
        client.get_package("id", 1, timeout=0.2)
    for source in (package, large):
        with pytest.raises(TimeoutError):
            client.put_package("id", 1, source, timeout=0.2)


@pytest.mark.parametrize("timeout", [3_000_000, 1e300, float("inf"), pytest.param(10**400, id="huge")])
def test_a_timeout_may_be_long(client: Client, package: bytes, timeout: float) -> None:
    client.put_package("patient", 1, package, timeout=timeout)
    client.get_package("patient", 1, timeout=timeout)


def test_a_timeout_may_be_longer_than_one_poll(
    listener: socket.socket, package: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "_MAX_POLL", 10)
    client = Client(token=TOKEN, api_url=url(listener))
    started = time.monotonic()
    with pytest.raises(CallTimeout):
        client.put_package("id", 1, package, timeout=0.3)
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("-inf")])
def test_an_invalid_timeout_is_rejected(listener: socket.socket, tmp_path: Path, timeout: float) -> None:
    client = Client(token=TOKEN, api_url=url(listener))
    before = threading.active_count()
    with pytest.raises(InvalidArgument, match="timeout"):
        client.get_package("id", 1, timeout=timeout)
    with pytest.raises(InvalidArgument, match="timeout"):
        client.put_package("id", 1, tmp_path / "not opened", timeout=timeout)
    assert threading.active_count() == before
    assert no_connection(listener)


def test_a_slow_source_does_not_exceed_the_timeout(listener: socket.socket) -> None:
    class Slow:
        def __init__(self) -> None:
            self._left = 100

        def read(self, size: int, /) -> bytes:
            self._left -= 1
            time.sleep(0.05)
            return b"x" if self._left else b""

    started = time.monotonic()
    with pytest.raises(CallTimeout):
        Client(token=TOKEN, api_url=url(listener)).put_package("id", 1, Slow(), size=1000, timeout=0.3)
    assert time.monotonic() - started < 2


@pytest.mark.skipif(shutil.which("openssl") is None, reason="requires openssl")
def test_a_self_signed_certificate_is_rejected(listener: socket.socket, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"],
            *["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    errors: list[ssl.SSLError] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, pytest.raises(ssl.SSLError) as caught:
            context.wrap_socket(connection, server_side=True)
        errors.append(caught.value)

    server = threading.Thread(target=serve)
    server.start()
    with pytest.raises(TransportError) as caught:
        Client(token=TOKEN, api_url=url(listener).replace("http:", "https:")).get_package("id", 1)
    server.join()
    # The second is the code of wasmtime 48.
    assert caught.value.code in ("TLS-certificate-error", "TLS-protocol-error")
    assert errors


def test_the_error_for_a_missing_component_contains_the_build_command(tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match="cargo run --release -- component --guarded"):
        Client(token=TOKEN, component=tmp_path / "none").get_package("id", 1)


def test_a_component_with_other_imports_or_without_the_exports_is_rejected(tmp_path: Path) -> None:
    for name, text in (
        ("imports", '(component (import "wasi:cli/environment@0.2.0" (instance)))'),
        ("with --guarded", "(component)"),
        ("not a valid component", WASM.decode()),
    ):
        path = tmp_path / "component"
        path.write_text(text)
        with pytest.raises(ComponentError, match=name):
            Client(token=TOKEN, component=path, cache=False).get_package("id", 1)
        path.rename(tmp_path / name)


def test_an_endless_loop_in_the_component_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "component"
    path.write_text("""(component
        (core module $module (func $loop (loop (br 0))) (func (export "none")) (start $loop))
        (core instance $core (instantiate $module))
        (func $none (canon lift (core func $core "none")))
        (instance $api (export "get-package" (func $none)) (export "put-package" (func $none)))
        (instance $versions (export "list-versions" (func $none)))
        (instance $egress (export "allow" (func $none)))
        (export "fastly-package:api/package-api@0.1.0" (instance $api))
        (export "fastly-package:api/versions@0.1.0" (instance $versions))
        (export "fastly-package:api/egress@0.1.0" (instance $egress)))""")
    with pytest.raises(ComponentError, match="fuel"):
        Client(token=TOKEN, component=path, cache=False).get_package("id", 1)


def fork_is_rejected(client: Client) -> bool:
    """Return whether a call in a forked process fails with `ComponentError`, within 5 seconds."""
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(5)
            client.get_package("fork", 1)
        except ComponentError:
            os._exit(7)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_call_in_a_forked_process_is_an_error(client: Client) -> None:
    with pytest.raises(ApiError):
        client.get_package("fork", 1)
    assert fork_is_rejected(client)


def test_a_fork_while_another_thread_loads_is_an_error(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    loading, forked = threading.Event(), threading.Event()

    def load(component: Path, *, use_cache: bool) -> NoReturn:
        loading.set()
        forked.wait(10)
        raise ComponentError

    monkeypatch.setattr(plugin, "_loaded", {})
    monkeypatch.setattr(plugin, "Plugin", load)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.get_package, "fork", 1)
        loading.wait(10)
        rejected = fork_is_rejected(client)
        forked.set()
        assert isinstance(call.exception(), ComponentError)
    assert rejected


def test_a_process_forked_during_an_upload_does_not_block_it(client: Client, package: bytes) -> None:
    def fork(_: int, __: int) -> None:
        child = os.fork()
        if child == 0:
            time.sleep(5)
            os._exit(0)
        children.append(child)

    children: list[int] = []
    client.put_package("fork", 2, package, progress=fork, timeout=3)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert children


def test_the_driver_prints_one_line_of_json(
    api_url: str, large: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTLY_API_TOKEN", TOKEN)
    monkeypatch.setenv("FASTLY_API_ENDPOINT", api_url)
    driver = Path(__file__).parent.parent / "driver.py"
    monkeypatch.setenv("PYTHONPATH", str(driver.parent / "src"))

    def run(*args: str) -> tuple[int, dict[str, dict[str, object]]]:
        done = subprocess.run([sys.executable, driver, *args], stdout=subprocess.PIPE, text=True, check=False)
        assert done.stdout.count("\n") == 1
        return done.returncode, json.loads(done.stdout)

    code, put = run("put", "driver", "1", str(large))
    assert (code, list(put["package"])) == (0, ["id", "service_id", "version", "hashsum"])
    assert run("get", "driver", "1") == (0, put)
    error = {"case": "api", "status": 404, "title": "Not found", "detail": None, "code": None}
    assert run("get", "driver", "9") == (1, {"error": error})
    code, short = run("put", "driver", "1", str(large), str(large.stat().st_size + 1))
    assert (code, short["error"]["case"]) == (1, "content")
    code, denied = run("denied", "driver", "1", url(listener))
    assert (code, denied["error"]["case"], denied["error"]["code"]) == (1, "transport", "HTTP-request-denied")
    assert no_connection(listener)
