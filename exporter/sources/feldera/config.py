"""The keys that a Feldera source has beside those of every source."""

from __future__ import annotations

from exporter.config import Selection, SourceConfig
from exporter.config.units import Concurrency, WholeNumber


class LineCount(WholeNumber):
    """How many lines are kept."""

    most = 1000


class Logs(Selection, frozen=True, kw_only=True):
    """Pipelines whose logs are followed, how many of them at once, and how many lines of failures are kept of each."""

    max_streams: Concurrency = Concurrency(100)
    error_lines: LineCount = LineCount(20)


class FelderaConfig(SourceConfig, frozen=True, kw_only=True):
    """A Feldera instance."""

    logs: Logs | None = None
