"""What users change about a pipeline that is not deployed: its definition, its storage, its existence."""

from __future__ import annotations

from typing import Any

from exporter.demo.feldera.compiler import Compiler, program_error
from exporter.demo.feldera.errors import invalid_storage_transition, restricted
from exporter.demo.feldera.ledger import Ledger
from exporter.demo.feldera.logbook import Logbook
from exporter.demo.feldera.rows import CLEARED, CLEARING, IN_USE, STOPPED, SUCCESS, Row
from exporter.demo.feldera.runner import Runner
from exporter.demo.feldera.schedule import Schedule

_METADATA = ("description", "tags")
_CONFIG = ("runtime_config",)
_PROGRAM = ("program_code", "udf_rust", "udf_toml", "program_config")


class Editor:
    """Edits, clears and deletes, with the refusals of the real API."""

    def __init__(
        self, schedule: Schedule, ledger: Ledger, logbook: Logbook, runner: Runner, compiler: Compiler
    ) -> None:
        self._schedule = schedule
        self._ledger = ledger
        self._logbook = logbook
        self._runner = runner
        self._compiler = compiler

    def update(self, row: Row, fields: dict[str, Any]) -> None:
        """Change fields. Description and tags leave no trace; a name, a config or a program does."""
        metadata = _changed(row, fields, _METADATA)
        if metadata:
            self._ledger.edit(row, **metadata)
        renamed = _changed(row, fields, ("name",))
        program = _changed(row, fields, _PROGRAM)
        core = {**_changed(row, fields, _CONFIG), **program}
        if program:
            core |= {"program": "Pending", "program_error": program_error("Pending")}
            core["program_version"] = row.program_version + 1
        if renamed or core:
            self._update_core(row, str(renamed.get("name", row.name)), core)
        if program:
            self._compiler.compile(row, SUCCESS, changed=False)

    def _update_core(self, row: Row, name: str, columns: dict[str, Any]) -> None:
        if row.resources != STOPPED or row.resources_desired != STOPPED:
            message = "Pipeline can only be updated while stopped. Stop it first by invoking '/stop'."
            raise restricted("UpdateRestrictedToStopped", message)
        if name != row.name:
            _check_cleared(row, "EditRestrictedToClearedStorage", "renamed")
            self._ledger.rename(row, name)
        self._ledger.record(row, {**columns, "version": row.version + 1}, bump=True)

    def dismiss_error(self, row: Row) -> None:
        """Forget the deployment error of a stopped pipeline."""
        if row.resources != STOPPED and row.error is not None:
            message = "Cannot dismiss the deployment error of a pipeline which is not fully stopped."
            raise restricted("DismissErrorRestrictedToFullyStopped", message)
        self._ledger.write(row, error=None)

    def clear(self, row: Row) -> None:
        """Clear the storage in two steps: Clearing, then Cleared."""
        if row.resources != STOPPED or row.resources_desired != STOPPED:
            message = "Storage status cannot be changed unless the pipeline is stopped."
            raise restricted("StorageStatusImmutableUnlessStopped", message)
        if row.storage != IN_USE:
            raise invalid_storage_transition(row.storage, CLEARING)
        self._runner.write(row, storage=CLEARING)
        self._runner.later(row, self._runner.delays.clearing, self._cleared)

    def _cleared(self, row: Row) -> None:
        self._runner.write(row, storage=CLEARED, storage_details=None)

    def delete(self, row: Row, *, anyhow: bool) -> None:
        """Remove a pipeline, its events and its log."""
        if not anyhow:
            _check_deletable(row)
        self._ledger.delete(row)
        self._logbook.forget(row)


def _changed(row: Row, fields: dict[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    """Those of the columns that are given and differ."""
    given = {column: fields.get(column) for column in columns}
    return {column: value for column, value in given.items() if value not in (None, getattr(row, column))}


def _check_cleared(row: Row, error_code: str, done: str) -> None:
    if row.storage != CLEARED:
        message = f"Cannot be {done} while the storage is not cleared. Clear it first by invoking '/clear'."
        raise restricted(error_code, message)


def _check_deletable(row: Row) -> None:
    if row.resources != STOPPED or row.resources_desired != STOPPED:
        first = "Stop the pipeline first fully by invoking the '/stop' endpoint."
        message = f"Cannot delete a pipeline which is not fully stopped. {first}"
        raise restricted("DeleteRestrictedToFullyStopped", message)
    _check_cleared(row, "DeleteRestrictedToClearedStorage", "deleted")
