"""What pipelines and core instances do in the story, for ever: each role yields how many seconds to wait."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Generator
from typing import NamedTuple

from exporter.demo.calyptia.pipelines import KubeEvent
from exporter.demo.calyptia.taps import chunk
from exporter.demo.calyptia.world import World

AVAILABLE = KubeEvent("MinimumReplicasAvailable", message="Deployment has minimum availability.")
UNAVAILABLE = KubeEvent("MinimumReplicasUnavailable", message="Deployment does not have minimum availability.")
NO_IMAGE = KubeEvent("ImagePullBackOff", "k8s:pod", "Back-off pulling image")
CRASHING = KubeEvent("CrashLoopBackOff", "k8s:pod", "back-off restarting failed container")
ROLLED_OUT = KubeEvent("NewReplicaSetAvailable", message="ReplicaSet has successfully progressed.")

MINUTE = 60.0


class Part(NamedTuple):
    """What a role needs: the world, the id (or name) of whom it plays, and its own chance."""

    world: World
    who: str
    chance: random.Random

    def about(self, seconds: float) -> float:
        """Give a time around `seconds`, within a fifth."""
        return seconds * self.chance.uniform(0.8, 1.2)


Scenes = Generator[float, None, None]
Role = Callable[[Part], Scenes]


def quiet(part: Part) -> Scenes:
    """Started soon after it was created, and nothing more."""
    yield from _deploy(part)


def steady(part: Part) -> Scenes:
    """Started and healthy; says so now and then, unless its core instance is lost; rarely rolled out."""
    world, who, _ = part
    yield from _deploy(part)
    while True:
        for _ in range(6):
            yield part.about(25 * MINUTE)
            if world.core_instance(world.pipeline(who).instance_id).body.status == "running":
                world.report(who, "STARTED", None)
        yield from _redeploy(part)


def stuck(part: Part) -> Scenes:
    """Its configuration cannot be read by the operator, so it stays NEW."""
    while True:
        yield part.about(20 * MINUTE)
        part.world.report(part.who, "NEW", None)


def failing(part: Part) -> Scenes:
    """Works, then its image cannot be pulled, then it recovers with a rollout."""
    world, who, _ = part
    yield from _deploy(part)
    while True:
        yield part.about(9 * MINUTE)
        world.report(who, "FAILED", [UNAVAILABLE])
        yield part.about(MINUTE)
        world.report(who, "FAILED", [UNAVAILABLE, NO_IMAGE])
        yield part.about(4 * MINUTE)
        yield from _redeploy(part)


def flapping(part: Part) -> Scenes:
    """Crashes and comes back, again and again."""
    world, who, _ = part
    yield from _deploy(part)
    while True:
        yield part.about(70)
        world.report(who, "FAILED", [CRASHING])
        yield part.about(20)
        world.report(who, "STARTED")


def blocked_by_checks(part: Part) -> Scenes:
    """A check fails and blocks the deployment until it is mended."""
    part.world.change(part.who, wait_for_checks_before_deploying=True)
    while True:
        yield from _checked(part, passed=False)
        yield part.about(8 * MINUTE)
        yield from _checked(part, passed=True)
        yield from _deploy(part)
        yield part.about(12 * MINUTE)
        part.world.rollout(part.who)


def deployed_despite_checks(part: Part) -> Scenes:
    """A check fails, and the deployment goes on all the same a little later."""
    while True:
        yield from _checked(part, passed=False)
        yield part.about(3 * MINUTE)
        yield from _deploy(part)
        yield part.about(15 * MINUTE)
        part.world.rollout(part.who)


def scaling(part: Part) -> Scenes:
    """Grows and shrinks between one and five replicas."""
    world, who, _ = part
    world.change(who, min_replicas=1, max_replicas=5)
    yield from _deploy(part)
    while True:
        for replicas in (3, 5, 3, 1):
            yield part.about(6 * MINUTE)
            world.scale(who, replicas)
            world.report(who, "SCALING", [])
            yield part.about(40)
            world.report(who, "STARTED", [AVAILABLE])


def badly_rendered(part: Part) -> Scenes:
    """Now and then gets a configuration that cannot be rendered, while the old one goes on working."""
    yield from _deploy(part)
    while True:
        yield part.about(10 * MINUTE)
        part.world.change(part.who, error="could not render the configuration: unknown section")
        yield part.about(4 * MINUTE)
        part.world.change(part.who, error=None)
        yield from _redeploy(part)


def traced(part: Part) -> Scenes:
    """Traced for ten minutes, a chunk every few seconds, then not for five; half the sessions end early."""
    world, who, _ = part
    yield from _deploy(part)
    for number in itertools.count(1):
        session = world.start_trace(who, lifespan=10 * MINUTE, as_number=number % 3 == 0)
        if number % 2:
            yield from _traffic(part, session, world.now() + 10 * MINUTE)
        else:
            yield from _traffic(part, session, world.now() + 8 * MINUTE)
            world.end_trace(session)
        yield part.about(5 * MINUTE)


def lost_now_and_then(part: Part) -> Scenes:
    """A core instance that cannot be reached for some minutes of every half hour."""
    while True:
        yield part.about(20 * MINUTE)
        part.world.instance_status(part.who, "unreachable")
        yield part.about(5 * MINUTE)
        part.world.instance_status(part.who, "running")


def _deploy(part: Part) -> Scenes:
    yield part.about(5)
    part.world.report(part.who, "STARTING", [])
    yield part.about(15)
    part.world.report(part.who, "STARTED", [AVAILABLE])


def _redeploy(part: Part) -> Scenes:
    part.world.rollout(part.who)
    part.world.report(part.who, "STARTING")
    yield part.about(15)
    part.world.report(part.who, "STARTED", [AVAILABLE, ROLLED_OUT])


def _checked(part: Part, *, passed: bool) -> Scenes:
    part.world.change(part.who, checks_total=3, checks_ok=0, checks_running=3)
    yield part.about(10)
    part.world.change(part.who, checks_ok=3 if passed else 2, checks_running=0)
    part.world.report(part.who, "CHECKS_OK" if passed else "CHECKS_FAILED", None)


def _traffic(part: Part, session: str, end: float) -> Scenes:
    world = part.world
    number = 0
    while world.now() < end - 5:
        number += 1
        for tap in chunk(number, world.now(), part.chance, world.planted_secret):
            world.emit_record(session, tap)
        yield part.about(4)
    yield max(0.0, end - world.now())
