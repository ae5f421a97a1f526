"""A role's view of the world: one pipeline, what can be done to it, and what it says meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from exporter.demo.feldera.errors import SimulatedError
from exporter.demo.feldera.loglines import pipeline_line
from exporter.demo.feldera.rows import Row
from exporter.demo.feldera.world import World

_RETRY_SECONDS = 60.0
_SAID = (
    ("INFO", "Processed {n} records in the last interval"),
    ("INFO", "Committed offsets of topic orders up to {n}"),
    ("INFO", "Checkpoint completed in {n} ms"),
    ("INFO", "Output connector flushed {n} records"),
    ("INFO", "Step took {n} us"),
    ("WARN", "Input connector is {n} ms behind"),
    ("WARN", "Backpressure: {n} records are buffered"),
    ("ERROR", "Failed to parse record {n}: expected a number"),
    ("DEBUG", "Compacted {n} batches"),
)

Script = Iterator[float]
"""What a role does: it acts, then says for how many seconds it waits."""


class Scene:
    """One pipeline in the story, with a source of chance of its own."""

    def __init__(self, world: World, name: str, seed: int) -> None:
        self.world = world
        self.name = name
        self.chance = random.Random(seed)
        self.created = False

    @property
    def row(self) -> Row:
        """The pipeline."""
        return self.world.find(self.name)

    def about(self, seconds: float) -> float:
        """A waiting time around the given one."""
        return seconds * self.chance.uniform(0.7, 1.3)

    def say(self) -> None:
        """One plausible log line, now and then in colour."""
        level, text = self.chance.choice(_SAID)
        message = text.format(n=self.chance.randrange(1, 5000))
        at_us = self.world.schedule.now_us()
        self.world.log(self.name, pipeline_line(at_us, level, message, name=self.name, ansi=self.chance.random() < 0.2))

    def work(self, seconds: float, *, every: float = 8.0) -> Script:
        """Run for so long, and talk while the pipeline does."""
        until = self.world.now() + seconds
        while (left := until - self.world.now()) > 0:
            if self.row.runtime == "Running":
                self.say()
            yield min(left, self.about(every))

    def deploy(self) -> Script:
        """Create the pipeline if it is new, and wait until it runs; the waits are as long as they must be."""
        if not self.created:
            self.created = True
            self.world.create(self.name, description=f"Demo pipeline {self.name}", tags=("demo",))
        while self.row.program != "Success" or self.row.resources == "Stopping":
            yield 5.0
        if self.row.resources == "Stopped":
            self.world.start(self.name)
            yield from self.until(lambda: self.row.runtime == "Running")

    def until(self, reached: Callable[[], bool], *, patience: float = 120.0) -> Script:
        """Wait for something, though not for ever."""
        deadline = self.world.now() + patience
        while not reached() and self.world.now() < deadline:
            yield 1.0


class Actor:
    """Plays a role in a scene: begins anew after a refusal, leaves when somebody deleted the pipeline."""

    def __init__(self, scene: Scene, role: Callable[[Scene], Script]) -> None:
        self._scene = scene
        self._role = role
        self._script = role(scene)

    def step(self) -> None:
        """The next act, and the plan for the one after."""
        world = self._scene.world
        if self._scene.created and not world.ledger.has(self._scene.name):
            return
        try:
            wait = next(self._script, None)
        except SimulatedError:
            self._script, wait = self._role(self._scene), _RETRY_SECONDS
        if wait is not None:
            world.at(world.now() + wait, self.step)
