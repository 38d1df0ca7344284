"""The errors of a call: the cases of `error` in `wit/package-api.wit`, and three of this host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from wasmtime.component import Record, Variant

from .records import ApiErrorEntry, RateLimit, entry, fields, rate_limit


class FastlyPackageError(Exception):
    """The base class of all errors. No error contains the token."""


@dataclass(eq=False)
class InvalidArgument(FastlyPackageError):
    """An argument is invalid. Nothing was sent, unless the value was returned by the source's `read`."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class ContentError(FastlyPackageError):
    """The content failed or has another length than announced. The request was aborted; nothing is stored.

    `read` is the number of bytes of a content that is too short. `detail` is the reason for which the stream failed.
    """

    kind: Literal["failed", "too-short", "too-long"]
    read: int | None
    detail: str | None

    def __str__(self) -> str:
        if self.kind == "too-short":
            return f"the content ended after {self.read} bytes"
        if self.kind == "too-long":
            return "the content is longer than its announced size"
        return f"the content can't be read: {self.detail}"


@dataclass(eq=False)
class TransportError(FastlyPackageError):
    """The request or the response was lost, or the guard denied the request (`HTTP-request-denied`).

    `code` is the case of `wasi:http`'s `error-code`. An upload whose content was sent completely may be stored.
    """

    code: str
    detail: str | None

    def __str__(self) -> str:
        return self.code if self.detail is None else f"{self.code}: {self.detail}"


@dataclass(eq=False)
class ApiError(FastlyPackageError):
    """An error response of the API: a status from 400 to 599."""

    status: int
    title: str | None
    detail: str | None
    errors: tuple[ApiErrorEntry, ...]
    rate_limit: RateLimit | None
    media_type: str | None
    excerpt: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (f"the API responded with {self.status}", self.title, self.detail)))


@dataclass(eq=False)
class UnexpectedResponse(FastlyPackageError):
    """The response is not the API's. An upload may be stored."""

    reason: Literal["status", "premature", "too-large", "invalid-body"]
    status: int
    detail: str
    location: str | None
    media_type: str | None
    excerpt: str

    def __str__(self) -> str:
        parts = (f"unexpected response with status {self.status}", self.reason, self.detail)
        return ": ".join(filter(None, parts))


class ComponentError(FastlyPackageError):
    """The component is missing, can't be loaded, or trapped. After a trap, an upload may be stored."""


class CallTimeout(FastlyPackageError, TimeoutError):
    """The `timeout` expired. An upload was aborted; it may be stored if its content was sent completely."""


class Cancelled(FastlyPackageError):
    """The `cancel` was set. An upload was aborted; it may be stored if its content was sent completely."""


def to_exception(variant: Variant) -> FastlyPackageError:
    """Convert the component's `error`."""
    payload: Any = variant.payload
    if variant.tag == "invalid-argument":
        return InvalidArgument(payload)
    if variant.tag == "content":
        return _content(payload)
    if variant.tag == "transport":
        return TransportError(payload.tag, _detail(payload.payload))
    found = fields(payload)
    if variant.tag == "api":
        errors = tuple(entry(record) for record in found["errors"])
        # Positional arguments, here and above, since exceptions are pickled with them.
        return ApiError(*(found | {"errors": errors, "rate_limit": rate_limit(found["rate_limit"])}).values())
    return UnexpectedResponse(*found.values())


def _content(payload: str | int | None) -> ContentError:
    """Convert a `content-error`, whose cases the `wasmtime` package represents only by the types of their payloads."""
    if isinstance(payload, str):
        return ContentError("failed", None, payload)
    if payload is None:
        return ContentError("too-long", None, None)
    return ContentError("too-short", payload, None)


def _detail(payload: Any) -> str | None:
    if isinstance(payload, Record):
        parts = [f"{name} {value}" for name, value in fields(payload).items() if value is not None]
        return ", ".join(parts) or None
    return None if payload is None else str(payload)
