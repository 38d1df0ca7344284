"""The component, which is loaded once per process, and the sandbox of a call."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wasmtime import Config, Engine, Store, WasiConfig, WasmtimeError
from wasmtime.component import Component, ExportIndex, Instance, Linker, Record, Variant, _types

from . import cache as compiled
from .errors import ComponentError, InvalidArgument, to_exception
from .records import Reply, ServiceVersionInfo, reply, versions

_BUILD = (
    "run, in the repository's root,\n"
    "cargo run --release -- component --guarded -o examples/python/src/fastly_package/guarded.wasm"
)
# Other imports are rejected, since this host's linker provides all of WASI.
_ALLOWED_IMPORTS = ("wasi:http/", "wasi:io/", "wasi:random/")
_API = "fastly-package:api/package-api@0.1.0"
_VERSIONS = "fastly-package:api/versions@0.1.0"
_EGRESS = "fastly-package:api/egress@0.1.0"
# An upload of 100 MB consumes 2 million, the most expensive response of 1 MiB 400 million. An endless loop traps soon.
_FUEL = 2_000_000_000
_MEMORY = 64 * 1024 * 1024


class _ThreadLocalSet(threading.local):
    """A set with separate content for each thread.

    The `wasmtime` package collects the types of a variant's cases in one global set while it converts an argument. If
    two threads do this concurrently, a call fails with "value not valid for this variant".
    """

    def __init__(self) -> None:
        self._types: set[type] = set()

    def clear(self) -> None:
        self._types.clear()

    def add(self, item: type) -> None:
        self._types.add(item)

    def __iter__(self) -> Iterator[type]:
        return iter(self._types)


_types.case_test_cache = _ThreadLocalSet()  # type: ignore[assignment]


class Plugin:
    """The compiled guarded component. It is thread-safe."""

    def __init__(self, component: Path, *, use_cache: bool) -> None:
        config = Config()
        config.consume_fuel = True
        self._engine = Engine(config)
        self.linker = Linker(self._engine)
        self.linker.add_wasip2()
        self.linker.add_wasi_http()
        try:
            self.guarded = compiled.load(self._engine, component.read_bytes(), cache=use_cache)
        except FileNotFoundError:
            raise ComponentError(f"{component} is missing; {_BUILD}") from None
        except WasmtimeError as error:
            raise ComponentError(f"{component} is not a valid component: {error}") from error
        helper = Path(__file__).with_name("open_stdin.wat").read_bytes()
        self.open_stdin = compiled.load(self._engine, helper, cache=use_cache)
        for name in self.guarded.type.imports(self._engine):
            if not name.startswith(_ALLOWED_IMPORTS):
                raise ComponentError(f"{component} imports {name}, which is not allowed")
        self.allow = _export(self.guarded, _EGRESS, "allow")
        self.get = _export(self.guarded, _API, "get-package")
        self.put = _export(self.guarded, _API, "put-package")
        self.list_versions = _export(self.guarded, _VERSIONS, "list-versions")

    def sandbox(self, stdin: int | None = None) -> Sandbox:
        """Create the sandbox of a call. `stdin` is the reading end of a pipe; the sandbox opens it again."""
        store = Store(self._engine)
        store.set_fuel(_FUEL)
        store.set_limits(memory_size=_MEMORY)
        # No environment, no files, and no standard output.
        wasi = WasiConfig()
        if stdin is not None:
            wasi.stdin_file = f"/dev/fd/{stdin}"
        store.set_wasi(wasi)
        store.set_wasi_http()
        return Sandbox(self, store)


class Sandbox:
    """A store and an instance, for one call on one thread."""

    def __init__(self, plugin: Plugin, store: Store) -> None:
        self._plugin = plugin
        self._store = store

    def get(self, allowed_url: str, target: Record, options: Record) -> Reply:
        """Call `get-package`."""
        with self._store:
            instance = self._allow("get-package", allowed_url, *vars(target).values())
            return reply(self._result(instance, self._plugin.get, target, options))

    def list_versions(self, allowed_url: str, service_id: str, options: Record) -> list[ServiceVersionInfo]:
        """Call `list-versions`."""
        with self._store:
            # The guard ignores the version.
            instance = self._allow("list-versions", allowed_url, service_id, 0)
            return versions(self._result(instance, self._plugin.list_versions, service_id, options))

    def put(self, allowed_url: str, target: Record, size: int, put: Record, options: Record) -> Reply:
        """Call `put-package` with the content of the pipe."""
        with self._store:
            instance = self._allow("put-package", allowed_url, *vars(target).values())
            stdin = self._instantiate(self._plugin.open_stdin)
            content = self._call(stdin, "open-stdin")
            return reply(self._result(instance, self._plugin.put, target, content, size, put, options))

    def _allow(self, operation: str, api_url: str, service_id: str, version: int) -> Instance:
        """Return an instance whose guard allows the request of the call."""
        instance = self._instantiate(self._plugin.guarded)
        reason = self._call(instance, self._plugin.allow, operation, service_id, version, api_url)
        if reason is not None:
            raise InvalidArgument(reason)
        return instance

    def _result(self, instance: Instance, function: ExportIndex, *arguments: object) -> Any:
        result = self._call(instance, function, *arguments)
        if isinstance(result, Variant):
            raise to_exception(result)
        return result

    def _instantiate(self, component: Component) -> Instance:
        with _trapping():
            return self._plugin.linker.instantiate(self._store, component)

    def _call(self, instance: Instance, function: ExportIndex | str, *arguments: object) -> Any:
        func = instance.get_func(self._store, function)
        assert func is not None
        with _trapping():
            return func(self._store, *arguments)


@contextmanager
def _trapping() -> Iterator[None]:
    try:
        yield
    except WasmtimeError as error:
        raise ComponentError(f"the component trapped: {error}") from error


def _export(component: Component, interface: str, name: str) -> ExportIndex:
    instance = component.get_export_index(interface)
    function = component.get_export_index(name, instance) if instance else None
    if function is None:
        raise ComponentError(f"the component lacks {name} of {interface}: write it with --guarded")
    return function


_loading = threading.Lock()
_loaded: dict[tuple[Path, bool], Plugin] = {}
# The process that loaded first. Only this one has wasmtime's threads.
_process: int | None = None


def load(component: Path, *, use_cache: bool) -> Plugin:
    """Load a component, or return the loaded one."""
    global _process
    # Before acquiring the lock: in a forked process, the thread that holds it may not exist.
    if _process is None:
        _process = os.getpid()
    if os.getpid() != _process:
        raise ComponentError("a process forked after the first call lacks wasmtime's threads: spawn it instead")
    with _loading:
        key = (component, use_cache)
        if key not in _loaded:
            _loaded[key] = Plugin(component, use_cache=use_cache)
        return _loaded[key]
