"""Why a pipeline is not as it should be: a few words, from the facts that its source has."""

from __future__ import annotations

import msgspec
import pytest

from exporter.model import Pipeline
from exporter.sources.calyptia import translate as calyptia
from exporter.sources.calyptia.wire import CoreInstance
from exporter.sources.calyptia.wire import Row as CalyptiaRow
from exporter.sources.feldera import translate as feldera
from exporter.sources.feldera.wire import Row as FelderaRow

RUNNING = {
    "id": "1",
    "name": "orders",
    "deployment_resources_status": "Provisioned",
    "deployment_runtime_status": "Running",
    "program_status": "Success",
    "storage_status": "InUse",
}


def of_feldera(**told: object) -> Pipeline:
    """A pipeline of Feldera that runs, but for what is told."""
    return feldera.pipeline(msgspec.convert({**RUNNING, **told}, FelderaRow, strict=False))


def of_calyptia(status: str | None, *, instance: str | None = "running", **told: object) -> Pipeline:
    """A pipeline of Calyptia Core on an instance called edge-lab."""
    row = {"id": "1", "name": "gateway", "status": status and {"id": "s", "status": status}, **told}
    return calyptia.pipeline(msgspec.convert(row, CalyptiaRow, strict=False), CoreInstance("i", "edge-lab", instance))


@pytest.mark.parametrize(
    ("told", "health", "why"),
    [
        ({}, "healthy", ""),
        ({"deployment_resources_status": "Stopped", "deployment_runtime_status": None}, "idle", ""),
        (
            {"program_status": "SqlError"},
            "failed",
            "the program does not compile (SqlError); Feldera shows its errors with the program",
        ),
        (
            {"program_status": "RustError"},
            "failed",
            "the Rust code of the program does not compile (RustError); Feldera shows its errors with the program",
        ),
        ({"program_status": "SystemError"}, "failed", "the compiler failed (SystemError)"),
        (
            {"deployment_error": {"error_code": "RuntimeError.WorkerPanic", "message": "oops"}},
            "failed",
            "the deployment failed: RuntimeError.WorkerPanic",
        ),
        (
            {"deployment_runtime_status": "Unavailable"},
            "unhealthy",
            "the control plane cannot reach its process (Unavailable)",
        ),
        (
            {"deployment_runtime_status": "AwaitingApproval"},
            "transitioning",
            "it waits for somebody to approve its changes (AwaitingApproval)",
        ),
        ({"deployment_runtime_status": "Dreaming"}, "unknown", "its runtime status Dreaming is not known here"),
        ({"deployment_resources_status": None}, "unknown", "the control plane tells no status"),
    ],
)
def test_of_feldera(told: dict[str, object], health: str, why: str) -> None:
    """An error, a program, a process that cannot be reached, a word that nobody knows."""
    found = of_feldera(**told)
    assert (found.health, found.why) == (health, why)


@pytest.mark.parametrize(
    ("found", "health", "why"),
    [
        (of_calyptia("STARTED"), "healthy", ""),
        (of_calyptia("STARTED", instance=None), "healthy", ""),
        (
            of_calyptia("STARTED", instance="unreachable"),
            "unhealthy",
            "its core instance edge-lab is not running (unreachable)",
        ),
        (of_calyptia("FAILED"), "failed", "the deployment failed: FAILED"),
        (of_calyptia("CHECKS_FAILED", checksTotal=3, checksOK=1), "unhealthy", "its checks failed: 1 of 3 passed"),
        (
            of_calyptia("STARTED", error="template: line 3"),
            "healthy",
            "its configuration cannot be rendered (RENDER_ERROR)",
        ),
        (of_calyptia("DREAMING"), "unknown", "its status DREAMING is not known here"),
        (of_calyptia(None), "unknown", "the control plane tells no status"),
    ],
)
def test_of_calyptia(found: Pipeline, health: str, why: str) -> None:
    """A failure, checks, a core instance that is lost, a configuration that cannot be rendered."""
    assert (found.health, found.why) == (health, why)


def test_words_of_the_control_plane_have_bounds() -> None:
    """However long names and codes are, a few words stay a few words."""
    long = "x" * 10_000
    instance = CoreInstance("i", long, long)
    row = msgspec.convert({"id": "1", "name": "n", "status": {"id": "s", "status": "STARTED"}}, CalyptiaRow)
    assert len(calyptia.pipeline(row, instance).why) < 300
    assert len(of_feldera(deployment_error={"error_code": long, "message": long}).why) < 300
