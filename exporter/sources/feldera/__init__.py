"""Feldera: a bulk poll of every status, and the history of the pipelines that changed."""

from __future__ import annotations

from exporter.config import SourceConfig
from exporter.sources.base import Kind
from exporter.sources.feldera.source import FelderaSource
from exporter.sources.feldera.translate import DIMENSIONS

KIND = Kind(name="feldera", dimensions=DIMENSIONS, config=SourceConfig, open=FelderaSource)
"""The row of the table of kinds."""
