"""Cuts a stream of bytes into whole lines; what is not a line is held back."""

from __future__ import annotations

_LONGEST_LINE = 1 << 20
_ENDED = b"Logs have ended\n"


class Splitter:
    """Gives whole lines, as one block; a piece without its newline waits, and is dropped with the stream.

    A line longer than 1 MiB keeps its beginning. The server may end a stream with a line of its own, which is no line
    of the log unless more follows.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._size = 0
        self._held = b""

    @property
    def is_within_a_line(self) -> bool:
        """Whether the rest of a line is to come."""
        return bool(self._rest)

    def feed(self, data: bytes) -> bytes:
        """The lines that are whole now, each with its newline."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            return b""
        block = b"".join((self._held, *self._rest, data[:end]))
        self._rest, self._size, self._held = [], 0, b""
        self._keep(data[end:])
        if not self._rest and (block == _ENDED or block.endswith(b"\n" + _ENDED)):
            self._held = _ENDED
            return block[: -len(_ENDED)]
        return block

    def _keep(self, data: bytes) -> None:
        if data and self._size < _LONGEST_LINE:
            self._rest.append(data[: _LONGEST_LINE - self._size])
            self._size += len(self._rest[-1])
