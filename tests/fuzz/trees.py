"""JSON as nobody should send it: valid documents with parts exchanged, and a writer for what ``json`` cannot write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[Any, ...]


class Raw:
    """A piece of a document, written as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Raw({self.text[:40]!r})"


TEXTS = st.one_of(
    st.text(st.characters(), max_size=40),
    st.sampled_from(["", "\0", "\ud800", "a\nb", 'q"\\', "\u202e", "x" * 10_000, "0001-01-01T00:00:00Z", "é" * 300]),
)
"""Any code points, halves of surrogate pairs among them."""

NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -1, 2**31, 2**63, 2**64, -(2**64), 10**400, -0.0, 5e-324, 1.7e308]),
)
ODD = st.sampled_from(
    [
        Raw("NaN"),
        Raw("1e999"),
        Raw("-Infinity"),
        Raw("9" * 5000),
        Raw("[" * 5000 + "]" * 5000),
        Raw('{"a":' * 5000 + "1" + "}" * 5000),
        Raw('"\\ud800"'),
        Raw('"\\udc00\\ud800"'),
        Raw('"unclosed'),
        Raw("nul"),
        Raw(""),
        Raw('{"id":"1","id":2,"name":"a","name":null}'),
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.one_of(
    SCALARS,
    ODD,
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
        max_leaves=6,
    ),
)
"""What may stand where something else should."""


def written(tree: Any) -> str:
    """A tree as JSON; ``Raw`` parts and halves of surrogate pairs included."""
    if isinstance(tree, Raw):
        return tree.text
    if isinstance(tree, dict):
        parts = ",".join(f"{json.dumps(key)}:{written(value)}" for key, value in tree.items())
        return f"{{{parts}}}"
    if isinstance(tree, list):
        return f"[{','.join(map(written, tree))}]"
    return str(tree) if isinstance(tree, int) and not isinstance(tree, bool) else json.dumps(tree)


def paths(tree: Any, path: Path = ()) -> Iterator[Path]:
    """Where every part of a tree is."""
    yield path
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, part in parts:
        yield from paths(part, (*path, key))


def exchanged(tree: Any, path: Path, part: Any) -> Any:
    """The tree with another part at ``path``; a part that is ``...`` is left out."""
    if not path:
        return [] if part is ... else part
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    if part is ... and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = exchanged(copy[path[0]], path[1:], part)
    return copy


@st.composite
def mutated(draw: st.DrawFn, tree: Any) -> Any:
    """The tree with one to three parts exchanged for others, or left out."""
    for _ in range(draw(st.integers(1, 3))):
        found = list(paths(tree))
        path = found[draw(st.integers(0, len(found) - 1))]
        tree = exchanged(tree, path, draw(st.one_of(VALUES, st.just(...))))
    return tree


@st.composite
def bodies(draw: st.DrawFn, tree: Any) -> bytes:
    """The tree as the body of an answer: with parts exchanged, and now and then cut or with bytes exchanged."""
    body = written(draw(mutated(tree))).encode()
    damage = draw(st.sampled_from(["none"] * 6 + ["cut", "byte"]))
    place = draw(st.integers(0, max(0, len(body) - 1)))
    if damage == "cut":
        return body[:place]
    return body if damage == "none" else body[:place] + draw(st.binary(max_size=3)) + body[place + 1 :]
