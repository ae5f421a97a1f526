"""The row of Feldera in the table of kinds."""


from __future__ import annotations

from exporter.config import SourceConfig
from exporter.sources.base import Kind
from exporter.sources.feldera.source import FelderaSource
from exporter.sources.feldera.translate import DIMENSIONS

KIND = Kind(name="feldera", dimensions=DIMENSIONS, config=SourceConfig, open=FelderaSource)
