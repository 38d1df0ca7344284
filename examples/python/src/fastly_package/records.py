"""The records of `wit/package-api.wit`, which documents their fields, and their conversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wasmtime.component import Record


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The hourly limit on writes."""

    remaining: int | None
    reset: int | None
    retry_after: str | None


@dataclass(frozen=True, slots=True)
class PackageMetadata:
    """The metadata that the API read from the package."""

    name: str | None
    description: str | None
    authors: tuple[str, ...] | None
    language: str | None
    size: int | None
    hashsum: str | None
    files_hash: str | None
    cloned_from: str | None
    wasm_metadata: str | None


@dataclass(frozen=True, slots=True)
class PackageResponse:
    """A package as the API describes it."""

    id: str
    service_id: str
    version: int
    created_at: str | None
    updated_at: str | None
    deleted_at: str | None
    metadata: PackageMetadata | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful response. `body` is the response body, unchanged."""

    package: PackageResponse
    rate_limit: RateLimit | None
    body: str


@dataclass(frozen=True, slots=True)
class ServiceVersionInfo:
    """A version of a service: the record of `wit/versions.wit`."""

    number: int
    active: bool
    locked: bool
    created_at: str | None
    updated_at: str | None
    deleted_at: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class ApiErrorEntry:
    """An entry of `errors` in an error response."""

    id: str | None
    code: str | None
    status: str | None
    title: str | None
    detail: str | None
    index: int | None
    meta: str | None


def fields(record: Record) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in vars(record).items()}


def rate_limit(record: Record | None) -> RateLimit | None:
    return None if record is None else RateLimit(**fields(record))


def entry(record: Record) -> ApiErrorEntry:
    return ApiErrorEntry(**fields(record))


def versions(records: list[Record]) -> list[ServiceVersionInfo]:
    return [ServiceVersionInfo(**fields(record)) for record in records]


def reply(record: Record) -> Reply:
    found = fields(record)
    return Reply(_package(found["package"]), rate_limit(found["rate_limit"]), found["body"])


def _package(record: Record) -> PackageResponse:
    found = fields(record)
    return PackageResponse(**found | {"metadata": _metadata(found["metadata"])})


def _metadata(record: Record | None) -> PackageMetadata | None:
    if record is None:
        return None
    found = fields(record)
    authors = found["authors"]
    return PackageMetadata(**found | {"authors": None if authors is None else tuple(authors)})
