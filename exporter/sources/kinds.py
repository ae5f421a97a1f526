"""The table of kinds: every control plane this program can read."""

from __future__ import annotations

from exporter.sources import calyptia, feldera
from exporter.sources.base import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (feldera.KIND, calyptia.KIND)}
