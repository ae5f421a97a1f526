"""The health of a moment of the past, as far as a history entry tells it."""

from __future__ import annotations

import pytest

from exporter.model import Event
from exporter.sources.calyptia import translate as calyptia
from exporter.sources.calyptia.wire import StatusRow
from exporter.sources.feldera import translate as feldera
from exporter.sources.feldera.wire import EventRow

AT = "2026-01-01T00:00:00Z"


def feldera_event(
    resources: str, runtime: str | None, wanted: str | None = None, *, program: str = "Success", error: bool = False
) -> Event:
    """A history entry of Feldera."""
    found = feldera.event(
        EventRow(
            "e", AT, deployment_resources_status=resources, deployment_runtime_status=runtime, program_status=program,
            deployment_runtime_desired_status=wanted, storage_status="InUse", deployment_has_error=error,
        )
    )  # fmt: skip
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("event", "health"),
    [
        (feldera_event("Provisioned", "Running"), "healthy"),
        (feldera_event("Provisioned", "Running", error=True), "failed"),
        (feldera_event("Stopped", None, program="RustError"), "failed"),
        (feldera_event("Stopped", None), "idle"),
        (feldera_event("Stopping", "Running"), "transitioning"),
        (feldera_event("Provisioned", "Unavailable", "Unavailable"), "unhealthy"),
        (feldera_event("Provisioned", "Paused", "Paused"), "healthy"),
        (feldera_event("Provisioned", "Paused", "Running"), "transitioning"),
        (feldera_event("Provisioned", "Standby"), "transitioning"),
        (feldera_event("Provisioned", "Dancing"), "unknown"),
    ],
)
def test_feldera(event: Event, health: str) -> None:
    """The same reading as of the present row, the wanted status included."""
    assert event.health == health


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("STARTED", "healthy"),
        ("STARTING", "transitioning"),
        ("FAILED", "failed"),
        ("CHECKS_FAILED", "unhealthy"),
        ("ODD", "unknown"),
        (None, "unknown"),
    ],
)
def test_calyptia(status: str | None, health: str) -> None:
    """By the status alone: neither the core instance nor the wish to wait for checks is in the history."""
    assert calyptia.event(StatusRow("r", status), 1.0).health == health
