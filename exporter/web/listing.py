"""Which pipelines a list shows: filtered, worst first, a page of them; the others are only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from exporter.model import Health, Pipeline
from exporter.web.board import SourceBoard
from exporter.web.query import Filter
from exporter.web.words import WORST_FIRST

Listed: TypeAlias = tuple[SourceBoard, Pipeline]

_RANK = {health: 2 * rank for rank, health in enumerate(WORST_FIRST)}
_RANK_OF_AN_ERROR = _RANK["failed"] + 1


class Listing(msgspec.Struct, frozen=True):
    """A page of a list.

    ``counts`` is by health, and ``errors`` how many have an error, over all that match but for these two filters.
    """

    rows: Sequence[Listed]
    counts: dict[Health, int]
    errors: int
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // self.page_size))


def listing(sources: Sequence[SourceBoard], wanted: Filter, *, page: int, page_size: int) -> Listing:
    """The pipelines that are wanted; upper and lower case are the same."""
    matching = list(_matching(sources, wanted.q.casefold(), wanted.source))
    counts = Counter(pipeline.health for _, pipeline in matching)
    with_error = [row for row in matching if row[1].error is not None]
    chosen = _chosen(matching, wanted)
    keys = sorted(
        (
            _RANK[pipeline.health] if pipeline.error is None else _rank_with_error(pipeline),
            pipeline.name.casefold(),
            board.name,
            pipeline.id,
            number,
        )
        for number, (board, pipeline) in enumerate(chosen)
    )
    start = (page - 1) * page_size
    rows = [chosen[key[-1]] for key in keys[start : start + page_size]]
    return Listing(rows, {one: counts[one] for one in WORST_FIRST}, len(with_error), len(chosen), page, page_size)


def _rank_with_error(pipeline: Pipeline) -> int:
    """The place of one with an error: it wants attention next after the failed ones, whatever the health."""
    return min(_RANK[pipeline.health], _RANK_OF_AN_ERROR)


def _chosen(matching: Sequence[Listed], wanted: Filter) -> Sequence[Listed]:
    chosen = [row for row in matching if row[1].health == wanted.health] if wanted.health else matching
    if not wanted.error:
        return chosen
    return [row for row in chosen if (row[1].error is not None) == (wanted.error == "yes")]


def _matching(sources: Sequence[SourceBoard], q: str, source: str) -> Iterator[Listed]:
    for board in sources:
        if source in ("", board.name):
            for pipeline in board.pipelines.values():
                if not q or q in pipeline.name.casefold() or q in pipeline.id.casefold():
                    yield board, pipeline
