"""The client and its operations."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn, TypeVar

from wasmtime.component import Record

from . import arguments
from .call import started
from .cancel import Cancel
from .content import Progress, Source, feed, opened
from .errors import ApiError, Cancelled, FastlyPackageError, InvalidArgument, TransportError
from .pipe import pipe
from .plugin import Plugin, Sandbox, load
from .records import Reply, ServiceVersionInfo

T = TypeVar("T")

# The errors of an established connection, with which a response may be lost: see the README.
_LOST_RESPONSE = ("HTTP-protocol-error", "HTTP-response-incomplete", "connection-terminated")
# The timeout of the GET after one of them, in seconds.
_GET_TIMEOUT = 30.0


class Client:
    """A client of the API. It is thread-safe, and its calls run concurrently.

    `token`: the API token. Default: the environment variable FASTLY_API_TOKEN.
    `api_url`: the API's base URL. Default: FASTLY_API_ENDPOINT, or else https://api.fastly.com.
    `user_agent`: the `User-Agent` of the requests. Default: the component's name and version.
    `component`: the path of the guarded component. Default: FASTLY_PACKAGE_GUARDED, or else the one in this package.
    `cache`: whether to cache the compiled component in the user's cache directory. FASTLY_PACKAGE_NO_CACHE=1 disables
        the cache.
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
        # A default never replaces an explicit argument, even if it is empty: the call would use another token or API.
        if token is None:
            token = os.environ.get("FASTLY_API_TOKEN") or None
        if token is None:
            raise InvalidArgument("no token: pass token= or set FASTLY_API_TOKEN")
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
        raise TypeError("a Client contains a token and can't be pickled or copied: create one in each process")

    def get_package(
        self, service_id: str, version: int, *, timeout: float | None = None, cancel: Cancel | None = None
    ) -> Reply:
        """Get the package of a service version. A version without a package raises an `ApiError` with status 404.

        `timeout`: the time limit of the call, in seconds. When it expires, the call raises `CallTimeout`.
        `cancel`: once it is set, the call raises `Cancelled`.
        """
        return self._get(service_id, version, timeout=timeout, cancel=cancel, api_url=self._api_url)

    def _get(
        self, service_id: str, version: int, *, timeout: float | None, cancel: Cancel | None, api_url: str
    ) -> Reply:
        """Pass `api_url` to the component, and the client's API URL to the guard."""
        target, options = _target(service_id, version), self._options(api_url)
        return self._run(lambda sandbox: sandbox.get(self._api_url, target, options), timeout, cancel)

    def list_versions(
        self, service_id: str, *, timeout: float | None = None, cancel: Cancel | None = None
    ) -> list[ServiceVersionInfo]:
        """List the versions of a service, which tells a missing version from a version without a package.

        `timeout`, `cancel`: as for `get_package`.
        """
        service_id, options = arguments.text("service_id", service_id), self._options(self._api_url)
        return self._run(lambda sandbox: sandbox.list_versions(self._api_url, service_id, options), timeout, cancel)

    def _run(self, function: Callable[[Sandbox], T], timeout: float | None, cancel: Cancel | None) -> T:
        timeout = arguments.seconds("timeout", timeout)
        arguments.optional(Cancel, "cancel", cancel)
        sandbox = self._plugin().sandbox()

        def run() -> T:
            _check_localhost(self._api_url)
            return function(sandbox)

        with started(run, timeout, cancel) as call:
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
        """Upload a package to a service version that is neither active nor locked, replacing the one that it has.

        `source`: a path, bytes, or a binary file object, which is read from its current position.
        `size`: the size in bytes. Required only for a source that isn't seekable. A source of another size raises a
            `ContentError`.
        `filename`: the file name in the multipart form. Default: `package.tar.gz`.
        `expect_continue`: whether to send `Expect: 100-continue`. This host doesn't wait for the response.
        `progress`: called with the number of bytes read and the size, on the caller's thread. An exception ends the
            upload.
        `timeout`: the time limit of the call, in seconds. When it expires, the call raises `CallTimeout`.
        `cancel`: once it is set, the call raises `Cancelled`.
            The timeout and `cancel` interrupt a blocking read only of pipes and similar files that Python has opened.
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
            # The reading end stays open in this process: writing to a pipe without a reader could kill it.
            with reading, writing:
                sandbox = self._plugin().sandbox(reading.fileno())
                options = self._options(self._api_url)

                def upload() -> Reply:
                    _check_localhost(self._api_url)
                    return sandbox.put(self._api_url, target, announced, put, options)

                with started(upload, timeout, cancel) as call:
                    feed(file, announced, writing, call, progress)
                    # Marks the end of the content. After an error, the content is too short for the component.
                    writing.close()
                    try:
                        return call.result()
                    except TransportError as error:
                        self._raise_lost_401(error, service_id, version, call.remaining(), cancel)
                        raise

    def _raise_lost_401(
        self, lost: TransportError, service_id: str, version: int, timeout: float | None, cancel: Cancel | None
    ) -> None:
        """Make a GET after a response may have been lost with its connection, and raise its error if it is a 401."""
        if lost.code not in _LOST_RESPONSE:
            return
        timeout = _GET_TIMEOUT if timeout is None else min(timeout, _GET_TIMEOUT)
        if timeout <= 0:
            return
        try:
            self.get_package(service_id, version, timeout=timeout, cancel=cancel)
        except Cancelled:
            raise
        except FastlyPackageError as error:
            # With an invalid token, the upload was rejected. Any other result says nothing about the upload.
            if isinstance(error, ApiError) and error.status == 401:
                raise error from lost

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
    """Call `Client.get_package` on a new client."""
    return Client(token=token, api_url=api_url).get_package(service_id, version, timeout=timeout, cancel=cancel)


def list_versions(
    service_id: str,
    *,
    token: str | None = None,
    api_url: str | None = None,
    timeout: float | None = None,
    cancel: Cancel | None = None,
) -> list[ServiceVersionInfo]:
    """Call `Client.list_versions` on a new client."""
    return Client(token=token, api_url=api_url).list_versions(service_id, timeout=timeout, cancel=cancel)


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
    """Call `Client.put_package` on a new client."""
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


# Matches as the guard does, which allows http to no other host name.
_LOCALHOST = re.compile(r"http://localhost(?=[:/]|\Z)", re.IGNORECASE)


def _check_localhost(api_url: str) -> None:
    """Check that `localhost` is loopback, which the guard assumes. Otherwise the token would be sent unencrypted."""
    if not _LOCALHOST.match(api_url):
        return
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidArgument(f"api_url is http to localhost, which can't be resolved: {error}") from error
    for *_, address in found:
        if not ip_address(address[0]).is_loopback:
            raise InvalidArgument(f"api_url is http to localhost, which resolves to {address[0]}, not to loopback")


def _target(service_id: str, version: int) -> Record:
    return _record(
        service_id=arguments.text("service_id", service_id), version_id=arguments.whole("version", version, bits=32)
    )


def _record(**fields: object) -> Record:
    record = Record()
    for name, value in fields.items():
        setattr(record, name.replace("_", "-"), value)
    return record
