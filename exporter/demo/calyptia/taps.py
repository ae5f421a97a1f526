"""The trace records one chunk leaves behind on its way through Fluent Bit, oddities of the wire included."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import msgspec

from exporter.demo.calyptia.times import rfc3339
from exporter.demo.calyptia.traces import FILTER, INPUT, OUTPUT, PRE_OUTPUT, Tap

UNKNOWN_TYPE = 9
"""A type no version of Fluent Bit has."""

_RETURN_CODES = (1, 2, 0)
_RETURN_WEIGHTS = (88, 9, 3)


def chunk(number: int, now: float, chance: random.Random, secret: str) -> Iterator[Tap]:
    """Give the records of chunk `number` from input to output; every other chunk's input is malformed."""
    trace_id = f"trace_{number}"
    lines: object = [_line(now, chance, secret) for _ in range(1 + number % 4)]
    first: object = "start_time" if number % 2 else lines
    yield Tap(type=INPUT, plugin="http.0", trace_id=trace_id, records=first)
    yield Tap(
        type=FILTER,
        plugin="record_modifier.0",
        trace_id=trace_id,
        records=lines,
        start_time=_time(now, chance),
    )
    yield Tap(type=PRE_OUTPUT, plugin="http.0", alias="", trace_id=trace_id, records=lines)
    yield _output(trace_id, chance)
    if number % 50 == 0:
        yield Tap(type=UNKNOWN_TYPE, plugin="http.0", trace_id=trace_id, records=42 if number % 100 == 0 else None)


def _output(trace_id: str, chance: random.Random) -> Tap:
    [code] = chance.choices(_RETURN_CODES, _RETURN_WEIGHTS)
    tap = Tap(type=OUTPUT, plugin="http.1", alias="sink", trace_id=trace_id, return_code=code)
    return msgspec.structs.replace(tap, without_return_code=True) if chance.random() < 0.01 else tap


def _line(now: float, chance: random.Random, secret: str) -> dict[str, object]:
    text = f"user=demo password={secret}"
    record = chance.choices(({"log": text, "stream": "stdout"}, text, None), (96, 3, 1))[0]
    line: dict[str, object] = {"timestamp": int(now), "record": record}
    return line | {"metadata": {"origin": text}} if chance.random() < 0.05 else line


def _time(now: float, chance: random.Random) -> object:
    forms: tuple[Callable[[float], object], ...] = (int, float, lambda t: str(int(t)), rfc3339)
    return chance.choices(forms, (94, 2, 2, 2))[0](now)
