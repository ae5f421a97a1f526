"""The story: which pipelines there are and who plays which role, first through the past, then for ever."""

from __future__ import annotations

from collections.abc import Callable

from exporter.demo.feldera import roles
from exporter.demo.feldera.scene import Actor, Scene, Script
from exporter.demo.feldera.world import World

_NAMES = (
    "orders-enrichment", "clickstream-sessions", "fraud-scoring", "inventory-sync", "payments-ledger",
    "customer-360", "shipment-tracking", "ad-attribution", "price-index", "sensor-rollup", "Churn_Features--v2",
    "login-anomalies", "catalog-search", "warehouse-slots", "returns-matching", "loyalty-points",
    "delivery-eta", "basket-affinity", "tax-reporting", "energy-forecast", "support-triage", "fleet-telemetry",
    "crew-roster", "market-data",
)  # fmt: skip
_LEADING = (
    roles.healthy, roles.panicking, roles.flapping, roles.unavailable, roles.compiling, roles.sql_error,
    roles.paused, roles.awaiting_approval, roles.failing_connectors, roles.stuck, roles.stopped, roles.clearing,
)  # fmt: skip
_CROWD = 200
_HEARTBEAT_SECONDS = 600.0

Role = Callable[[Scene], Script]


def play(world: World, pipelines: int, history_seconds: float = 2 * 3600, *, lively: bool = True) -> None:
    """Fill a fresh world with pipelines and play up to its clock; the world's advance() plays on.

    A fleet that is not lively runs, silently and without a failure, its heartbeats evenly spread.
    """
    begin = world.clock() - history_seconds
    spread = min(_HEARTBEAT_SECONDS, history_seconds / 2)
    for number in range(pipelines):
        scene = Scene(world, pipeline_name(number), seed=number)
        actor = Actor(scene, _role(number) if lively else roles.quiet)
        world.at(begin + spread * number / pipelines, actor.step)
    world.logbook.muted = not lively
    world.advance(world.clock())
    world.logbook.muted = False


def pipeline_name(number: int) -> str:
    """The name of the pipeline of this number, counted from 0."""
    name = _NAMES[number % len(_NAMES)]
    return name if number < len(_NAMES) else f"{name}-{number // len(_NAMES) + 1}"


def _role(number: int) -> Role:
    """Leading roles first, then talkers; of a crowd, a few lead and the rest is quiet."""
    if number % _CROWD < len(_LEADING):
        return _LEADING[number % _CROWD]
    return roles.healthy if number < len(_NAMES) else roles.quiet
