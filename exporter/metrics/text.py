"""The words of the exposition formats: escaping, numbers, sample lines, headers.

Formats: Prometheus text 0.0.4 and OpenMetrics 1.0.0. A sample line is the same in both; what differs is the
header of a counter, the escaping in help texts and the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

Format: TypeAlias = Literal["text", "openmetrics"]
FORMATS: tuple[Format, ...] = ("text", "openmetrics")
MetricType: TypeAlias = Literal["gauge", "counter", "histogram"]
Labels: TypeAlias = Sequence[tuple[str, str]]

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def escape(value: str) -> str:
    """A label value or an OpenMetrics help text, escaped; what UTF-8 cannot write becomes ``?``.

    >>> escape('a"b')
    'a\\\\"b'
    """
    return value.translate(_ESCAPES).encode("utf-8", "replace").decode()


def label_pairs(labels: Labels) -> str:
    """``a="x",b="y"``."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in labels)


def number(value: float) -> str:
    """A sample's value; whole numbers without a fraction.

    >>> number(2.0), number(0.5), number(float("inf")), number(float("nan"))
    ('2', '0.5', '+Inf', 'NaN')
    """
    try:
        return str(int(value)) if value == int(value) else repr(value)
    except (OverflowError, ValueError):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"


@lru_cache(maxsize=4096)
def ending(labels: tuple[tuple[str, str], ...], value: float) -> str:
    """What follows the labels that all samples of an object share: the labels of its own, and the value."""
    own = f",{label_pairs(labels)}" if labels else ""
    return f"{own}}} {number(value)}\n"


def plain_ending(value: float) -> str:
    """The same for a sample without labels of its own, whose value is seldom seen twice."""
    return f"}} {number(value)}\n"


def lines(name: str, shared: str, endings: Sequence[str]) -> str:
    """Sample lines of one family for one object."""
    return f"{name}{{{shared}".join(("", *endings))


class Header(msgspec.Struct, frozen=True):
    """The HELP and TYPE lines of a family."""

    name: str
    type: MetricType
    help: str

    def render(self, format: Format) -> bytes:
        """The two lines; OpenMetrics names a counter without its ``_total``."""
        if format == "text":
            name, help_text = self.name, self.help.replace("\\", r"\\").replace("\n", r"\n")
        else:
            name, help_text = self.name.removesuffix("_total"), escape(self.help)
        return f"# HELP {name} {help_text}\n# TYPE {name} {self.type}\n".encode()
