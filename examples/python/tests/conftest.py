"""The emulator and packages to upload."""

from __future__ import annotations

import gzip
import io
import os
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastly_package import Client

TOKEN = "secret"
# An empty WebAssembly module.
WASM = b"\0asm\1\0\0\0"


@pytest.fixture(scope="session")
def api_url() -> Iterator[str]:
    command = [os.environ["FASTLY_PACKAGE"], "emulate", "--listen", "127.0.0.1:0", "--token", TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout is not None
        yield emulator.stdout.readline().strip()
        emulator.kill()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("FASTLY_API_TOKEN", "FASTLY_API_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def client(api_url: str) -> Client:
    return Client(token=TOKEN, api_url=api_url)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture(scope="session")
def package() -> bytes:
    return create_package(0)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.tar.gz"
    path.write_bytes(create_package(20 * 1024 * 1024))
    return path


def create_package(size: int) -> bytes:
    """Create a package that is slightly larger than `size`."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        manifest = b'manifest_version = 3\nname = "sample"\nlanguage = "rust"\nauthors = ["a", "b"]\n'
        for name, content in (("fastly.toml", manifest), ("bin/main.wasm", WASM), ("random", os.urandom(size))):
            entry = tarfile.TarInfo(f"sample/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), compresslevel=1)
