"""Calyptia Core: a paged poll of every status, the history of what changed, and trace records."""

from __future__ import annotations

from exporter.sources.base import Kind
from exporter.sources.calyptia.config import CalyptiaConfig
from exporter.sources.calyptia.source import CalyptiaSource
from exporter.sources.calyptia.translate import DIMENSIONS

KIND = Kind(name="calyptia", dimensions=DIMENSIONS, config=CalyptiaConfig, open=CalyptiaSource)
"""The row of the table of kinds."""
