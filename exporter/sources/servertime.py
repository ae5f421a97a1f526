"""The control plane's own time, learned from the ``Date`` headers of its answers."""

from __future__ import annotations

from exporter.http.dates import parse_http_date

_DATE_IS_LATE_BY_SECONDS = 2.0


class ServerTime:
    """How far the server's clock is from ours, as the interval that agrees with every ``Date`` seen.

    A ``Date`` has whole seconds (RFC 9110, 6.6.1) and servers renew it once a second, so one answer leaves the
    offset open by two seconds and its own duration; each further answer narrows it. An offset that could be zero is
    taken as zero.
    """

    def __init__(self) -> None:
        self._low = float("-inf")
        self._high = float("inf")

    def observe(self, date: str | None, *, sent: float, received: float) -> None:
        """Learn from an answer whose request left at ``sent`` and whose head came at ``received``, in our time."""
        seconds = parse_http_date(date)
        if seconds is None:
            return
        low, high = seconds - received, seconds + _DATE_IS_LATE_BY_SECONDS - sent
        if low > self._high or high < self._low:  # one of the clocks was set: begin anew
            self._low, self._high = low, high
        self._low, self._high = max(self._low, low), min(self._high, high)

    def at(self, ours: float) -> float:
        """The server's time when our clock shows ``ours``."""
        return ours + min(max(0.0, self._low), self._high)
