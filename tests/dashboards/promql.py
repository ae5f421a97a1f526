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


def labels_of(expr: str) -> set[str] | None:
    """The labels that an answer can have, whatever the series have; None if they are not limited."""
    return _labels(promql.parse(expr))


def _labels(node: Any) -> set[str] | None:
    if isinstance(node, promql.AggregateExpr):
        return _labels_of_aggregation(node)
    if isinstance(node, promql.ParenExpr):
        return _labels(node.expr)
    if isinstance(node, promql.BinaryExpr):
        return _labels_of_both(node)
    return set() if isinstance(node, promql.NumberLiteral) or _is_time(node) else None


def _labels_of_aggregation(node: Any) -> set[str] | None:
    if str(node.op) in ("topk", "bottomk"):
        return _labels(node.expr)
    own = {node.param.val} if str(node.op) == "count_values" else set()
    if node.modifier is None:
        return own
    if node.modifier.type == promql.AggModifierType.By:
        return own | set(node.modifier.labels)
    inner = _labels(node.expr)
    return None if inner is None else own | inner - set(node.modifier.labels)


def _labels_of_both(node: Any) -> set[str] | None:
    left, right = _labels(node.lhs), _labels(node.rhs)
    if str(node.op) == "and":
        return left
    return None if left is None or right is None else left | right


def _is_time(node: Any) -> bool:
    return isinstance(node, promql.Call) and node.func.name == "time"


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
