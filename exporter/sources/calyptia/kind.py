"""The row of Calyptia Core in the table of kinds."""

from __future__ import annotations

from exporter.sources.base import Kind
from exporter.sources.calyptia.config import CalyptiaConfig
from exporter.sources.calyptia.source import CalyptiaSource
from exporter.sources.calyptia.translate import DIMENSIONS

KIND = Kind(name="calyptia", dimensions=DIMENSIONS, config=CalyptiaConfig, open=CalyptiaSource)
