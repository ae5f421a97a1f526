"""The page, kept as text per object and family: a change renders its own pipelines again and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import msgspec

from exporter.gradually import gradually
from exporter.metrics.blocks import Texts
from exporter.metrics.exposition import Body, FamilyBody, Piece
from exporter.metrics.families import PIPELINE_LABELS, SECONDS, SOURCE_FAMILIES, pipeline_families, stays
from exporter.metrics.family import Family, PipelineView, SourceView
from exporter.metrics.moving import Moving
from exporter.metrics.text import Header, label_pairs
from exporter.model import Dimension
from exporter.store import Change, SourceFacts

_SOURCE = ""  # key of the texts that belong to a source as a whole


class Section:
    """One source's part of the page; hidden, it has no samples."""

    def __init__(
        self,
        facts: SourceFacts,
        *,
        dense: bool,
        pipelines: Sequence[Family[PipelineView]],
        own: Sequence[Family[SourceView]],
    ) -> None:
        self._facts = facts
        self._dense = dense
        self._pipelines = Texts(pipelines)
        self._own = Texts(own)
        self._families = [family.name for family in pipelines]
        self._moving = Moving()
        self._with_stays = any(family.name == SECONDS for family in pipelines)
        self.hidden = False
        self.update(Change(changed=facts.pipelines))

    @property
    def series(self) -> int:
        """How many samples there are."""
        return self._pipelines.series + self._own.series + self._moving.series

    def update(self, change: Change) -> None:
        """Render what changed: all series of a pipeline are replaced together."""
        for pipeline_id in change.changed:
            self._put(pipeline_id)
        for pipeline_id in change.removed:
            self._pipelines.drop(pipeline_id)
            self._moving.drop(pipeline_id)
        if change.source:
            view = SourceView(self._facts.kind, self._facts.history, self._facts.platform)
            self._own.put(_SOURCE, label_pairs([("source", self._facts.name)]), view)

    def _put(self, pipeline_id: str) -> None:
        facts = self._facts
        pipeline, history = facts.pipelines[pipeline_id], facts.history.pipelines[pipeline_id]
        shown_until = facts.history.shown_until(history)
        view = PipelineView(pipeline, history, facts.kind, facts.dimensions, self._dense, shown_until)
        values = (facts.name, pipeline.id, pipeline.name)
        shared = label_pairs(tuple(zip(PIPELINE_LABELS, values, strict=True)))
        self._pipelines.put(pipeline_id, shared, view)
        if self._with_stays:
            self._moving.put(pipeline_id, f"{SECONDS}{{{shared}".encode(), stays(view))

    def pieces(self, family: str) -> Iterable[Piece]:
        """The sample lines of one family; the open stays at the time of the last good poll."""
        if self.hidden:
            return ()
        found = self._pipelines.pieces(family) or self._own.pieces(family)
        if family != SECONDS:
            return found
        return chain(found, self._moving.pieces(self._as_of()))

    def _as_of(self) -> float:
        return self._facts.history.as_of or 0.0

    def parts(self) -> Iterator[Callable[[], object]]:
        """What makes each part of the lines that changed, so that ``pieces`` finds them made."""
        if not self.hidden:
            for family in self._families:
                yield partial(self._pipelines.pieces, family)
            yield from self._moving.parts(self._as_of())


class Page:
    """Every family of every source, but for those that ``leave_out`` names."""

    def __init__(
        self, dimensions: Iterable[Dimension], *, dense: bool = True, leave_out: Callable[[str], bool] = lambda _: False
    ) -> None:
        self._dense = dense
        self._pipelines = [f for f in pipeline_families(unique(dimensions)) if not leave_out(f.name)]
        self._sources = [f for f in SOURCE_FAMILIES if not leave_out(f.name)]
        self._sections: dict[str, Section] = {}

    def add(self, facts: SourceFacts) -> Section:
        """Make the part of a source, from all that is known of it."""
        section = Section(facts, dense=self._dense, pipelines=self._pipelines, own=self._sources)
        self._sections[facts.name] = section
        return section

    def drop(self, source: str) -> None:
        """Forget a source."""
        self._sections.pop(source, None)

    async def prepare(self) -> None:
        """Make what changed, bit by bit; what changes meanwhile is left to ``body``."""
        await gradually(lambda make: make(), chain.from_iterable(map(Section.parts, list(self._sections.values()))))

    def body(self) -> Body:
        """The page as it is now: a value that later changes leave alone."""
        families: list[Family[PipelineView] | Family[SourceView]] = [*self._pipelines, *self._sources]
        found = [self._family_body(family) for family in families]
        series = sum(section.series for section in self._sections.values() if not section.hidden)
        return Body(tuple(body for body in found if body.pieces), series)

    def _family_body(self, family: Family[PipelineView] | Family[SourceView]) -> FamilyBody:
        pieces = chain.from_iterable(section.pieces(family.name) for section in self._sections.values())
        return FamilyBody(Header(family.name, family.type, family.help), tuple(pieces))


def unique(dimensions: Iterable[Dimension]) -> list[Dimension]:
    """Dimensions by name; kinds that share one share its family, with the statuses of both."""
    merged: dict[str, Dimension] = {}
    for dimension in dimensions:
        known = merged.get(dimension.name, dimension)
        statuses = tuple(dict.fromkeys((*known.statuses, *dimension.statuses)))
        merged[dimension.name] = msgspec.structs.replace(known, statuses=statuses)
    return list(merged.values())


def families(dimensions: Iterable[Dimension]) -> list[Family[PipelineView] | Family[SourceView]]:
    """Every family there can be, for the documentation and for patterns over their names."""
    return [*pipeline_families(unique(dimensions)), *SOURCE_FAMILIES]
