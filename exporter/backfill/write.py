"""Writes the file, family by family, beside the place where it is wanted, and puts it there when it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

import msgspec

from exporter.backfill.collect import Tell
from exporter.backfill.past import Past
from exporter.backfill.plan import Plan
from exporter.backfill.series import Gauge, Grid, runs, sample_lines
from exporter.errors import OutputError

_BUFFER_BYTES = 2**20


class Written(msgspec.Struct):
    """What was written; times in seconds since the epoch."""

    pipelines: int
    events: int
    first: float
    last: float
    samples: int = 0
    size_bytes: int = 0


def write(pasts: Sequence[Past], gauges: Sequence[Gauge], plan: Plan, tell: Tell, *, dense: bool) -> Written:
    """Write OpenMetrics 1.0.0 text; a file that is there already is replaced. Raises OutputError."""
    first = min((past.points(plan.max_age)[0][0] for past in pasts), default=0.0)
    last = max((past.as_of for past in pasts), default=0.0)
    written = Written(len(pasts), sum(map(len, pasts)), first, last)
    grid = Grid(first, last, plan.step)
    with _whole(plan) as file:
        put = _counting(file, written)
        for number, gauge in enumerate(gauges):
            put(gauge.header.render("openmetrics"), 0)
            for done, past in enumerate(pasts):
                found = runs(past.points(plan.max_age), gauge.header.name, grid)
                for text, samples in sample_lines(gauge, (*past.labels, *plan.labels), found, dense=dense):
                    put(text.encode(), samples)
                tell("writing", number * len(pasts) + done + 1, len(gauges) * len(pasts))
        put(b"# EOF\n", 0)
    return written


def _counting(file: BinaryIO, written: Written) -> Callable[[bytes, int], None]:
    def put(text: bytes, samples: int) -> None:
        file.write(text)
        written.size_bytes += len(text)
        written.samples += samples

    return put


@contextmanager
def _whole(plan: Plan) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ends well, and is gone when it does not."""
    try:
        with plan.partial.open("wb", buffering=_BUFFER_BYTES) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        plan.partial.replace(plan.output)
    except OSError as error:
        raise OutputError(f"{plan.output}: cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            plan.partial.unlink(missing_ok=True)
