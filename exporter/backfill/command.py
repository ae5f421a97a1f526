"""The steps of a backfill: read everything, then write it."""

from __future__ import annotations

import asyncio
from itertools import chain

import msgspec

from exporter.backfill.collect import Tell, collect
from exporter.backfill.plan import Plan, check_output
from exporter.backfill.series import Gauge, gauges
from exporter.backfill.write import Written, write
from exporter.config import Config
from exporter.sources.kinds import KINDS


class Outcome(msgspec.Struct, frozen=True):
    """What was written (None: there was nothing to write) and what failed: source, task, reason."""

    written: Written | None
    failures: list[str]


def backfill(config: Config, plan: Plan, tell: Tell) -> Outcome:
    """Write what every source remembers; a source that fails leaves out what it did not tell. Raises OutputError."""
    check_output(plan.output)
    pasts, failures = asyncio.run(collect(config.sources, tell))
    if failures and not pasts:
        return Outcome(None, failures)
    dense = config.metrics.status_series == "dense"
    return Outcome(write(pasts, _gauges(config), plan, tell, dense=dense), failures)


def _gauges(config: Config) -> list[Gauge]:
    """The families of the kinds that are read, without those that the live page leaves out."""
    kinds = dict.fromkeys(source.type for source in config.sources)
    found = gauges(chain.from_iterable(KINDS[kind].dimensions for kind in kinds))
    return [gauge for gauge in found if not any(p.matches(gauge.header.name) for p in config.metrics.exclude)]
