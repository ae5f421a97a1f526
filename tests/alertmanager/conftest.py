"""What the tests with a running Alertmanager share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.alertmanager.server import Alertmanager, Sink, alertmanager, configured, sink


@pytest.fixture
def receivers() -> Iterator[Sink]:
    """Where notifications end up."""
    with sink() as server:
        yield server


@pytest.fixture
def manager(receivers: Sink, tool: Callable[[str], str], tmp_path: Path) -> Iterator[Alertmanager]:
    """Alertmanager with the shipped configuration."""
    with alertmanager(tool("prometheus-alertmanager"), configured(tmp_path, receivers.url)) as running:
        yield running
