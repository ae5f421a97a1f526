"""What was read of a log since it was last handed over."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable

from exporter.model import LogLevel, LogLine, LogPosition, LogRead
from exporter.sources.feldera.logs.lines import Summary, Telling
from exporter.sources.feldera.logs.redact import redacted

_LONGEST_LINE = 1_000
_LONGEST_LOOKED_AT = 8_000  # what is cut off before redacting cannot show a credential


class Tally:
    """Counts lines, and keeps the last ``most_errors`` that tell of a failure."""

    def __init__(self, pipeline_id: str, *, most_errors: int) -> None:
        self._pipeline_id = pipeline_id
        self._levels: Counter[LogLevel] = Counter()
        self._panics = 0
        self._last_at: float | None = None
        self._errors: deque[LogLine] = deque(maxlen=most_errors)
        self._handed_over: bool | None = None
        self._errors_changed = False
        self._lines_changed = False
        self.lost = 0
        self.reconnects = 0

    def add(self, summary: Summary) -> None:
        """Count new lines."""
        self._levels.update(summary.levels)
        self._panics += summary.panics
        self._last_at = summary.last_at if summary.last_at is not None else self._last_at
        self.show(summary.telling)
        self._lines_changed = True

    @property
    def shows_any(self) -> bool:
        """Whether lines of failures are kept."""
        return bool(self._errors)

    def show(self, telling: Iterable[Telling]) -> None:
        """Keep the lines of failures, whether they count or are from before."""
        kept = [_for_people(line) for line in telling]
        self._errors.extend(kept)
        self._errors_changed |= bool(kept)

    def take(self, position: Callable[[], LogPosition], *, up: bool) -> LogRead | None:
        """What came since the last time; None if nothing did. ``position`` tells up to where all of that was read."""
        changed = self._lines_changed or self._errors_changed or self.lost or self.reconnects
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
            errors=tuple(self._errors) if self._errors_changed else None,
            position=position(),
        )
        self._levels.clear()
        self._panics = self.lost = self.reconnects = 0
        self._handed_over = up
        self._errors_changed = self._lines_changed = False
        return read


def _for_people(line: Telling) -> LogLine:
    text = redacted(line.text[:_LONGEST_LOOKED_AT])
    clipped = text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
    return LogLine("".join(c if c.isprintable() else " " for c in clipped), line.at)
