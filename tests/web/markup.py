"""What a browser would make of a page: its elements, their texts and links."""

from __future__ import annotations

import re
from html.parser import HTMLParser

OURS = r"/static/refresh\.js\?v=[0-9a-f]{16}"
_EMPTY = {"meta", "link", "input", "br", "img"}
_OPTIONAL = {"option"}


class Page(HTMLParser):
    """A page read; AssertionError if its elements are not nested properly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data.strip()))

    @property
    def tags(self) -> set[str]:
        """The names of all elements."""
        return {tag for tag, _ in self.elements}

    @property
    def foreign(self) -> list[str]:
        """Scripts and images that are not ours: ours is one file, and has nothing in it on the page."""
        sources = [attributes.get("src") for tag, attributes in self.elements if tag == "script"]
        strange = [str(source) for source in sources if not re.fullmatch(OURS, source or "")]
        return strange + self.of("script") + ["img"] * ("img" in self.tags)

    @property
    def text(self) -> str:
        """All text, as a reader sees it."""
        return " ".join(" ".join(text for _, text in self.texts).split())

    def of(self, tag: str) -> list[str]:
        """The texts that stand directly in elements of a name."""
        return [text for name, text in self.texts if name == tag]

    def attributes(self, tag: str, name: str) -> list[str]:
        """The values of an attribute, element by element."""
        return [value for found, attributes in self.elements if found == tag and (value := attributes.get(name))]
