"""What a call fails with, by where it failed: the cases of `wit/package-api.wit`, and three of this host's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from wasmtime.component import Record, Variant

from .records import ApiErrorEntry, RateLimit, entry, fields, rate_limit


class FastlyPackageError(Exception):
    """What all of them are. None holds the token."""


@dataclass(eq=False)
class InvalidArgument(FastlyPackageError):
    """An argument is wrong. Nothing was sent, unless it is what a source's `read` returned."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class ContentError(FastlyPackageError):
    """The content wasn't what was promised. The request was aborted, and the API has stored nothing.

    `read` is how many bytes there were, where there were fewer than announced; `detail` is why the stream failed.
    """

    kind: Literal["failed", "too-short", "too-long"]
    read: int | None
    detail: str | None

    def __str__(self) -> str:
        if self.kind == "too-short":
            return f"the content ended after {self.read} bytes"
        if self.kind == "too-long":
            return "the content goes on after its size"
        return f"the content can't be read: {self.detail}"


@dataclass(eq=False)
class TransportError(FastlyPackageError):
    """The request or the answer was lost on the way, or the guard denied it (`HTTP-request-denied`).

    `code` is the case of `wasi:http`'s `error-code`. After an upload whose content was sent whole, this doesn't tell
    whether it was stored.
    """

    code: str
    detail: str | None

    def __str__(self) -> str:
        return self.code if self.detail is None else f"{self.code}: {self.detail}"


@dataclass(eq=False)
class ApiError(FastlyPackageError):
    """The API said no: a status from 400 to 599."""

    status: int
    title: str | None
    detail: str | None
    errors: tuple[ApiErrorEntry, ...]
    rate_limit: RateLimit | None
    media_type: str | None
    excerpt: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (f"the API answered {self.status}", self.title, self.detail)))


@dataclass(eq=False)
class UnexpectedResponse(FastlyPackageError):
    """The answer can't be taken for the API's. After an upload this doesn't tell whether it was stored."""

    reason: Literal["status", "premature", "too-large", "not-a-package"]
    status: int
    detail: str
    location: str | None
    media_type: str | None
    excerpt: str

    def __str__(self) -> str:
        said = (f"an answer with status {self.status} is not the API's", self.reason, self.detail)
        return ": ".join(filter(None, said))


class ComponentError(FastlyPackageError):
    """The component isn't there, isn't one to be run, or trapped. A trap doesn't tell what was sent before."""


class CallTimeout(FastlyPackageError, TimeoutError):
    """The call took longer than its `timeout`. An upload is cut; it may be stored if its content was sent whole."""


class Cancelled(FastlyPackageError):
    """The call's `cancel` was set. An upload is cut; it may be stored if its content was sent whole."""


def error(variant: Variant) -> FastlyPackageError:
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
        # By position, here and above: that is how an exception is pickled.
        return ApiError(*(found | {"errors": errors, "rate_limit": rate_limit(found["rate_limit"])}).values())
    return UnexpectedResponse(*found.values())


def _content(payload: str | int | None) -> ContentError:
    """The `wasmtime` package tells the cases of a variant by the types of their payloads, where these differ."""
    if isinstance(payload, str):
        return ContentError("failed", None, payload)
    if payload is None:
        return ContentError("too-long", None, None)
    return ContentError("too-short", payload, None)


def _detail(payload: Any) -> str | None:
    if isinstance(payload, Record):
        said = [f"{name} {value}" for name, value in fields(payload).items() if value is not None]
        return ", ".join(said) or None
    return None if payload is None else str(payload)
