"""A simulated Calyptia Core cloud: the world (state), the API (HTTP) and the story that plays in it."""

from __future__ import annotations

from exporter.demo.calyptia.api import create_app
from exporter.demo.calyptia.pipelines import KubeEvent
from exporter.demo.calyptia.story import play
from exporter.demo.calyptia.traces import Tap
from exporter.demo.calyptia.world import World

__all__ = ["KubeEvent", "Tap", "World", "create_app", "play"]
