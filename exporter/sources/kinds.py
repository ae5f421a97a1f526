"""The table of kinds: every control plane this program can read."""

from __future__ import annotations

from exporter.sources.base import Kind
from exporter.sources.calyptia.kind import KIND as CALYPTIA
from exporter.sources.feldera.kind import KIND as FELDERA

KINDS: dict[str, Kind] = {kind.name: kind for kind in (FELDERA, CALYPTIA)}
