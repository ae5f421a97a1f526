"""The fold of what was read of a pipeline's log: counters, where the reading stands, and the last lines of failures."""

from __future__ import annotations

import msgspec

from exporter.model import LOG_LEVELS, LogLevel, LogLine, LogPosition, LogRead


class SavedLogs(msgspec.Struct, array_like=True):
    """A log's counters as they are kept in a file, with the position they cover; never a line."""

    lines: dict[LogLevel, int]
    panics: int
    lost: int
    reconnects: int
    last_line_at: float | None
    position: LogPosition


class Logs:
    """What is counted of a pipeline's log. ``up`` is None while nobody follows it; ``errors`` has the newest last."""

    def __init__(self, position: LogPosition) -> None:
        self.up: bool | None = None
        self.lines: dict[LogLevel, int] = dict.fromkeys(LOG_LEVELS, 0)
        self.panics = 0
        self.lost = 0
        self.reconnects = 0
        self.last_line_at: float | None = None
        self.position = position
        self.errors: tuple[LogLine, ...] = ()

    def saved(self) -> SavedLogs:
        """The counters and the position, as a value."""
        return SavedLogs(dict(self.lines), self.panics, self.lost, self.reconnects, self.last_line_at, self.position)

    @classmethod
    def restored(cls, saved: SavedLogs) -> Logs:
        """What was saved."""
        logs = cls(saved.position)
        logs.lines |= saved.lines
        logs.panics, logs.lost, logs.reconnects = saved.panics, saved.lost, saved.reconnects
        logs.last_line_at = saved.last_line_at
        return logs

    def fold(self, read: LogRead) -> None:
        """Take in what was read since the last time."""
        self.up = read.up
        for level, count in read.lines.items():
            self.lines[level] += count
        self.panics += read.panics
        self.lost += read.lost
        self.reconnects += read.reconnects
        if read.last_line_at is not None:
            self.last_line_at = read.last_line_at
        if read.position is not None:
            self.position = read.position
        if read.errors is not None:
            self.errors = read.errors
