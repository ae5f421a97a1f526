"""One client's connection: uvicorn's HTTP/1.1, and the patience we have with it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

_QUIET = logging.getLogger("uvicorn.error.clients")
_QUIET.setLevel(logging.ERROR)  # what a client sends wrong is told to the client; it must not fill our log

Certificate = Mapping[str, Any] | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a server one client may take: connections, bytes, and seconds of patience."""

    connections: int = 512
    head_bytes: int = 16 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 40.0
    idle_seconds: int = 75
    write_seconds: float = 30.0
    buffered_bytes: int = 64 * 1024
    look_seconds: float = 1.0


def anybody(certificate: Certificate) -> bool:
    """Lets everybody in."""
    return True


class Connection(H11Protocol):
    """A connection that ends when its client is slower than the limits allow.

    ``admits`` is asked once, with the client's certificate. ``look`` is called about once a second: one clock for all
    connections costs less than timers of each.
    """

    def __init__(self, *, limits: Limits, admits: Callable[[Certificate], bool], **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(**keywords)
        self.logger = _QUIET
        self._limits = limits
        self._admits = admits
        self._refused = False
        self._began = self._moved = time.monotonic()
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless the client has a certificate of somebody else."""
        super().connection_made(transport)
        self._began = time.monotonic()
        transport.set_write_buffer_limits(high=self._limits.buffered_bytes)
        if not self._admits(transport.get_extra_info("peercert")):
            self._refused = True
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Note when a request begins, and read on."""
        if self._refused:
            return
        if self._waits() and not self._has_part():
            self._began = time.monotonic()
        super().data_received(data)

    def resume_writing(self) -> None:
        """The client has read on."""
        self._moved = time.monotonic()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, or what is too long to be one, and close."""
        too_long = len(self.conn.trailing_data[0]) > self._limits.head_bytes
        status, reason = (431, b"Request Header Fields Too Large") if too_long else (400, b"Bad Request")
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        try:
            for event in (
                h11.Response(status_code=status, headers=headers, reason=reason),
                h11.Data(data=f"{msg}\n".encode()),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()
        except h11.LocalProtocolError:  # an answer is already under way
            self.transport.abort()

    def look(self, now: float) -> None:
        """End the connection if its client has made us wait too long."""
        if self.scheme == "https" and self.transport.is_closing():
            return  # asyncio has a deadline for that of its own
        if self._stuck(now) or self._late(now):
            self.transport.abort()

    def _stuck(self, now: float) -> bool:
        """Whether the client has not read what we sent."""
        unsent, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if not self._unsent or self._unsent < unsent or not unsent:
            self._moved = now
        return now - self._moved > self._limits.write_seconds

    def _late(self, now: float) -> bool:
        """Whether the client has not sent what it began; one that waits between two requests has time."""
        if self._waits():
            began = self.cycle is None or self._has_part()
            return began and now - self._began > self._limits.head_seconds
        return self.conn.their_state is h11.SEND_BODY and now - self._began > self._limits.body_seconds

    def _waits(self) -> bool:
        """Whether the next thing to come is the head of a request."""
        return self.conn.their_state is h11.IDLE

    def _has_part(self) -> bool:
        return bool(self.conn.trailing_data[0])
