"""A simulated Calyptia Core on a real socket, and sources on it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from exporter.demo.calyptia import World, create_app
from tests.calyptia.harness import Clock, Open, Reading, config_of
from tests.e2e.harness import serving


@pytest.fixture
def clock() -> Clock:
    """A clock an hour behind."""
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    """An empty world with a journal, on the clock."""
    return World(clock=clock, seed=11, journal=True)


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    """The address of the world."""
    async with serving(create_app(world)) as url:
        yield url


@pytest.fixture
def opened(world: World, url: str) -> Open:
    """Opens a source on the world; config keys as given."""

    @contextlib.asynccontextmanager
    async def open_source(**keys: object) -> AsyncIterator[Reading]:
        reading = Reading(config_of({"url": url, "project_token": world.project_token} | keys))
        try:
            yield reading
        finally:
            await reading.source.aclose()

    return open_source


@pytest.fixture
async def reading(opened: Open) -> AsyncIterator[Reading]:
    """A source on the world with its traces."""
    async with opened(traces={"include": [".*"]}) as reading:
        yield reading
