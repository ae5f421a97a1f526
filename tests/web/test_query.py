"""Parameters of URLs: what is taken, and the sentence for what is not."""

from __future__ import annotations

import re

import pytest

from exporter.web.query import BoardQuery, EventsQuery, ListQuery, PipelineQuery, parse


def test_everything_given() -> None:
    """Each parameter becomes a value of its type."""
    items = [
        ("q", "Ord"),
        ("source", "prod"),
        ("health", "failed"),
        ("error", "yes"),
        ("range", "1h"),
        ("page", "2"),
        ("refresh", "60"),
    ]
    assert parse(items, BoardQuery) == BoardQuery("Ord", "prod", "failed", "yes", "1h", 2, 60)


def test_left_out_or_empty_is_the_default() -> None:
    """A form sends what is not filled in as empty."""
    assert parse([("q", ""), ("health", ""), ("page", "")], ListQuery) == ListQuery()
    assert parse([], EventsQuery) == EventsQuery(limit=1000)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("page", "0", "page must be a whole number from 1 to 999999999."),
        ("page", "-1", "page must be a whole number from 1 to 999999999."),
        ("page", "1.5", "page must be a whole number from 1 to 999999999."),
        ("page", "٣", "page must be a whole number from 1 to 999999999."),
        ("page", "9" * 5000, "page must be a whole number from 1 to 999999999."),
        ("page_size", "1001", "page_size must be a whole number from 1 to 1000."),
        (
            "health",
            "nonsense",
            "health=nonsense is not possible; choose from healthy, transitioning, unhealthy, failed, idle, unknown.",
        ),
        ("q", "x" * 201, "q is longer than 200 characters; shorten it."),
        ("helth", "failed", "There is no parameter 'helth' here; known: q, source, health, error, page, page_size."),
        ("error", "maybe", "error=maybe is not possible; choose from yes, no."),
    ],
)
def test_what_is_wrong_is_a_sentence(name: str, text: str, sentence: str) -> None:
    """The sentence names the parameter and what it may be."""
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parse([(name, text)], ListQuery)


@pytest.mark.parametrize(("text", "seconds"), [("off", 0), ("5", 5), ("3600", 3600)])
def test_refresh(text: str, seconds: int) -> None:
    """A page loads itself every so many seconds, or not."""
    assert parse([("refresh", text)], PipelineQuery).refresh == seconds


@pytest.mark.parametrize("text", ["0", "4", "3601", "never"])
def test_refresh_has_bounds(text: str) -> None:
    """Neither a storm of requests nor a page that looks fresh and is not."""
    with pytest.raises(ValueError, match=r"^refresh must be off, or a number of seconds from 5 to 3600\.$"):
        parse([("refresh", text)], PipelineQuery)


def test_twice_is_refused() -> None:
    """Two values of one parameter would hide one of them."""
    with pytest.raises(ValueError, match=r"^The parameter page is given twice; give it once\.$"):
        parse([("page", "1"), ("page", "2")], BoardQuery)
