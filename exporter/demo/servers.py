"""Simulated control planes on real sockets, playing their stories."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp

from exporter.demo.calyptia import World as CalyptiaWorld
from exporter.demo.calyptia import create_app as calyptia_app
from exporter.demo.calyptia import play as play_calyptia
from exporter.demo.feldera.api import create_app as feldera_app
from exporter.demo.feldera.story import play as play_feldera
from exporter.demo.feldera.world import World as FelderaWorld


def feldera(pipelines: int, seed: int) -> ASGIApp:
    """A simulated Feldera; its record of what happened is at ``/demo/journal``."""
    world = FelderaWorld(seed=seed, journal=True)
    play_feldera(world, pipelines)
    return feldera_app(world)


def calyptia(pipelines: int, seed: int) -> ASGIApp:
    """A simulated Calyptia Core; its project and token are at ``/demo/facts``."""
    world = CalyptiaWorld(seed=seed, journal=True)
    play_calyptia(world, pipelines)
    return calyptia_app(world)


KINDS: dict[str, Callable[[int, int], ASGIApp]] = {"feldera": feldera, "calyptia": calyptia}
"""Simulators by kind: from a number of pipelines and a seed to an application."""
