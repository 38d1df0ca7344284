"""What is uploaded: opened, measured, and fed into the pipe that is the component's stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO, FileIO, IOBase, RawIOBase, TextIOBase
from stat import S_ISREG
from typing import Any, Protocol, TypeAlias

from .arguments import wrong_type
from .call import Call
from .errors import ContentError, InvalidArgument


class Readable(Protocol):
    """A file object, open for reading bytes."""

    def read(self, size: int, /) -> bytes: ...


Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable
Progress: TypeAlias = Callable[[int, int], object]

_CHUNK = 256 * 1024


class _Opened(FileIO):
    """A file opened by its path. One that is written to meanwhile ends in an error before its last byte goes on."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._state = self._now()

    def _now(self) -> tuple[int, int] | None:
        now = os.stat(self.fileno())
        # What comes through a pipe is written meanwhile.
        return (now.st_size, now.st_mtime_ns) if S_ISREG(now.st_mode) else None

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if self._now() != self._state:
            raise ContentError("failed", None, "it was written to while it was read")
        return chunk


@contextmanager
def opened(source: Source, size: int | None) -> Iterator[tuple[Readable, int]]:
    """The source and its size. A file object is read from where it stands, and stays open."""
    if isinstance(source, str | os.PathLike):
        with _Opened(source) as file:
            yield file, _measure(file) if size is None else size
    elif isinstance(source, bytes | bytearray | memoryview):
        # The length of a memoryview is in elements, which needn't be bytes, nor lie side by side.
        content = source if isinstance(source, bytes) else memoryview(source).tobytes()
        yield BytesIO(content), len(content) if size is None else size
    else:
        _check(source)
        yield source, _measure(source) if size is None else size


def _check(source: object) -> None:
    if not callable(getattr(source, "read", None)):
        raise wrong_type("source", "a path, bytes or a file object", source)
    if isinstance(source, TextIOBase):
        raise InvalidArgument("source is open for reading text: open it with mode 'rb'")
    if getattr(source, "closed", False) is True:
        raise InvalidArgument("source is closed")
    if isinstance(source, IOBase) and not source.readable():
        raise InvalidArgument("source isn't open for reading: open it with mode 'rb'")


def _measure(file: Any) -> int:
    """By seeking: the length of what lies beneath a file object, such as a compressed file, isn't the object's."""
    try:
        start: int = file.tell()
        # What `seek` returns isn't asked for: an mmap's returns nothing.
        file.seek(0, os.SEEK_END)
        end: int = file.tell()
        file.seek(start)
    except (AttributeError, OSError, ValueError):
        raise InvalidArgument("the size of the source can't be told: say it with size=") from None
    return max(0, end - start)


def _waiting(file: Readable) -> tuple[int | None, Callable[[int], bytes]]:
    """What to wait for before a read, and a read that then doesn't wait for more.

    Only what is Python's own is waited for. The `fileno()` of others, such as an HTTP answer or a compressed file,
    needn't say when they have something: their last bytes may long have been read from it.
    """
    if type(file) is FileIO or isinstance(file, _Opened):
        return file.fileno(), file.read
    if type(file) is BufferedReader and type(file.raw) is FileIO:
        # What it has read ahead waits here for what comes next, or the end. No upload is whole before that.
        return file.fileno(), file.read1
    return None, file.read


def feed(file: Readable, size: int, pipe: RawIOBase, call: Call[Any], progress: Progress | None) -> None:
    """To the end of the source or of the call, whichever comes first."""
    os.set_blocking(pipe.fileno(), False)
    source, take = _waiting(file)
    read = 0
    while True:
        if source is not None and call.has_ended(or_gives=source):
            return
        chunk = take(_CHUNK)
        try:
            rest = memoryview(chunk)
        except TypeError:
            raise wrong_type("source: what read() returns", "bytes", chunk) from None
        # An empty view can't be cast.
        if not rest.nbytes:
            return
        rest = rest.cast("B")
        read += len(rest)
        # Before the chunk goes on: raising an error is then a way to stop an upload, to its last byte.
        if progress is not None:
            progress(min(read, size), size)
        while rest:
            if call.has_ended(or_takes=pipe.fileno()):
                return
            rest = rest[pipe.write(rest) or 0 :]
