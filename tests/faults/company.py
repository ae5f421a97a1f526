"""All faults on all targets, several theatres at a time, each with a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.faults.stage import Certificates, Theatre
from tests.faults.table import FAULTS, Stage
from tests.faults.trial import Outcome, attempt

THEATRES: dict[Stage, int] = {"plain": 5, "secure": 1, "large": 1}
"""How many exporters share the faults of each kind of stage."""


class Trial(msgspec.Struct, frozen=True):
    """A fault, by its name, and whom it is played to."""

    fault: str
    target: str


class Share(msgspec.Struct, frozen=True):
    """What one exporter goes through, one trial after another."""

    stage: Stage
    trials: tuple[Trial, ...]


TRIALS = tuple(Trial(fault.name, target) for fault in FAULTS for target in fault.targets)
"""Every fault on every target that it makes sense for."""

_BY_NAME = {fault.name: fault for fault in FAULTS}


def outcomes(trials: Sequence[Trial]) -> list[Outcome]:
    """Try every one of these."""
    shares = list(_shares(trials))
    with ProcessPoolExecutor(max(1, len(shares)), multiprocessing.get_context("spawn")) as pool:
        return list(chain.from_iterable(pool.map(perform, shares)))


def _shares(trials: Sequence[Trial]) -> Iterator[Share]:
    """Faults that outlast their trial, because events keep a wrong time, come last in each."""
    in_order = sorted(trials, key=lambda trial: not _BY_NAME[trial.fault].passing)
    for stage, count in THEATRES.items():
        ours = [trial for trial in in_order if _BY_NAME[trial.fault].stage == stage]
        yield from (Share(stage, tuple(part)) for number in range(count) if (part := ours[number::count]))


def perform(share: Share) -> list[Outcome]:
    """Go through a share; after something went wrong with a fresh exporter."""
    found: list[Outcome] = []
    with TemporaryDirectory() as folder:
        certificates = Certificates(Path(folder)) if share.stage == "secure" else None
        while waiting := share.trials[len(found) :]:
            found += asyncio.run(_perform(Theatre(share.stage, Path(folder), certificates), waiting))
    return found


async def _perform(theatre: Theatre, waiting: Sequence[Trial]) -> list[Outcome]:
    """As many of these as go well, and the first that does not."""
    found: list[Outcome] = []
    try:
        async with theatre.open():
            for trial in waiting:
                found.append(await _one(theatre, trial))
                if found[-1].problem:
                    break
    except AssertionError as error:  # it did not begin, or did not end in time
        last = found.pop() if found else Outcome(fault=waiting[0].fault, target=waiting[0].target)
        found.append(msgspec.structs.replace(last, problem=f"{last.problem}\n{error}"))
    return found


async def _one(theatre: Theatre, trial: Trial) -> Outcome:
    fault = _BY_NAME[trial.fault]
    if fault.stage == "large" and fault.up:
        await theatre.usually(trial.target, fault.usually)
    return await attempt(theatre, fault, trial.target)
