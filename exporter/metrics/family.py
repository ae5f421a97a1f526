"""What a metric family is: name, type, help, labels, and how its samples are read from what there is to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from exporter.history import PipelineHistory, SourceHistory
from exporter.metrics.text import MetricType, lines
from exporter.model import Dimension, Pipeline, PlatformRead

P = TypeVar("P")
V = TypeVar("V")


class PipelineView(msgspec.Struct, frozen=True):
    """What there is to say of one pipeline; ``dense`` asks for a 0 for every status it is not in."""

    pipeline: Pipeline
    history: PipelineHistory
    kind: str
    dimensions: tuple[Dimension, ...]
    dense: bool
    shown_until: float | None


class SourceView(msgspec.Struct, frozen=True):
    """What there is to say of one source."""

    kind: str
    history: SourceHistory
    platform: PlatformRead


class Family(msgspec.Struct, Generic[V], frozen=True):
    """A metric family; ``read`` gives its sample lines for one object, given the labels all of them share."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...]
    read: Callable[[str, str, V], str]


def family(
    name: str, type: MetricType, help: str, labels: Sequence[str], endings: Callable[[V], Sequence[str]]
) -> Family[V]:
    """A family whose samples all have its name."""
    return Family(name, type, help, tuple(labels), lambda name, shared, view: lines(name, shared, endings(view)))


def partial_family(
    name: str,
    type: MetricType,
    help: str,
    labels: Sequence[str],
    part: Callable[[V], P | None],
    endings: Callable[[P], Sequence[str]],
) -> Family[V]:
    """A family about a part that many objects do not have; it costs those next to nothing."""

    def read(name: str, shared: str, view: V) -> str:
        found = part(view)
        return "" if found is None else lines(name, shared, endings(found))

    return Family(name, type, help, tuple(labels), read)
