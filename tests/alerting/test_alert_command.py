"""``pipeline-exporter alerts``: what would fire now, without anything being sent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.alerting.bridging import settings
from tests.alerting.receivers import Fake, free_port
from tests.e2e.harness import app_of, immediate_world, serving
from tests.e2e.processes import command


async def alerts(folder: Path, config: dict[str, Any]) -> CompletedProcess[str]:
    """What the command says and how it ends."""
    path = folder / "config.yml"
    path.write_text(json.dumps(config))
    return await asyncio.to_thread(command, "alerts", f"--config.file={path}", "--log.level=error")


async def test_what_fires_is_a_table_and_nothing_is_sent(tmp_path: Path) -> None:
    """Each alert with its severity, place and reason; what would only fire after a while is not there."""
    world, fake = immediate_world(names=("orders", "clicks")), Fake()
    world.fail("orders", "RuntimeError.OutOfMemory", "heap exhausted")
    world.unavailable("clicks")
    async with serving(fake.app) as am, serving(app_of(world)) as url:
        shown = await alerts(tmp_path, settings(url, am, unavailable_for="1h"))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["alert", "severity", "source", "pipeline", "why"],
        [
            *("PipelineDeploymentError", "critical", "prod", "orders"),
            *("the", "deployment", "failed:", "RuntimeError.OutOfMemory"),
        ],
    ]
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
    assert "away: cannot be read; after 120s of this, PipelineSourceUnreachable would fire\n" in shown.stdout
