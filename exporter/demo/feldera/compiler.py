"""The simulated compiler: takes a program from Pending to Success or to one of the errors."""

from __future__ import annotations

import random
from collections.abc import Callable

from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.ledger import Ledger
from exporter.demo.feldera.rows import SUCCESS, Details, Row
from exporter.demo.feldera.schedule import Schedule

_CLEAN = {"exit_code": 0, "messages": []}
_SQL_ERROR: Details = {
    "exit_code": 1,
    "messages": [
        {
            "start_line_number": 3, "start_column": 14, "end_line_number": 3, "end_column": 22, "warning": False,
            "error_type": "Error in SQL statement", "message": "Column 'amuont' not found in any table",
            "snippet": "    3|  SELECT SUM(amuont) FROM orders\n                   ^^^^^^",
        }
    ],
}  # fmt: skip
_RUST_ERROR = {"exit_code": 101, "stdout": "", "stderr": "error[E0425]: cannot find function `my_udf` in this scope"}
_PATHS = {
    SUCCESS: ("CompilingSql", "SqlCompiled", "CompilingRust"),
    "SqlError": ("CompilingSql",),
    "RustError": ("CompilingSql", "SqlCompiled", "CompilingRust"),
    "SystemError": ("CompilingSql",),
}
_SILENT = frozenset({"CompilingSql", "CompilingRust"})


def program_error(status: str) -> Details:
    """The `program_error` column for a program status."""
    sql = _SQL_ERROR if status == "SqlError" else _CLEAN
    rust = _RUST_ERROR if status == "RustError" else None
    return {
        "sql_compilation": None if status in ("Pending", "CompilingSql", "SystemError") else sql,
        "rust_compilation": {"exit_code": 0, "stdout": "", "stderr": ""} if status == SUCCESS else rust,
        "system_error": "Unable to start the SQL compiler" if status == "SystemError" else None,
    }


class Compiler:
    """Writes one event per program status. `done` is told of each final status."""

    def __init__(
        self, schedule: Schedule, ledger: Ledger, *, delays: Delays, chance: random.Random, done: Callable[[Row], None]
    ) -> None:  # fmt: skip
        self._schedule = schedule
        self._ledger = ledger
        self._chance = chance
        self._done = done
        self.delays = delays

    def compile(self, row: Row, outcome: str, *, changed: bool = True) -> None:
        """Compile a program, a changed one from a new version on; an older compilation is given up."""
        if changed:
            row.version += 1
            row.program_version += 1
            self._enter(row, "Pending")
        row.compilation += 1
        self._next(row, [*_PATHS.get(outcome, ("CompilingSql",)), outcome], row.compilation)

    def _next(self, row: Row, path: list[str], compilation: int) -> None:
        def run() -> None:
            if row.compilation != compilation or row.id not in self._ledger.rows:
                return
            self._enter(row, path[0])
            if len(path) > 1:
                self._next(row, path[1:], compilation)
            else:
                self._done(row)

        wait = self.delays.jittered(self._wait(row.program), self._chance)
        self._schedule.at(self._schedule.now() + wait, run)

    def _wait(self, status: str) -> float:
        waits = {"CompilingSql": self.delays.sql, "CompilingRust": self.delays.rust}
        return waits.get(status, self.delays.queued)

    def _enter(self, row: Row, status: str) -> None:
        self._ledger.write(row, bump=status not in _SILENT, program=status, program_error=program_error(status))
        self._ledger.edit(row, program_since=self._schedule.now_us())
