"""A runner's log buffer and a reader of it, without sockets: what is counted of each line, over many connects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from exporter.demo.feldera.logs import LogBuffer, LogLimits
from exporter.history import PipelineHistory
from exporter.history.pipeline import SavedPipeline
from exporter.model import LogPosition, LogRead
from exporter.sources.feldera.logs.progress import Progress

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def dated(number: int, text: str, *, at: int) -> bytes:
    """A line with a number of its own, logged so many milliseconds after the beginning."""
    stamp = (_BEGIN + timedelta(milliseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"[p] {stamp}  INFO target: {text} {number}\n".encode()


def undated(number: int) -> bytes:
    """A line without a time."""
    return f"raw line {number}\n".encode()


def seconds(number: int) -> float:
    """The time of the dated line of this number."""
    return (_BEGIN + timedelta(milliseconds=number)).timestamp()


class Runner:
    """Keeps the log of one pipeline; every line is another one."""

    def __init__(self, *, cursor: bool, most_lines: int = 10_000, same_time: int = 1) -> None:
        self.cursor = cursor
        self._same_time = same_time  # so many lines in a row
        self.written: list[bytes] = []
        self._limits = LogLimits(max_lines=most_lines)
        self._lives = 0
        self.restart()

    def restart(self) -> None:
        """The buffer is lost; a new one begins."""
        self._lives += 1
        self.buffer = LogBuffer(f"epoch-{self._lives}", self._limits)
        self.write(1, "Fresh start of pipeline logs")

    @property
    def now(self) -> float:
        """The time: no line is later yet."""
        return seconds(len(self.written) // self._same_time)

    def write(self, count: int, text: str = "line", *, plain: bool = False) -> list[bytes]:
        """So many new lines."""
        numbers = range(len(self.written), len(self.written) + count)
        lines = [undated(n) if plain else dated(n, text, at=n // self._same_time) for n in numbers]
        self.log(lines)
        return lines

    def log(self, lines: Sequence[bytes]) -> None:
        """These lines."""
        self.written += lines
        self.buffer.append(lines)

    def answer(self, cursor: str) -> tuple[dict[str, str], bytes]:
        """Headers and replay for a reader who asks with this cursor."""
        if not self.cursor:
            lost = self.buffer.discarded
            notice = f"{lost} prior log lines were discarded due to buffer constraints and are thus not shown.\n"
            said = f"[manager] 2026-12-31T00:00:00Z  WARN l: {notice}".encode() if lost else b""
            return {}, said + self.buffer.after(0)
        epoch, _, number = cursor.rpartition(":")
        asked = int(number) if epoch == self.buffer.epoch else 0
        start = max(asked, self.buffer.discarded)
        headers = {"epoch": self.buffer.epoch, "seq": str(start), "gap": str(start - asked)}
        return {f"feldera-logs-{key}": value for key, value in headers.items()}, self.buffer.after(start)


class Reader:
    """Reads as a stream does, and hands over as the follower does: lines and position together."""

    def __init__(self, *, after: float | None = None) -> None:
        self.history = PipelineHistory(counts_from=after, initial=None)
        self.counted: Counter[bytes] = Counter()
        self.is_connected = False
        self._begin()

    def _begin(self) -> None:
        self.progress = Progress(self.history.log_position)
        self._pending: list[bytes] = []

    @property
    def lost(self) -> int:
        """Lines counted as lost."""
        return self.history.logs.lost if self.history.logs else 0

    @property
    def position(self) -> LogPosition:
        """The position that was saved."""
        return self.history.log_position

    def open(self, runner: Runner) -> bytes:
        """The answer's headers came; the replay is on its way."""
        headers, replay = runner.answer(self.progress.cursor)
        self.progress.opened(headers, asked_at=runner.now)
        return replay

    def connect(self, runner: Runner) -> None:
        """Open, and read what is replayed."""
        self.read(self.open(runner))

    def read(self, block: bytes) -> None:
        """Whole lines came, replayed or live."""
        self.is_connected = True
        self._pending += _lines(self.progress.read(block))

    def wait(self, seconds: float) -> None:
        """Nothing came for so long."""
        self.progress.wait(silent_seconds=seconds, open_seconds=seconds)

    def hand_over(self) -> None:
        """What was read is counted, and saved with the position in one step."""
        self.history.log(LogRead(
            "p", up=True, lines={"info": len(self._pending)}, lost=self.progress.take_lost(),
            position=self.progress.position(),
        ))  # fmt: skip
        self.counted.update(self._pending)
        self._pending = []

    def crash(self) -> None:
        """The process ends; another one goes on from what was saved."""
        saved = msgspec.msgpack.decode(msgspec.msgpack.encode(self.history.saved()), type=SavedPipeline)
        self.history = PipelineHistory.restored(saved)
        self.is_connected = False
        self._begin()

    def twice(self) -> list[bytes]:
        """Lines that were counted more than once, of a log in which every line is another one."""
        return [line for line, count in self.counted.items() if count > 1]

    def too_many(self, runner: Runner) -> Counter[bytes]:
        """Lines that were counted more often than they were written."""
        return self.counted - Counter(runner.written)

    def missing(self, lines: Sequence[bytes]) -> list[bytes]:
        """Lines that were not counted."""
        return [line for line in lines if not self.counted[line]]


def _lines(block: bytes) -> list[bytes]:
    return block.splitlines(keepends=True)
