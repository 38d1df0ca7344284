"""Fastly's GetPackage and PutPackage, as a sandboxed WebAssembly component.

>>> from fastly_package import get_package, put_package
>>> put_package("SU1Z0isxPaozGVKXdv0eY", 3, "pkg/app.tar.gz")  # doctest: +SKIP
>>> get_package("SU1Z0isxPaozGVKXdv0eY", 3).package.metadata  # doctest: +SKIP
"""

from .cancel import Cancel
from .client import Client, get_package, list_versions, put_package
from .content import Progress, Source
from .errors import (
    ApiError,
    CallTimeout,
    Cancelled,
    ComponentError,
    ContentError,
    FastlyPackageError,
    InvalidArgument,
    TransportError,
    UnexpectedResponse,
)
from .records import ApiErrorEntry, PackageMetadata, PackageResponse, RateLimit, Reply, ServiceVersionInfo

__all__ = [
    "ApiError",
    "ApiErrorEntry",
    "CallTimeout",
    "Cancel",
    "Cancelled",
    "Client",
    "ComponentError",
    "ContentError",
    "FastlyPackageError",
    "InvalidArgument",
    "PackageMetadata",
    "PackageResponse",
    "Progress",
    "RateLimit",
    "Reply",
    "ServiceVersionInfo",
    "Source",
    "TransportError",
    "UnexpectedResponse",
    "get_package",
    "list_versions",
    "put_package",
]
