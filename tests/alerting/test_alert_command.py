"""``pipeline-exporter alerts``: what would fire now, without anything being sent."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from exporter.model import parse_time
from tests.alerting.bridging import settings
from tests.alerting.receivers import Fake, free_port
from tests.e2e.harness import app_of, immediate_world, serving
from tests.e2e.processes import command

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def seconds_of(text: str) -> float:
    """Unix seconds of a time in the table."""
    return parse_time(text) or 0.0


async def alerts(folder: Path, config: dict[str, Any]) -> CompletedProcess[str]:
    """What the command says and how it ends."""
    path = folder / "config.yml"
    path.write_text(json.dumps(config))
    return await asyncio.to_thread(command, "alerts", f"--config.file={path}", "--log.level=error")


async def test_what_fires_is_a_table_and_nothing_is_sent(tmp_path: Path) -> None:
    """Each alert with its severity, place, since when and why, clipped; what is only pending after the others, with
    when it would fire."""
    world, fake = immediate_world(names=("orders", "clicks")), Fake()
    world.fail("orders", "RuntimeError.OutOfMemory", "heap\nexhausted " + "x" * 500)
    world.unavailable("clicks")
    async with serving(fake.app) as am, serving(app_of(world)) as url:
        shown = await alerts(tmp_path, settings(url, am, unavailable_for="1h"))
    assert (shown.returncode, shown.stderr) == (0, "")
    heading, failed, pending = shown.stdout.splitlines()
    assert heading.split() == ["alert", "severity", "source", "pipeline", "fires", "since", "why"]
    start, since, why = re.split(f" +({TIME}) +", failed.rstrip())
    assert start.split() == ["PipelineDeploymentError", "critical", "prod", "orders", "now"]
    assert why.startswith("the deployment failed: RuntimeError.OutOfMemory: heap exhausted xxx")
    assert (since[-1], why[-1], len(why)) == ("Z", "…", 160)
    start, begins, since, why = re.split(f" +({TIME}) +({TIME}) +", pending.rstrip())
    assert start.split() == ["PipelineUnavailable", "critical", "prod", "clicks"]
    assert why == "the control plane cannot reach the pipeline's process"
    assert seconds_of(begins) == pytest.approx(seconds_of(since) + 3600, abs=1)
    assert fake.bodies == []


async def test_nothing_to_tell_is_said(tmp_path: Path) -> None:
    """Also without a section ``alerting``; what fires always is not named."""
    async with serving(app_of(immediate_world())) as url:
        shown = await alerts(tmp_path, {"sources": settings(url, "http://am")["sources"]})
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "Nothing would fire now.\n", "")


async def test_a_source_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """The others are shown all the same; exit 1."""
    world = immediate_world()
    world.fail("orders", "E")
    async with serving(app_of(world)) as url:
        config = settings(url, "http://am", unreachable_for="2m")
        away = {"name": "away", "type": "feldera", "url": f"http://127.0.0.1:{free_port()}", "timeout": "2s"}
        config["sources"].append(away)
        shown = await alerts(tmp_path, config)
    assert shown.returncode == 1
    assert "PipelineDeploymentError" in shown.stdout
    assert "away: poll failed: connection\n" in shown.stdout
    assert re.search(
        f"^PipelineSourceUnreachable +critical +away +{TIME} +{TIME} +"
        r"the control plane cannot be read \(connection\) *$",
        shown.stdout,
        re.MULTILINE,
    )
    assert "What would fire is not known of every source:\naway: " in shown.stdout


async def test_what_is_only_pending_is_said_to_be_pending(tmp_path: Path) -> None:
    """It is shown, and nothing would fire now."""
    world = immediate_world()
    world.unavailable("orders")
    async with serving(app_of(world)) as url:
        shown = await alerts(tmp_path, settings(url, "http://am", unavailable_for="1h"))
    assert (shown.returncode, "PipelineUnavailable" in shown.stdout) == (0, True)
    assert shown.stdout.endswith("\nNothing would fire now.\n")
