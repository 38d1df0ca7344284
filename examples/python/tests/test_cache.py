"""The cache of compiled components."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import NoReturn

import pytest
from wasmtime import Engine
from wasmtime.component import Component

from fastly_package import cache

WAT = b"(component)"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bytes]:
    """What was compiled, not taken from the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen: list[bytes] = []

    class Compiled(Component):
        def __init__(self, engine: Engine, wasm: bytes) -> None:
            seen.append(wasm)
            super().__init__(engine, wasm)

    monkeypatch.setattr(cache, "Component", Compiled)
    return seen


def load(*, use: bool = True) -> None:
    cache.load(Engine(), WAT, cache=use)


def test_a_component_is_compiled_once_and_only_the_user_can_read_it(compiled: list[bytes], tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        load()
    finally:
        os.umask(previous)
    load()
    assert compiled == [WAT]
    (file,) = (tmp_path / "fastly-package").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o620, 0o602])
@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_others_can_write_to_is_not_used(compiled: list[bytes], tmp_path: Path, which: str, mode: int) -> None:
    load()
    (file,) = (tmp_path / "fastly-package").iterdir()
    (file if which == "file" else file.parent).chmod(mode | 0o100)
    load()
    assert len(compiled) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_another_user_owns_is_not_used(compiled: list[bytes], tmp_path: Path, which: str) -> None:
    load()
    (file,) = (tmp_path / "fastly-package").iterdir()
    os.chown(file if which == "file" else file.parent, 12345, -1)
    load()
    assert len(compiled) == 2


@pytest.mark.parametrize("which", ["file", "folder"])
def test_a_link_is_not_followed(compiled: list[bytes], tmp_path: Path, which: str) -> None:
    load()
    (file,) = (tmp_path / "fastly-package").iterdir()
    linked = file if which == "file" else file.parent
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    load()
    assert len(compiled) == 2


@pytest.mark.parametrize("damage", [b"", b"no machine code"])
def test_what_is_damaged_is_made_anew(compiled: list[bytes], tmp_path: Path, damage: bytes) -> None:
    load()
    (file,) = (tmp_path / "fastly-package").iterdir()
    file.write_bytes(damage)
    load()
    load()
    assert len(compiled) == 2


def test_without_a_folder_it_is_compiled_each_time(
    compiled: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    load()
    load()
    assert len(compiled) == 2


@pytest.mark.parametrize("home", [None, "relative"])
def test_without_an_absolute_home_nothing_is_kept(
    compiled: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    def nobody(_: int) -> NoReturn:
        raise KeyError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
    else:
        monkeypatch.setenv("HOME", home)
    monkeypatch.chdir(tmp_path)
    load()
    load()
    assert len(compiled) == 2
    assert not list(tmp_path.iterdir())


def test_it_can_be_switched_off(compiled: list[bytes], tmp_path: Path) -> None:
    load(use=False)
    assert not list(tmp_path.iterdir())
