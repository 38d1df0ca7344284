"""The two operations."""

from __future__ import annotations

import os
import re
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

from wasmtime.component import Record

from . import arguments
from .call import started
from .cancel import Cancel
from .content import Progress, Source, feed, opened
from .errors import ApiError, Cancelled, FastlyPackageError, InvalidArgument, TransportError
from .pipe import pipe
from .plugin import Plugin, load
from .records import Reply

# Errors of a connection that there was, with which an answer may be lost: see the README.
_LOSE_ANSWERS = ("HTTP-protocol-error", "HTTP-response-incomplete", "connection-terminated")
# The longest that a GET takes to explain one of them, in seconds.
_ASKS = 30.0


class Client:
    """Where the API is and how to run the component. Any number of threads may use it, and make calls at once.

    `token`: else the environment's FASTLY_API_TOKEN. `api_url`: else FASTLY_API_ENDPOINT, else https://api.fastly.com.
    `user_agent`: of the requests, else the component's name and version.
    `component`: the guarded component's file, else FASTLY_PACKAGE_GUARDED, else the one in this package.
    `cache`: whether the compiled component is kept in the user's cache folder. FASTLY_PACKAGE_NO_CACHE=1 says no.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        api_url: str | None = None,
        user_agent: str | None = None,
        component: str | os.PathLike[str] | None = None,
        cache: bool = True,
    ) -> None:
        # What is said here is never replaced, even where it is empty: the call would go elsewhere, or be another's.
        if token is None:
            token = os.environ.get("FASTLY_API_TOKEN") or None
        if token is None:
            raise InvalidArgument("no token: say it with token= or in FASTLY_API_TOKEN")
        if api_url is None:
            api_url = os.environ.get("FASTLY_API_ENDPOINT") or "https://api.fastly.com"
        if component is None:
            component = os.environ.get("FASTLY_PACKAGE_GUARDED") or Path(__file__).with_name("guarded.wasm")
        self._token = arguments.not_empty("token", token)
        self._api_url = arguments.not_empty("api_url", api_url)
        self._user_agent = None if user_agent is None else arguments.text("user_agent", user_agent)
        self._component = Path(arguments.path("component", component)).absolute()
        self._cache = cache and os.environ.get("FASTLY_PACKAGE_NO_CACHE", "") in ("", "0")

    def __repr__(self) -> str:
        return f"Client(api_url={self._api_url!r})"

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Client has a token, which is not to be pickled or copied: make one in each process")

    def get_package(
        self, service_id: str, version: int, *, timeout: float | None = None, cancel: Cancel | None = None
    ) -> Reply:
        """Gets the package of a service version. A version without one is an `ApiError` with status 404.

        `timeout`: seconds for the whole call, then `CallTimeout`. `cancel`: ends it, once set, with `Cancelled`.
        """
        return self._get(service_id, version, timeout=timeout, cancel=cancel, api_url=self._api_url)

    def _get(
        self, service_id: str, version: int, *, timeout: float | None, cancel: Cancel | None, api_url: str
    ) -> Reply:
        """The component is told `api_url`, the guard the client's own."""
        target = _target(service_id, version)
        timeout = arguments.seconds("timeout", timeout)
        arguments.optional(Cancel, "cancel", cancel)
        sandbox = self._plugin().sandbox()
        options = self._options(api_url)

        def get() -> Reply:
            _check_localhost(self._api_url)
            return sandbox.get(self._api_url, target, options)

        with started(get, timeout, cancel) as call:
            return call.result()

    def put_package(
        self,
        service_id: str,
        version: int,
        source: Source,
        *,
        size: int | None = None,
        filename: str | None = None,
        expect_continue: bool = False,
        progress: Progress | None = None,
        timeout: float | None = None,
        cancel: Cancel | None = None,
    ) -> Reply:
        """Uploads a package to a service version that is neither active nor locked, in place of the one that it has.

        `source`: a path, bytes, or a file object open for reading bytes, from where it stands.
        `size`: in bytes; needed only for what can't be sought in. A source of another size is a `ContentError`.
        `filename`: of the multipart part, else `package.tar.gz`.
        `expect_continue`: send `Expect: 100-continue`. This host doesn't wait for the answer.
        `progress`: called with the bytes read and the size, on the caller's thread. What it raises ends the upload.
        `timeout`: seconds for the whole call, then `CallTimeout`. `cancel`: ends it, once set, with `Cancelled`.
            Of sources that wait, only pipes and the like that Python itself has opened are interrupted.
        """
        target = _target(service_id, version)
        timeout = arguments.seconds("timeout", timeout)
        arguments.optional(Cancel, "cancel", cancel)
        put = _record(
            flags={"expect-continue"} if expect_continue else set(),
            filename=None if filename is None else arguments.text("filename", filename),
        )
        if size is not None:
            arguments.whole("size", size, bits=64)
        if progress is not None and not callable(progress):
            raise arguments.wrong_type("progress", "callable", progress)
        with opened(source, size) as (file, announced):
            reading, writing = pipe()
            # This end of ours stays open to the end: a write to a pipe that nobody reads could kill the process.
            with reading, writing:
                sandbox = self._plugin().sandbox(reading.fileno())
                options = self._options(self._api_url)

                def upload() -> Reply:
                    _check_localhost(self._api_url)
                    return sandbox.put(self._api_url, target, announced, put, options)

                with started(upload, timeout, cancel) as call:
                    feed(file, announced, writing, call, progress)
                    # The end of the content. Without it, after an error, the component finds it too short.
                    writing.close()
                    try:
                        return call.result()
                    except TransportError as lost:
                        self._raise_401_for(lost, service_id, version, call.left(), cancel)
                        raise

    def _raise_401_for(
        self, lost: TransportError, service_id: str, version: int, left: float | None, cancel: Cancel | None
    ) -> None:
        """In place of an answer that was lost with its connection: a GET tells whether the token is any good."""
        if lost.code not in _LOSE_ANSWERS:
            return
        left = _ASKS if left is None else min(left, _ASKS)
        if left <= 0:
            return
        try:
            self.get_package(service_id, version, timeout=left, cancel=cancel)
        except Cancelled:
            raise
        except FastlyPackageError as why:
            # Nobody's upload is taken. Anything else tells nothing of this one.
            if isinstance(why, ApiError) and why.status == 401:
                raise why from lost

    def _plugin(self) -> Plugin:
        return load(self._component, use_cache=self._cache)

    def _options(self, api_url: str) -> Record:
        return _record(auth=self._token, api_url=api_url, user_agent=self._user_agent)


