"""The cache of compiled components."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from wasmtime import Engine
from wasmtime.component import Component

from fastly_package import Client, InvalidArgument, cache, plugin

from .conftest import TOKEN

WAT = b"(component)"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bytes]:
    """The components that were compiled, not loaded from the cache."""
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
@pytest.mark.parametrize("target", ["file", "directory"])
def test_an_entry_that_other_users_can_write_to_is_not_used(
    compiled: list[bytes], tmp_path: Path, target: str, mode: int
) -> None:
    load()
    (file,) = (tmp_path / "fastly-package").iterdir()
    (file if target == "file" else file.parent).chmod(mode | 0o100)
    load()
    assert len(compiled) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("target", ["file", "directory"])
def test_an_entry_of_another_user_is_not_used(compiled: list[bytes], tmp_path: Path, target: str) -> None:
    load()
    (file,) = (tmp_path / "fastly-package").iterdir()
    os.chown(file if target == "file" else file.parent, 12345, -1)
    load()
    assert len(compiled) == 2


@pytest.mark.parametrize("target", ["file", "directory"])
def test_a_symbolic_link_is_not_followed(compiled: list[bytes], tmp_path: Path, target: str) -> None:
    load()
    (file,) = (tmp_path / "fastly-package").iterdir()
    linked = file if target == "file" else file.parent
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    load()
    assert len(compiled) == 2


@pytest.mark.parametrize("damage", [b"", b"not machine code"])
def test_a_damaged_entry_is_replaced(compiled: list[bytes], tmp_path: Path, damage: bytes) -> None:
    load()
    (file,) = (tmp_path / "fastly-package").iterdir()
    file.write_bytes(damage)
    load()
    load()
    assert len(compiled) == 2


@pytest.mark.parametrize("page", [0, 1, 7, 20])
def test_an_entry_with_a_zeroed_page_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """wasmtime runs damaged code, which would usually crash the process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent / "src"))
    script = f"""if True:
        from fastly_package import Client, InvalidArgument
        try:
            Client(token={TOKEN!r}, api_url="http://192.0.2.1").get_package("id", 1)
        except InvalidArgument:
            print("rejected")
    """

    def call() -> str:
        return subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout

    call()
    file = max((tmp_path / "fastly-package").iterdir(), key=lambda file: file.stat().st_size)
    whole = file.read_bytes()
    file.write_bytes(whole[: page * 4096] + bytes(4096) + whole[(page + 1) * 4096 :])
    assert call() == "rejected\n"
    assert file.read_bytes() == whole


def test_the_oldest_entries_are_removed(compiled: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "fastly-package"
    directory.mkdir(mode=0o700)
    kept = {"other", ".other"} | {f"new{number}.cwasm" for number in range(7)}
    for age, name in enumerate([*kept, *(f"old{number}.cwasm" for number in range(20)), ".temporary.cwasm"]):
        (directory / name).touch()
        os.utime(directory / name, (10**9 - age, 10**9 - age))
    load()
    left = {file.name for file in directory.iterdir()}
    assert kept < left
    assert len(left) == len(kept) + 1
    load()
    assert compiled == [WAT]


def test_without_a_usable_directory_the_component_is_compiled_each_time(
    compiled: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    load()
    load()
    assert len(compiled) == 2


@pytest.mark.parametrize("home", [None, "relative"])
def test_without_an_absolute_home_nothing_is_cached(
    compiled: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    def no_user(_: int) -> NoReturn:
        raise KeyError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(pwd, "getpwuid", no_user)
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
    else:
        monkeypatch.setenv("HOME", home)
    monkeypatch.chdir(tmp_path)
    load()
    load()
    assert len(compiled) == 2
    assert not list(tmp_path.iterdir())


def test_an_argument_disables_the_cache(compiled: list[bytes], tmp_path: Path) -> None:
    load(use=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("variable", "files"), [("1", 0), ("0", 2), ("", 2)])
def test_a_variable_disables_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, files: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("FASTLY_PACKAGE_NO_CACHE", variable)
    monkeypatch.setattr(plugin, "_loaded", {})
    with pytest.raises(InvalidArgument):
        Client(token=TOKEN, api_url="http://192.0.2.1").get_package("id", 1)
    assert len([*tmp_path.glob("*/*")]) == files
