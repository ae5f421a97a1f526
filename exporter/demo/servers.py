"""Simulated control planes on real sockets, playing their stories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.types import ASGIApp

from exporter.demo.calyptia import World as CalyptiaWorld
from exporter.demo.calyptia import create_app as calyptia_app
from exporter.demo.calyptia import play as play_calyptia
from exporter.demo.feldera.api import create_app as feldera_app
from exporter.demo.feldera.story import play as play_feldera
from exporter.demo.feldera.world import World as FelderaWorld


class Simulated(NamedTuple):
    """A simulated control plane: its application, and the config keys that open it."""

    app: ASGIApp
    keys: Mapping[str, object]


def feldera(pipelines: int, seed: int) -> Simulated:
    """A simulated Feldera; its record of what happened is at ``/demo/journal``."""
    world = FelderaWorld(seed=seed, journal=True)
    play_feldera(world, pipelines)
    return Simulated(feldera_app(world), {"logs": {"include": [".*"]}})


def calyptia(pipelines: int, seed: int) -> Simulated:
    """A simulated Calyptia Core; its project and token are also at ``/demo/facts``."""
    world = CalyptiaWorld(seed=seed, journal=True)
    play_calyptia(world, pipelines)
    return Simulated(calyptia_app(world), {"project_token": world.project_token, "traces": {"include": [".*"]}})


KINDS: dict[str, Callable[[int, int], Simulated]] = {"feldera": feldera, "calyptia": calyptia}
"""Simulators by kind: from a number of pipelines and a seed to a control plane."""
