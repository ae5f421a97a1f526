"""The row of Feldera in the table of kinds."""

from __future__ import annotations

from exporter.sources.base import Kind
from exporter.sources.feldera.config import FelderaConfig
from exporter.sources.feldera.source import FelderaSource
from exporter.sources.feldera.translate import DIMENSIONS

KIND = Kind(name="feldera", dimensions=DIMENSIONS, config=FelderaConfig, open=FelderaSource)