def get_package(
    service_id: str,
    version: int,
    *,
    token: str | None = None,
    api_url: str | None = None,
    timeout: float | None = None,
    cancel: Cancel | None = None,
) -> Reply:
    """`Client.get_package` with a client for this call."""
    return Client(token=token, api_url=api_url).get_package(service_id, version, timeout=timeout, cancel=cancel)


def put_package(
    service_id: str,
    version: int,
    source: Source,
    *,
    size: int | None = None,
    filename: str | None = None,
    expect_continue: bool = False,
    token: str | None = None,
    api_url: str | None = None,
    progress: Progress | None = None,
    timeout: float | None = None,
    cancel: Cancel | None = None,
) -> Reply:
    """`Client.put_package` with a client for this call."""
    return Client(token=token, api_url=api_url).put_package(
        service_id,
        version,
        source,
        size=size,
        filename=filename,
        expect_continue=expect_continue,
        progress=progress,
        timeout=timeout,
        cancel=cancel,
    )


# As the guard reads a URL, which lets no other name out over http.
_LOCALHOST = re.compile(r"http://localhost(?=[:/]|\Z)", re.IGNORECASE)


def _check_localhost(api_url: str) -> None:
    """The guard takes `localhost` for loopback by its name. Where it isn't, the token would leave in plain text."""
    if not _LOCALHOST.match(api_url):
        return
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError as why:
        raise InvalidArgument(f"api_url is http to localhost, which can't be resolved: {why}") from why
    for *_, address in found:
        if not ip_address(address[0]).is_loopback:
            raise InvalidArgument(f"api_url is http to localhost, which is {address[0]} here: not loopback")


def _target(service_id: str, version: int) -> Record:
    return _record(
        service_id=arguments.text("service_id", service_id), version_id=arguments.whole("version", version, bits=32)
    )


def _record(**fields: object) -> Record:
    record = Record()
    for name, value in fields.items():
        setattr(record, name.replace("_", "-"), value)
    return record
