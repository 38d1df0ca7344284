"""What a caller hands in, checked before anything is opened or connected to."""

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
        raise InvalidArgument(f"{name} has half a surrogate pair in it") from None
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
        raise InvalidArgument(f"a {name} can't be {value}")
    return value


def seconds(name: str, value: object) -> float | None:
    """Some 300 years and more are no timeout: Python's clocks don't count on."""
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise wrong_type(name, "a number", value)
    # Said so, it holds for NaN too.
    if not value > 0:
        raise InvalidArgument(f"a {name} can't be {value}")
    return value if value < TIMEOUT_MAX else None


def optional(wanted: type, name: str, value: object) -> None:
    if value is not None and not isinstance(value, wanted):
        raise wrong_type(name, f"a {wanted.__name__}", value)


def wrong_type(name: str, wanted: str, value: object) -> InvalidArgument:
    """Its type alone is said: what it is may be secret."""
    return InvalidArgument(f"{name} must be {wanted}, not {type(value).__name__}")
