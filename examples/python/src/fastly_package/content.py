"""The content of an upload: opening it, determining its size, and writing it to the component's pipe."""

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
    """A binary file object."""

    def read(self, size: int, /) -> bytes: ...


Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable
Progress: TypeAlias = Callable[[int, int], object]

_CHUNK_SIZE = 256 * 1024


class _Opened(FileIO):
    """A file opened by its path. If it is modified, reading fails before the last byte is sent."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._state = self._now()

    def _now(self) -> tuple[int, int] | None:
        now = os.stat(self.fileno())
        # A pipe is expected to be written to.
        return (now.st_size, now.st_mtime_ns) if S_ISREG(now.st_mode) else None

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if self._now() != self._state:
            raise ContentError("failed", None, "it was modified while it was read")
        return chunk


@contextmanager
def opened(source: Source, size: int | None) -> Iterator[tuple[Readable, int]]:
    """Return the source and its size. A file object is read from its current position and stays open."""
    if isinstance(source, str | os.PathLike):
        with _Opened(source) as file:
            yield file, _measure(file) if size is None else size
    elif isinstance(source, bytes | bytearray | memoryview):
        # The length of a memoryview is its number of elements, which may be larger than bytes or not contiguous.
        content = source if isinstance(source, bytes) else memoryview(source).tobytes()
        yield BytesIO(content), len(content) if size is None else size
    else:
        _check(source)
        yield source, _measure(source) if size is None else size


def _check(source: object) -> None:
    if not callable(getattr(source, "read", None)):
        raise wrong_type("source", "a path, bytes or a file object", source)
    if isinstance(source, TextIOBase):
        raise InvalidArgument("source is a text file: open it with mode 'rb'")
    if getattr(source, "closed", False) is True:
        raise InvalidArgument("source is closed")
    if isinstance(source, IOBase) and not source.readable():
        raise InvalidArgument("source isn't open for reading: open it with mode 'rb'")


def _measure(file: Any) -> int:
    """Determine the size by seeking: the size of an underlying file, such as a compressed one, may differ."""
    try:
        start: int = file.tell()
        # `mmap.seek` doesn't return the position.
        file.seek(0, os.SEEK_END)
        end: int = file.tell()
        file.seek(start)
    except (AttributeError, OSError, ValueError):
        raise InvalidArgument("the size of the source is unknown: pass size=") from None
    return max(0, end - start)


def _non_blocking(file: Readable) -> tuple[int | None, Callable[[int], bytes]]:
    """Return a file descriptor to wait for, and a `read` that then doesn't block.

    Only Python's own file types have one. The `fileno()` of other objects, such as an HTTP response or a compressed
    file, doesn't tell whether they have data: they may have read their last bytes from it already.
    """
    if type(file) is FileIO or isinstance(file, _Opened):
        return file.fileno(), file.read
    if type(file) is BufferedReader and type(file.raw) is FileIO:
        # Buffered data is sent once the file descriptor has more data or reaches its end, which completes the upload.
        return file.fileno(), file.read1
    return None, file.read


def feed(file: Readable, size: int, pipe: RawIOBase, call: Call[Any], progress: Progress | None) -> None:
    """Write the source to the pipe until the end of the source or of the call, whichever comes first."""
    os.set_blocking(pipe.fileno(), False)
    source, read_some = _non_blocking(file)
    read = 0
    while True:
        if source is not None and call.has_ended(or_readable=source):
            return
        chunk = read_some(_CHUNK_SIZE)
        try:
            rest = memoryview(chunk)
        except TypeError:
            raise wrong_type("source: what read() returns", "bytes", chunk) from None
        # An empty memoryview can't be cast.
        if not rest.nbytes:
            return
        rest = rest.cast("B")
        read += len(rest)
        # Before the chunk is sent, so that an exception can stop the upload up to its last byte.
        if progress is not None:
            progress(min(read, size), size)
        while rest:
            if call.has_ended(or_writable=pipe.fileno()):
                return
            rest = rest[pipe.write(rest) or 0 :]
