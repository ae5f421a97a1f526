"""How many examples each property gets: few enough for every change, or as many as ``FUZZ_EXAMPLES`` says."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

F = TypeVar("F", bound=Callable[..., Any])

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "80"))
"""Examples of a property with the share 1."""


def fuzz(share: float = 1.0) -> Callable[[F], F]:
    """Give a property its share of examples; one that is quick takes more, one that opens sockets less."""
    return settings(
        max_examples=max(1, int(EXAMPLES * share)),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
