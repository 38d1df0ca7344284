"""Components, compiled once and kept in the user's cache folder.

What is kept is machine code, and wasmtime runs it as it is: who can write such a file runs code in this process,
outside any sandbox. So a file is used only if the user owns it and the folder it lies in, and nobody else may write to
either. Both are judged as they were opened, not by their paths, for nothing to be put in their place meanwhile.
Nor does wasmtime look for damage: the code's SHA-256 goes before it.
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
# The newest. A build has two, and some builds may be used in turn.
_KEPT = 8
_DIGEST = hashlib.sha256().digest_size


def load(engine: Engine, wasm: bytes, *, cache: bool) -> Component:
    """Without a folder that can be used the component is compiled, and nothing is said: it is only slower."""
    folder = _open_folder() if cache else None
    if folder is None:
        return Component(engine, wasm)
    try:
        return _load(engine, wasm, folder)
    finally:
        os.close(folder)


def _load(engine: Engine, wasm: bytes, folder: int) -> Component:
    name = f"{hashlib.sha256(wasm).hexdigest()}-wasmtime-{version('wasmtime')}-{sysconfig.get_platform()}{_SUFFIX}"
    # wasmtime itself refuses what was compiled with another configuration, or for a processor with more features.
    with suppress(OSError, WasmtimeError):
        return Component.deserialize(engine, _read(folder, name))
    component = Component(engine, wasm)
    with suppress(OSError):
        _write(folder, name, component.serialize())
        _remove_old(folder)
    return component


def _open_folder() -> int | None:
    given = os.environ.get("XDG_CACHE_HOME", "")
    parent = Path(given if os.path.isabs(given) else os.path.expanduser("~/.cache"))
    # Without a home there is no absolute one, and the current directory may be anybody's.
    if not parent.is_absolute():
        return None
    path = parent / "fastly-package"
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        _check(folder)
    except OSError:
        os.close(folder)
        return None
    return folder


def _read(folder: int, name: str) -> bytes:
    # Without O_NONBLOCK, opening a FIFO would wait.
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
        _check(file.fileno())
        digest, code = file.read(_DIGEST), file.read()
    if hashlib.sha256(code).digest() != digest:
        raise OSError("damaged")
    return code


def _write(folder: int, name: str, code: bytes | bytearray) -> None:
    """Appears as a whole, also when several processes write it, and after a crash."""
    draft = f".{secrets.token_hex(8)}{_SUFFIX}"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        with os.fdopen(file, "wb") as written:
            written.write(hashlib.sha256(code).digest() + code)
            written.flush()
            os.fsync(written.fileno())
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(draft, dir_fd=folder)
        raise


def _remove_old(folder: int) -> None:
    """Those of builds that have gone, and drafts that a crash has left."""
    files = [name for name in os.listdir(folder) if name.endswith(_SUFFIX)]
    written = {name: os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns for name in files}
    for name in sorted(files, key=written.__getitem__, reverse=True)[_KEPT:]:
        os.unlink(name, dir_fd=folder)


def _check(file: int) -> None:
    found = os.fstat(file)
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("others may write to it")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise OSError("not a file")
