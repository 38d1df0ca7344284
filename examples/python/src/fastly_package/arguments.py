"""Checks of a caller's arguments, before anything is opened or connected."""

from __future__ import annotations

import os
from threading import TIMEOUT_MAX

from .errors import InvalidArgument


def text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{name} contains a lone surrogate") from None
    return value


def not_empty(name: str, value: object) -> str:
    if not (given := text(name, value)):
        raise InvalidArgument(f"{name} is empty")
    return given


def path(name: str, value: object) -> str:
    return not_empty(name, os.fspath(value) if isinstance(value, os.PathLike) else value)


def whole(name: str, value: object, bits: int) -> int:
    if not isinstance(value, int):
        raise wrong_type(name, "an int", value)
    if not 0 <= value < 2**bits:
        raise InvalidArgument(f"{name} can't be {value}")
    return value


def seconds(name: str, value: object) -> float | None:
    """Return the timeout, or `None` for none: also if it is more than `TIMEOUT_MAX`, about 300 years."""
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise wrong_type(name, "a number", value)
    # In this form, the condition also holds for NaN.
    if not value > 0:
        raise InvalidArgument(f"{name} can't be {value}")
    return value if value < TIMEOUT_MAX else None


def optional(wanted: type, name: str, value: object) -> None:
    if value is not None and not isinstance(value, wanted):
        raise wrong_type(name, f"a {wanted.__name__}", value)


def wrong_type(name: str, wanted: str, value: object) -> InvalidArgument:
    """Name only the type of the value, which may be a secret."""
    return InvalidArgument(f"{name} must be {wanted}, not {type(value).__name__}")
