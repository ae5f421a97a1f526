"""What a backfill is asked to do, checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exporter.config.units import Interval
from exporter.errors import OutputError
from exporter.metrics.families import PIPELINE_LABELS
from exporter.metrics.text import Labels

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_LABELS = frozenset({*PIPELINE_LABELS, "status", "health"})
_LONGEST_STEP_SECONDS = 300  # an older sample is stale to Prometheus


class Plan(msgspec.Struct, frozen=True):
    """Where to write, how many seconds there may be between two samples, how far back, and with which labels."""

    output: Path
    step: int = 60
    max_age: float = float("inf")
    labels: Labels = ()

    @property
    def partial(self) -> Path:
        """The file that is written until all is there."""
        return self.output.with_name(f".{self.output.name}.partial")


def plan(output: Path, *, step: str, max_age: str, labels: Sequence[str]) -> Plan:
    """The plan that options ask for. Raises ValueError with a sentence that names the option."""
    return Plan(output, _step(step), _interval("--max-age", max_age), _labels(labels))


def check_output(output: Path) -> None:
    """Raise OutputError if it is plain that ``output`` cannot be written, before anything is read."""
    if not output.parent.is_dir():
        raise OutputError(f"{output}: cannot be written: {output.parent} is no directory")
    if output.exists() and not output.is_file():
        raise OutputError(f"{output}: cannot be written: it is no regular file")


def _interval(option: str, text: str) -> float:
    try:
        return float(Interval.parse(text))
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def _step(text: str) -> int:
    seconds = _interval("--step", text)
    if seconds != int(seconds) or seconds > _LONGEST_STEP_SECONDS:
        raise ValueError("--step: must be whole seconds, 5m at most: Prometheus takes an older sample for stale")
    return int(seconds)


def _labels(texts: Sequence[str]) -> Labels:
    pairs = tuple(_label(text) for text in texts)
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("--label: a name is given twice")
    return pairs


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value or not _LABEL.fullmatch(name) or name.startswith("__"):
        raise ValueError(f"--label: {text!r} is no label; write it as name=value")
    if name in _OWN_LABELS:
        raise ValueError(f"--label: {name} is a label that the series have already")
    return name, value
