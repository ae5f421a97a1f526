"""A believable fleet: who is in it, how much past it has, and which role every pipeline plays."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import exporter.demo.calyptia.roles as roles
from exporter.demo.calyptia.errors import Refusal
from exporter.demo.calyptia.pipelines import INTERNAL_PREFIX
from exporter.demo.calyptia.roles import Part, Role, Scenes
from exporter.demo.calyptia.world import World

NAMES = (
    "nginx-access", "k8s-events", "audit-trail", "payments-api", "edge-syslog", "checkout-logs", "vpc-flow",
    "auth-service", "orders-stream", "mesh-telemetry", "cdn-requests", "windows-events", "postgres-slow",
    "kafka-bridge", "iot-gateway", "firewall-deny", "mail-relay", "search-queries", "batch-jobs",
    "dns-queries",
)  # fmt: skip
"""The first pipelines' names; later ones repeat them with a number."""

CAST: tuple[Role, ...] = (
    roles.steady,
    roles.traced,
    roles.failing,
    roles.stuck,
    roles.flapping,
    roles.blocked_by_checks,
    roles.deployed_despite_checks,
    roles.scaling,
    roles.badly_rendered,
)
"""The role of the first pipeline, of the second, …; all others are steady."""

INSTANCES = ("prod-eu-west", "prod-us-east", "edge-lab")
"""The core instances; the last one is lost now and then."""


class _Member(NamedTuple):
    name: str
    instance: str
    role: Role


def play(world: World, pipelines: int, history_seconds: float = 7200, lively: bool = True) -> None:
    """Fill the world with pipelines that have been there for `history_seconds`, and let the story go on.

    The past is played at once; what comes later happens with `world.advance()`, for ever. Without `lively`
    there is one core instance, and every pipeline was started at the beginning and is silent after that. A
    lively story adds an internal pipeline (`health-check-…`) per core instance, not counted by `pipelines`.
    """
    start = world.now() - history_seconds
    world.at(start, partial(_open, world, pipelines, lively))
    world.advance()


def _open(world: World, pipelines: int, lively: bool) -> None:
    instances = INSTANCES if lively else INSTANCES[:1]
    for name in instances:
        world.add_core_instance(name, tags=[name.split("-")[0]])
    members = [_member(number, lively) for number in range(pipelines)]
    if lively:
        members += [_Member(f"{INTERNAL_PREFIX}{name}", name, roles.quiet) for name in instances]
        _begin(world, roles.lost_now_and_then(Part(world, INSTANCES[-1], _chance(world, "instances"))))
    for member in members:
        _enter(world, member)


def _member(number: int, lively: bool) -> _Member:
    name = NAMES[number % len(NAMES)] + (f"-{number:04d}" if number >= len(NAMES) else "")
    if not lively:
        return _Member(name, INSTANCES[0], roles.quiet)
    if number < len(CAST):
        return _Member(name, INSTANCES[number % 2], CAST[number])
    return _Member(name, INSTANCES[number % len(INSTANCES)], roles.steady)


def _enter(world: World, member: _Member) -> None:
    pipeline = world.add_pipeline(member.name, instance=member.instance, events=[])
    _begin(world, member.role(Part(world, pipeline, _chance(world, member.name))))


def _chance(world: World, name: str) -> random.Random:
    return random.Random(f"{world.seed}/{name}")


def _begin(world: World, scenes: Scenes) -> None:
    """Play a role up to its next pause, and come back after it; a role ends when its pipeline is gone."""
    pause = None
    with suppress(Refusal):  # a test deleted the pipeline, or ended its trace session
        pause = next(scenes, None)
    if pause is not None:
        world.at(world.now() + pause, partial(_begin, world, scenes))
