"""Make one call, for the tests that compare all hosts.

python driver.py get SERVICE VERSION
python driver.py put SERVICE VERSION FILE [SIZE]      announce SIZE
python driver.py denied SERVICE VERSION OTHER_URL     pass OTHER_URL to the component, FASTLY_API_ENDPOINT to the guard
"""

import json
import sys

from fastly_package import (
    ApiError,
    Client,
    ContentError,
    FastlyPackageError,
    InvalidArgument,
    Reply,
    TransportError,
    UnexpectedResponse,
)

CASES: dict[type[FastlyPackageError], str] = {
    ApiError: "api",
    ContentError: "content",
    InvalidArgument: "invalid-argument",
    TransportError: "transport",
    UnexpectedResponse: "unexpected-response",
}


def run(operation: str, service_id: str, version: str, *rest: str) -> Reply:
    client = Client()
    if operation == "get":
        return client.get_package(service_id, int(version))
    if operation == "put":
        file, *size = rest
        return client.put_package(service_id, int(version), file, size=int(size[0]) if size else None)
    if operation == "denied":
        return client._get(service_id, int(version), timeout=None, cancel=None, api_url=rest[0])
    sys.exit(__doc__)


def failure(error: FastlyPackageError) -> dict[str, object]:
    # A field that the error doesn't have is null.
    fields = {name: getattr(error, name, None) for name in ("status", "title", "detail", "code")}
    if fields["detail"] is None and not isinstance(error, ApiError | TransportError):
        fields["detail"] = str(error)
    return {"case": CASES[type(error)], **fields}


try:
    package = run(*sys.argv[1:]).package
except FastlyPackageError as error:
    if type(error) not in CASES:
        raise
    print(json.dumps({"error": failure(error)}))
    sys.exit(1)
shown = {name: getattr(package, name) for name in ("id", "service_id", "version")}
print(json.dumps({"package": shown | {"hashsum": package.metadata and package.metadata.hashsum}}))
