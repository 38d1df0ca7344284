"""Upload a sample package to the emulator and get it back."""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

from fastly_package import Client

COMMAND = os.environ.get("FASTLY_PACKAGE", Path(__file__).parents[2] / "target/release/fastly-package")


def sample() -> bytes:
    archive = io.BytesIO()
    files = {
        "fastly.toml": b'manifest_version = 3\nname = "sample"\nlanguage = "rust"\n',
        "bin/main.wasm": b"\0asm\1\0\0\0",
        "random": os.urandom(5_000_000),
    }
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"sample/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue())


def show(read: int, size: int) -> None:
    print(f"\r{read * 100 // size} %", end="\n" if read == size else "")


emulate = [COMMAND, "emulate", "--quiet", "--listen", "127.0.0.1:0", "--token", "demo"]
with subprocess.Popen(emulate, stdout=subprocess.PIPE, text=True) as emulator:
    assert emulator.stdout is not None
    try:
        client = Client(token="demo", api_url=emulator.stdout.readline().strip(), cache=False)
        print(client.put_package("SU1Z0isxPaozGVKXdv0eY", 1, sample(), progress=show).package)
        print(client.get_package("SU1Z0isxPaozGVKXdv0eY", 1).body)
    finally:
        emulator.kill()
