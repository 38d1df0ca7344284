"""What ends calls from another thread."""

from __future__ import annotations

from .pipe import pipe


class Cancel:
    """Like a `threading.Event`: once it is set, the calls that it was handed to as `cancel=` end with `Cancelled`."""

    def __init__(self) -> None:
        # The reading end reports a hang-up when the other is closed.
        self._reading, self._writing = pipe()

    def set(self) -> None:
        self._writing.close()

    def is_set(self) -> bool:
        return self._writing.closed

    def fileno(self) -> int:
        return self._reading.fileno()

    def __del__(self) -> None:
        # Without it they are closed too, but Python warns.
        self._reading.close()
        self._writing.close()
