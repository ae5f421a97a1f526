"""What happened: events folded, once each, into transitions, failures, time in state and durations."""

from __future__ import annotations

from exporter.history.pipeline import PipelineHistory
from exporter.history.source import SourceHistory

__all__ = ["PipelineHistory", "SourceHistory"]
