"""PromQL as a tree: its selectors and calls, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser as promql


class Selector(NamedTuple):
    """A selector: its metric, its matchers as text, and the function whose range it is (empty: none)."""

    metric: str
    matchers: tuple[str, ...]
    function: str
    window: float


def selectors(expr: str) -> list[Selector]:
    """All selectors of an expression; raises if it is no PromQL."""
    return list(_walk(promql.parse(expr), ""))


def _walk(node: Any, function: str) -> Iterator[Selector]:
    if isinstance(node, promql.VectorSelector):
        yield _selector(node, function, 0.0)
    elif isinstance(node, promql.MatrixSelector):
        yield _selector(node.vector_selector, function, node.range.total_seconds())
    elif isinstance(node, promql.BinaryExpr):
        yield from _walk(node.lhs, "")
        yield from _walk(node.rhs, "")
    elif isinstance(node, promql.Call):
        for argument in node.args:
            yield from _walk(argument, node.func.name)
    elif not isinstance(node, promql.NumberLiteral | promql.StringLiteral):
        yield from _walk(node.expr, "")
        if isinstance(node, promql.AggregateExpr) and node.param is not None:
            yield from _walk(node.param, "")


def _selector(node: Any, function: str, window: float) -> Selector:
    matchers = tuple(f"{m.name}{_SIGNS[str(m.op)]}{m.value}" for m in node.matchers.matchers)
    name = node.name or next(m.value for m in node.matchers.matchers if m.name == "__name__")
    return Selector(name, matchers, function, window)


_SIGNS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
