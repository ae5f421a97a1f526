"""The logs of all pipelines: made on first use, named by the manager, flooded by a firehose when asked."""

from __future__ import annotations

from msgspec import Struct

from exporter.demo.feldera.identity import Ids, rfc3339_micros, uuid_text
from exporter.demo.feldera.loglines import manager_line, process_start, snake_case
from exporter.demo.feldera.logs import LogBuffer, LogLimits
from exporter.demo.feldera.rows import Event, Row
from exporter.demo.feldera.schedule import Schedule

_BATCH = 10_000
_CATCH_UP = 200_000
_AUTOMATON = "pipeline_manager::runner::pipeline_automata"
_LOGS = "pipeline_manager::runner::pipeline_logs"


class _Hose(Struct):
    """Lines to make for a pipeline: so many a second since the start (microseconds)."""

    row: Row
    per_second: float
    since_us: int
    made: int = 0

    def due(self, now_us: int) -> int:
        """How many lines are to be made now."""
        return int((now_us - self.since_us) * self.per_second / 1_000_000) - self.made


class Logbook:
    """One buffer per pipeline id. While `muted`, nothing is written."""

    def __init__(self, schedule: Schedule, ids: Ids, limits: LogLimits) -> None:
        self._schedule = schedule
        self._ids = ids
        self._hoses: dict[str, _Hose] = {}
        self.limits = limits
        self.muted = False
        self.buffers: dict[str, LogBuffer] = {}

    def of(self, row: Row) -> LogBuffer:
        """The buffer of a pipeline; the first line of its life says so."""
        buffer = self.buffers.get(row.id)
        if buffer is None:
            epoch = uuid_text(self._ids.next(self._schedule.now_us()))
            buffer = self.buffers[row.id] = LogBuffer(epoch, self.limits)
            buffer.append([self._said(row, "INFO", "Fresh start of pipeline logs", target=_LOGS, name="N/A")])
        return buffer

    def lines(self, row: Row, *lines: str) -> None:
        """Raw lines of the pipeline's process."""
        if not self.muted:
            self.of(row).append([f"{line}\n".encode() for line in lines])

    def process_started(self, row: Row) -> None:
        """What the pipeline's process prints first."""
        if not self.muted:
            self.lines(row, *process_start(self._schedule.now_us(), row.name))

    def manager(self, row: Row, level: str, message: str) -> None:
        """A line of the control plane about a pipeline."""
        if not self.muted:
            self.of(row).append([self._said(row, level, message, target=_AUTOMATON, name=row.name)])

    def transitions(self, row: Row, before: Event) -> None:
        """What the manager says of the changes since an earlier event."""
        if row.storage != before.storage:
            self._transition(row, "Storage", before.storage, row.storage, None)
        if row.resources != before.resources:
            self._transition(row, "Resources", before.resources, row.resources, row.resources_desired)
        if row.runtime != before.runtime and row.runtime is not None:
            self._transition(row, "Runtime", before.runtime, row.runtime, row.runtime_desired)

    def notice(self, row: Row) -> bytes:
        """The line a reader is greeted with when something is missing, else nothing."""
        lost = self.of(row).discarded
        message = f"{lost} prior log lines were discarded due to buffer constraints and are thus not shown."
        return self._said(row, "WARN", message, target=_LOGS, name="N/A") if lost else b""

    def firehose(self, row: Row, lines_per_second: float) -> None:
        """Let a pipeline log that many lines a second from now on; 0 stops it."""
        self._hoses.pop(row.id, None)
        if lines_per_second > 0:
            self._hoses[row.id] = _Hose(row, lines_per_second, self._schedule.now_us())

    def pump(self, now_us: int) -> None:
        """Make the lines that are due, in batches; those nobody could ever read are only counted."""
        for hose in list(self._hoses.values()):
            self._pump(hose, hose.due(now_us), now_us)

    def forget(self, row: Row) -> None:
        """The pipeline is deleted: its readers' streams end and its buffer is gone."""
        self._hoses.pop(row.id, None)
        buffer = self.buffers.pop(row.id, None)
        if buffer is not None:
            buffer.close()

    def restart(self) -> None:
        """The runner restarts: every stream ends, every buffer is lost."""
        for buffer in self.buffers.values():
            buffer.close()
        self.buffers.clear()

    def _pump(self, hose: _Hose, due: int, now_us: int) -> None:
        buffer = self.of(hose.row)
        kept = min(due, _CATCH_UP if buffer.followers else self.limits.max_lines)
        if due > kept:
            buffer.skip(due - kept)
            hose.made += due - kept
        head = f"[{hose.row.name}] {rfc3339_micros(now_us)}  INFO dbsp_adapters::controller: flushed batch "
        for start in range(0, kept, _BATCH):
            numbers = range(hose.made, hose.made + min(_BATCH, kept - start))
            buffer.append([f"{head}{number}\n".encode() for number in numbers])
            hose.made += len(numbers)

    def _transition(self, row: Row, kind: str, old: str | None, new: str, desired: str | None) -> None:
        wanted = f" (desired: {snake_case(desired)})" if desired else ""
        self.manager(row, "INFO", f"{kind} transition: {snake_case(old)} -> {snake_case(new)}{wanted}")

    def _said(self, row: Row, level: str, message: str, *, target: str, name: str) -> bytes:
        now = self._schedule.now_us()
        line = manager_line(now, level, message, target=target, pipeline_id=row.id, name=name)
        return f"{line}\n".encode()
