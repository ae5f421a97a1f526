"""The retained history of every source as OpenMetrics text with timestamps, for a Prometheus that was not there."""

from __future__ import annotations
