"""What people do to pipelines all day: they are made, started, stopped, renamed and deleted, and they fail."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from exporter.demo.calyptia import World as CalyptiaWorld
from exporter.demo.calyptia.errors import Refusal
from exporter.demo.feldera.errors import SimulatedError
from exporter.demo.feldera.world import World as FelderaWorld

_MOST_PIPELINES = 20
_OFTEN, _SELDOM = 30, 1
_MOST_LINES = 60
_STATUSES = ("STARTED", "FAILED", "SCALING", "STARTING", "CHECKS_OK")


class Churn:
    """Does something to a pipeline of each world, over and over; the same chance gives the same actions."""

    def __init__(self, feldera: FelderaWorld, calyptia: CalyptiaWorld, chance: random.Random) -> None:
        self._feldera = feldera
        self._calyptia = calyptia
        self._chance = chance
        self._born = 0
        self.actions = 0

    def step(self) -> None:
        """One action in each world; what is not possible now is left."""
        self.actions += 1
        with contextlib.suppress(SimulatedError):
            self._in_feldera()
        with contextlib.suppress(Refusal):
            self._in_calyptia()

    def _in_feldera(self) -> None:
        world, name = self._feldera, self._chance.choice([row.name for row in self._feldera.rows()])
        actions: dict[Callable[[], object], int] = {
            lambda: world.fail(name, "RuntimeError.WorkerPanic", "boom"): _OFTEN,
            lambda: world.start(name): 2 * _OFTEN,
            lambda: world.pause(name): _OFTEN,
            lambda: world.resume(name): _OFTEN,
            lambda: world.stop(name): _OFTEN,
            lambda: world.heartbeat(name): _OFTEN,
            lambda: world.log(name, *self._said(name)): 2 * _OFTEN,
            lambda: world.clear(name): _OFTEN,
            lambda: world.rename(name, self._name()): _OFTEN,
            lambda: world.create(self._name()): _SELDOM * (len(world.rows()) < _MOST_PIPELINES),
            lambda: world.delete(name, anyhow=True): _SELDOM * (len(world.rows()) > 2),
        }
        self._chance.choices(list(actions), list(actions.values()))[0]()

    def _in_calyptia(self) -> None:
        world, living = self._calyptia, [pipeline.body.id for pipeline in self._calyptia.pipelines()]
        pipeline = self._chance.choice(living)
        actions: dict[Callable[[], object], int] = {
            lambda: world.report(pipeline, self._chance.choice(_STATUSES)): 3 * _OFTEN,
            lambda: world.rollout(pipeline): _OFTEN,
            lambda: world.add_pipeline(self._name()): _SELDOM * (len(living) < _MOST_PIPELINES),
            lambda: world.delete(pipeline): _SELDOM * (len(living) > 2),
        }
        self._chance.choices(list(actions), list(actions.values()))[0]()

    def _said(self, name: str) -> Iterator[str]:
        """Lines that a pipeline logs: with a time and a level, as JSON, with neither; many are there many times."""
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        lines = (
            f"[{name}] {at}  WARN target: {self.actions}",
            f'{{"timestamp":"{at}","level":"INFO","fields":{{"message":"{self.actions}"}}}}',
            "   0: rust_begin_unwind",
            "",
        )
        return iter(self._chance.choices(lines, k=self._chance.randint(1, _MOST_LINES)))

    def _name(self) -> str:
        self._born += 1
        return f"born-{self._born}"
