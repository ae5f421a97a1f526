"""What was read of a log since it was last handed over."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence

from exporter.model import LogLevel, LogLine, LogPosition, LogRead
from exporter.sources.feldera.logs.lines import Summary, Telling, closed
from exporter.sources.feldera.logs.redact import for_people

# hundreds of logs are handed over in one go: so many hand-overs share the lines that wait, unless those are few
_LOOKS, _FEW = 5, 4


class Tally:
    """Counts lines, and keeps the last ``most_errors`` that tell of a failure.

    To look for credentials takes longer than all else. So lines wait as they came until they are handed over, a few at
    a time: in a storm most give way to others before anybody has looked. Only what was looked at leaves, in a
    ``LogRead``.
    """

    def __init__(self, pipeline_id: str, *, most_errors: int, errors: Sequence[LogLine] = ()) -> None:
        self._pipeline_id = pipeline_id
        self._levels: Counter[LogLevel] = Counter()
        self._panics = 0
        self._last_at: float | None = None
        self._errors: deque[LogLine] = deque(errors, maxlen=most_errors)
        self._waiting: deque[Telling] = deque(maxlen=most_errors)
        self._at_once = max(_FEW, -(-most_errors // _LOOKS))
        self._open: Telling | None = None
        self._handed_over: bool | None = None
        self._errors_changed = len(errors) > most_errors
        self._changed = False
        self.lost = 0
        self.reconnects = 0

    def count(self, summary: Summary) -> None:
        """Count new lines."""
        self._levels.update(summary.levels)
        self._panics += summary.panics
        self._changed = True

    @property
    def shows_any(self) -> bool:
        """Whether lines of failures are kept."""
        return bool(self._errors or self._waiting)

    def show(self, summary: Summary) -> None:
        """Keep the last time and the lines of failures, whether lines count or are from before."""
        if summary.last_at is not None:
            self._last_at, self._changed = summary.last_at, True
        if any(summary.levels.values()):
            self._close(summary.goes_on)
        self._waiting.extend(summary.telling)
        if summary.telling and summary.telling[-1].is_open:
            self._open = summary.telling[-1]

    def _close(self, goes_on: str | None) -> None:
        """Take in the line after a panic; the panic may have been handed over without it."""
        if self._open is not None and goes_on is not None:
            (self._waiting or self._errors).pop()
            self._waiting.append(closed(self._open, goes_on))
        self._open = None

    def take(self, position: Callable[[], LogPosition], *, up: bool) -> LogRead | None:
        """What came since the last time; None if nothing did. ``position`` tells up to where all of that was read."""
        changed = self._changed or self._errors_changed or self._waiting or self.lost or self.reconnects
        if not changed and up == self._handed_over:
            return None
        read = LogRead(
            pipeline_id=self._pipeline_id,
            up=up,
            lines=dict(self._levels),
            panics=self._panics,
            lost=self.lost,
            reconnects=self.reconnects,
            last_line_at=self._last_at,
            errors=self._shown() if self._waiting or self._errors_changed else None,
            position=position(),
        )
        self._levels.clear()
        self._panics = self.lost = self.reconnects = 0
        self._handed_over = up
        self._changed = self._errors_changed = False
        return read

    def _shown(self) -> tuple[LogLine, ...]:
        """The lines of failures as people may see them; those that waited longest are among them now."""
        for _ in range(min(self._at_once, len(self._waiting))):
            line = self._waiting.popleft()
            self._errors.append(LogLine(for_people(line.text), line.at))
        return tuple(self._errors)
