"""The keys that a Feldera source has beside those of every source."""

from __future__ import annotations

from exporter.config import Selection, SourceConfig
from exporter.config.units import Concurrency


class LineCount(int):
    """How many lines are kept."""

    @classmethod
    def parse(cls, raw: object) -> LineCount:
        """Raise ValueError with a sentence if ``raw`` is not from 0 to 1000."""
        text = str(raw)
        if isinstance(raw, bool) or not text.isdecimal() or int(text) > 1000:
            raise ValueError(f"{raw!r} is not a whole number from 0 to 1000")
        return cls(text)


class Logs(Selection, frozen=True, kw_only=True):
    """Pipelines whose logs are followed, how many of them at once, and how many lines of failures are kept of each."""

    max_streams: Concurrency = Concurrency(100)
    error_lines: LineCount = LineCount(20)


class FelderaConfig(SourceConfig, frozen=True, kw_only=True):
    """A Feldera instance."""

    logs: Logs | None = None
