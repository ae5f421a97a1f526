"""Lists of pipelines: filters, order, pages."""

from __future__ import annotations

import pytest

from exporter.model import HEALTHS, DeploymentError
from exporter.web.listing import Listing, listing
from exporter.web.query import Filter
from exporter.web.words import WORST_FIRST
from tests.web.boards import down, pipeline, source

PROD = source(
    pipeline("Orders", id="a1", health="healthy"),
    pipeline("billing", id="a2", health="failed"),
    pipeline("orders-eu", id="a3", health="idle"),
    pipeline("alerts", id="a4", health="healthy"),
)
EDGE = source(pipeline("orders", id="b1", health="unhealthy"), name="edge")


def names(found: Listing) -> list[str]:
    """The identities of the rows."""
    return [row.id for _, row in found.rows]


def asked(wanted: Filter, *, page: int = 1, page_size: int = 100) -> Listing:
    """A list of both sources."""
    return listing([PROD, EDGE], wanted, page=page, page_size=page_size)


def test_worst_first_then_by_name() -> None:
    """What wants attention stands on top; a list that is loaded again has the same order."""
    assert names(asked(Filter())) == ["a2", "b1", "a4", "a1", "a3"]
    assert sorted(WORST_FIRST) == sorted(HEALTHS)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Filter(q="ORDERS"), ["b1", "a1", "a3"]),
        (Filter(q="B1"), ["b1"]),
        (Filter(source="prod"), ["a2", "a4", "a1", "a3"]),
        (Filter(health="healthy"), ["a4", "a1"]),
        (Filter(q="orders", source="prod", health="idle"), ["a3"]),
        (Filter(q="nothing"), []),
    ],
)
def test_filters(wanted: Filter, ids: list[str]) -> None:
    """Part of a name or an identity in any case, a source, a health; all must hold."""
    assert names(asked(wanted)) == ids


def test_counts_leave_out_the_filter_by_health() -> None:
    """The counts tell what each of the links to the healths would show."""
    found = asked(Filter(q="orders", health="idle"))
    expected = {"failed": 0, "unhealthy": 1, "unknown": 0, "transitioning": 0, "healthy": 1, "idle": 1}
    assert (found.counts, found.total) == (expected, 1)


BROKEN = DeploymentError("RENDER_ERROR", "template: line 3")
MIXED = source(
    pipeline("a", health="healthy"),
    pipeline("b", health="unhealthy"),
    pipeline("c", health="failed", error=BROKEN),
    pipeline("d", health="failed"),
    pipeline("e", health="healthy", error=BROKEN),
)


def test_an_error_wants_attention_whatever_the_health() -> None:
    """It stands right behind what failed, is counted, and can be asked for."""
    every = listing([MIXED], Filter(), page=1, page_size=10)
    assert (names(every), every.errors) == (["id-c", "id-d", "id-e", "id-b", "id-a"], 2)
    assert names(listing([MIXED], Filter(error="yes"), page=1, page_size=10)) == ["id-c", "id-e"]
    assert names(listing([MIXED], Filter(error="no", health="healthy"), page=1, page_size=10)) == ["id-a"]
    assert listing([MIXED], Filter(error="no"), page=1, page_size=10).errors == 2


def test_pages() -> None:
    """Pages follow on each other without a gap; beyond the last one there is nothing."""
    pages = [asked(Filter(), page=page, page_size=2) for page in (1, 2, 3, 4)]
    assert [names(page) for page in pages] == [["a2", "b1"], ["a4", "a1"], ["a3"], []]
    assert {(page.total, page.pages) for page in pages} == {(5, 3)}
    assert asked(Filter(q="nothing")).pages == 1


def test_facts_that_are_too_old_are_not_listed() -> None:
    """A source whose facts were dropped has no rows and no counts."""
    found = listing([down(pipeline("old"), hidden=True), EDGE], Filter(), page=1, page_size=10)
    assert (names(found), found.total, found.counts["healthy"]) == (["b1"], 1, 0)
