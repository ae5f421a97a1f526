"""Counts the examples that ran; the number goes with each test's report, from whatever process it ran in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Count the calls of a property while it is tested."""
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    if handle is None or "fuzz" not in item.path.parts:
        return (yield)
    inner, counts = handle.inner_test, Counter[str]()
    handle.inner_test = counted(inner, counts)
    try:
        return (yield)
    finally:
        handle.inner_test = inner
        item.user_properties.append(("examples", counts.total()))


def counted(inner: Callable[..., Any], counts: Counter[str]) -> Callable[..., Any]:
    """The same function; each call is counted."""

    @wraps(inner)
    def call(*args: Any, **kwargs: Any) -> Any:
        counts["examples"] += 1
        return inner(*args, **kwargs)

    return call
