"""The cache of compiled components in the user's cache directory.

A cache entry is machine code that wasmtime runs unchecked: whoever can write it can run code in this process, outside
any sandbox. So an entry is used only if the user owns the file and its directory, and nobody else can write to either.
Both are checked by their file descriptors, not by their paths, which could be replaced in between. Since wasmtime
doesn't detect damage, the code is preceded by its SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import sysconfig
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from wasmtime import Engine, WasmtimeError
from wasmtime.component import Component

_SUFFIX = ".cwasm"
# The number of entries to keep: the newest. A build has two, and several builds may be in use.
_KEPT = 8
_DIGEST = hashlib.sha256().digest_size


def load(engine: Engine, wasm: bytes, *, cache: bool) -> Component:
    """Load a component from the cache, or compile it.

    Without a usable cache directory, the component is compiled on each start, without a warning.
    """
    directory = _open_directory() if cache else None
    if directory is None:
        return Component(engine, wasm)
    try:
        return _load(engine, wasm, directory)
    finally:
        os.close(directory)


def _load(engine: Engine, wasm: bytes, directory: int) -> Component:
    name = f"{hashlib.sha256(wasm).hexdigest()}-wasmtime-{version('wasmtime')}-{sysconfig.get_platform()}{_SUFFIX}"
    # wasmtime rejects an entry that was compiled with another configuration, or for a CPU with more features.
    with suppress(OSError, WasmtimeError):
        return Component.deserialize(engine, _read(directory, name))
    component = Component(engine, wasm)
    with suppress(OSError):
        _write(directory, name, component.serialize())
        _remove_old(directory)
    return component


def _open_directory() -> int | None:
    given = os.environ.get("XDG_CACHE_HOME", "")
    parent = Path(given if os.path.isabs(given) else os.path.expanduser("~/.cache"))
    # Without a home directory, the path is relative to the current directory, which may be another user's.
    if not parent.is_absolute():
        return None
    path = parent / "fastly-package"
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        _check(directory)
    except OSError:
        os.close(directory)
        return None
    return directory


def _read(directory: int, name: str) -> bytes:
    # Without O_NONBLOCK, opening a FIFO would wait.
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory), "rb") as file:
        _check(file.fileno())
        digest, code = file.read(_DIGEST), file.read()
    if hashlib.sha256(code).digest() != digest:
        raise OSError("damaged")
    return code


def _write(directory: int, name: str, code: bytes | bytearray) -> None:
    """Write an entry atomically, for concurrent processes and in case of a crash."""
    temporary = f".{secrets.token_hex(8)}{_SUFFIX}"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
    try:
        with os.fdopen(file, "wb") as written:
            written.write(hashlib.sha256(code).digest() + code)
            written.flush()
            os.fsync(written.fileno())
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(temporary, dir_fd=directory)
        raise


def _remove_old(directory: int) -> None:
    """Remove the oldest entries, and temporary files left by a crash."""
    files = [name for name in os.listdir(directory) if name.endswith(_SUFFIX)]
    written = {name: os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime_ns for name in files}
    for name in sorted(files, key=written.__getitem__, reverse=True)[_KEPT:]:
        os.unlink(name, dir_fd=directory)


def _check(file: int) -> None:
    found = os.fstat(file)
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("other users can write to it")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise OSError("not a file")
