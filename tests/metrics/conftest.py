"""A source whose facts come from the test, and its page."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.metrics.page import Page
from exporter.metrics.text import Format
from exporter.model import Fact
from exporter.sources.feldera.translate import DIMENSIONS
from exporter.store import SourceFacts


class Shown:
    """A page with one Feldera source on it, and what it shows after each fact."""

    def __init__(self, source: str = "prod", *, dense: bool = True, exclude: frozenset[str] = frozenset()) -> None:
        self.facts = SourceFacts(source, kind="feldera", dimensions=DIMENSIONS)
        self.page = Page(DIMENSIONS, dense=dense, leave_out=exclude.__contains__)
        self.section = self.page.add(self.facts)

    def tell(self, *facts: Fact) -> None:
        """Take in facts and render what they changed."""
        for fact in facts:
            self.section.update(self.facts.apply(fact))

    def text(self, format: Format = "text") -> str:
        """The whole text of the pipelines' part."""
        return b"".join(self.page.body().texts(format)).decode()

    def samples(self, family: str = "") -> list[str]:
        """The sample lines of a family, or of all."""
        lines = [line for line in self.text().splitlines() if not line.startswith("#")]
        return [line for line in lines if line.startswith(f"{family}{{")] if family else lines


@pytest.fixture
def show() -> Callable[..., Shown]:
    """Makes a page with an empty source."""
    return Shown
