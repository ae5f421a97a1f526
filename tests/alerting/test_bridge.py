"""The bridge whole: a simulated Feldera, the exporter and a real Alertmanager that tells a webhook."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import yaml

from tests.alerting.bridging import bridging, settings
from tests.alerting.receivers import Fake, Webhook, alertmanager, free_port, known_alerts, until
from tests.e2e.harness import app_of, immediate_world, labels_of, serving
from tests.e2e.processes import exporter

Tool = Callable[[str], str]

ERROR = "PipelineDeploymentError"
OOM = "RuntimeError.OutOfMemory"


def seconds_of(text: str) -> float:
    """Unix seconds of a time in an annotation."""
    return datetime.fromisoformat(text).timestamp()


async def test_a_failure_is_told_with_its_reason_and_its_end_as_resolved(tmp_path: Path, tool: Tool) -> None:
    """Code, message, transitions and links reach the receiver; once the pipeline runs, resolved does, each once."""
    world, hook = immediate_world(), Webhook()
    async with (
        alertmanager(tool("prometheus-alertmanager"), tmp_path / "am", hook) as am,
        serving(app_of(world)) as url,
        bridging(settings(url, am, external_labels={"cluster": "east"}, grafana_url="http://grafana")) as running,
    ):
        world.fail("orders", OOM, "heap <b>exhausted</b>")
        await until(lambda: hook.about(ERROR), what=lambda: hook.heard)
        assert await running.value("alerts_firing", alertname=ERROR) == 1
        world.start("orders")
        await until(lambda: len(hook.about(ERROR)) > 1)
        await asyncio.sleep(2.5)
        assert await running.value("alerts_firing", alertname=ERROR) == 0
    fired, resolved = hook.about(ERROR)
    own = {"alertname": ERROR, "severity": "critical", "via": "bridge", "cluster": "east"}
    assert fired["labels"] == {**labels_of(world, "orders"), **own}
    assert fired["annotations"]["error_code"] == OOM
    assert fired["annotations"]["error_message"] == "heap <b>exhausted</b>"
    assert "resources: Provisioned -> Stopping" in fired["annotations"]["transitions"]
    assert fired["annotations"]["dashboard_url"] == (
        "http://grafana/d/pipeline-exporter-pipeline?var-source=prod&var-pipeline_name=orders"
    )
    assert fired["generatorURL"].endswith(f"/pipelines/prod/{labels_of(world, 'orders')['pipeline']}")
    assert resolved["status"] == "resolved"
    assert resolved["startsAt"] == fired["startsAt"]
    assert hook.statuses("PipelineExporterWatchdog") == ["firing"]


async def test_a_failure_between_two_polls_is_told_with_its_true_times(tmp_path: Path, tool: Tool) -> None:
    """What came and went unseen is fired for the hold time, from now, with when it was and why; then resolved."""
    world, hook = immediate_world(), Webhook()
    async with (
        alertmanager(tool("prometheus-alertmanager"), tmp_path / "am", hook) as am,
        serving(app_of(world)) as url,
        bridging(settings(url, am, poll="1s", hold="2s")) as running,
    ):
        await running.polls(1)
        before = time.time()
        world.fail("orders", OOM, "heap exhausted")
        world.start("orders")
        after = time.time()
        await until(lambda: len(hook.about(ERROR)) > 1, what=lambda: hook.heard)
        (alert,) = [alert for alert in await known_alerts(am) if alert["labels"]["alertname"] == ERROR] or [None]
    fired, resolved = hook.about(ERROR)
    annotations = resolved["annotations"]
    assert (fired["status"], resolved["status"], alert) == ("firing", "resolved", None)
    assert before - 0.01 <= seconds_of(annotations["began_at"]) <= seconds_of(annotations["ended_at"]) <= after + 0.01
    assert (annotations["error_code"], annotations["error_message"]) == (OOM, "heap exhausted")
    assert seconds_of(fired["startsAt"]) >= after, "backdated: Alertmanager would skip its group_wait"
    assert seconds_of(resolved["endsAt"]) - seconds_of(resolved["startsAt"]) >= 1.99


async def test_what_lay_before_the_start_and_is_over_is_not_told(tmp_path: Path, tool: Tool) -> None:
    """A failure that was over when the exporter first saw the source is no alert."""
    world, hook = immediate_world(), Webhook()
    world.fail("orders", OOM, "long ago")
    world.start("orders")
    async with (
        alertmanager(tool("prometheus-alertmanager"), tmp_path / "am", hook) as am,
        serving(app_of(world)) as url,
        bridging(settings(url, am)) as running,
    ):
        await running.polls(4)
        await until(lambda: hook.about("PipelineExporterWatchdog"))
        await asyncio.sleep(1.5)
        assert [alert["labels"]["alertname"] for alert in hook.heard] == ["PipelineExporterWatchdog"]


async def test_one_of_two_alertmanagers_is_dead_for_good(tmp_path: Path, tool: Tool) -> None:
    """The other one is told as if nothing were; the failures of the dead one are counted."""
    world, hook, port = immediate_world(), Webhook(), free_port()
    async with (
        alertmanager(tool("prometheus-alertmanager"), tmp_path / "am", hook) as am,
        serving(app_of(world)) as url,
        bridging(settings(url, f"http://127.0.0.1:{port}", am)) as running,
    ):
        world.fail("orders", OOM)
        await until(lambda: hook.about(ERROR))
        world.start("orders")
        await until(lambda: hook.statuses(ERROR) == ["firing", "resolved"], what=lambda: hook.heard)
        dead = f"127.0.0.1:{port}"
        await running.until(
            lambda page: (page.value("pipeline_exporter_notifications_failed_total", alertmanager=dead) or 0) >= 2
        )
        assert await running.value("notifications_queue_length", alertmanager=dead) == 2
        assert await running.value("notifications_failed_total", alertmanager=am.removeprefix("http://")) == 0
        begin = time.monotonic()
    assert time.monotonic() - begin < 10


async def test_an_alertmanager_that_comes_late_hears_what_fired_and_was_resolved(tmp_path: Path, tool: Tool) -> None:
    """It is told firing first and resolved after, although all was over before it came; the receiver hears both."""
    world, hook, other, port = immediate_world(), Webhook(), Fake(), free_port()
    async with (
        serving(other.app) as witness,
        serving(app_of(world)) as url,
        bridging(settings(url, f"http://127.0.0.1:{port}", witness, resolved_retention="1s")),
    ):
        world.fail("orders", OOM)
        await until(lambda: any(alert["labels"]["alertname"] == ERROR for alert in other.taken()))
        world.start("orders")
        await until(lambda: over(other), what=lambda: other.taken()[-3:])
        await asyncio.sleep(2)  # longer than resolved alerts are sent again
        path = tool("prometheus-alertmanager")
        async with alertmanager(path, tmp_path / "am", hook, port=port):
            await until(lambda: hook.statuses(ERROR) == ["firing", "resolved"], what=lambda: hook.heard)
            await asyncio.sleep(2)
            assert hook.statuses(ERROR) == ["firing", "resolved"]


def over(fake: Fake) -> bool:
    """Whether the last word about the failure is that it is over."""
    said = [alert for alert in fake.taken() if alert["labels"]["alertname"] == ERROR]
    return seconds_of(said[-1]["endsAt"]) <= time.time()


async def test_slow_alertmanagers_hold_up_neither_polling_nor_each_other(tmp_path: Path) -> None:
    """Two that never answer in time: a third one hears at once, and the source is read as ever."""
    world, slow, good = immediate_world(), Fake(), Fake()
    slow.delay = 60.0
    quick = {"timeout": "500ms"}
    async with (
        serving(slow.app) as first,
        serving(slow.app) as second,
        serving(good.app) as third,
        serving(app_of(world)) as url,
        bridging(settings(url, {"url": first, **quick}, second, third)) as running,
    ):
        world.fail("orders", OOM)
        await until(lambda: any(alert["labels"]["alertname"] == ERROR for alert in good.taken()), seconds=5)
        await running.polls(5)
        await until(lambda: len(slow.bodies) >= 3)
        begin = time.monotonic()
    assert time.monotonic() - begin < 10


async def test_a_source_that_is_gone_resolves_nothing(tmp_path: Path, tool: Tool) -> None:
    """Its alerts stay, longer than their lease; that it cannot be read is told beside them and resolved by itself."""
    world, hook = immediate_world(), Webhook()
    async with (
        alertmanager(tool("prometheus-alertmanager"), tmp_path / "am", hook) as am,
        serving(app_of(world)) as url,
        bridging({**settings(url, am), "stale_after": "1s"}) as running,
    ):
        world.fail("orders", OOM)
        await until(lambda: hook.about(ERROR))
        world.outage_status = 500
        await until(lambda: hook.about("PipelineSourceUnreachable"))
        world.outage_status = None
        world.start("orders")
        world.outage_status = 500
        await asyncio.sleep(5)
        assert hook.statuses(ERROR) == ["firing"], "resolved because data was missing"
        assert await running.value("source_pipelines", source="prod") == 0, "the facts are stale by now"
        world.outage_status = None
        await until(lambda: hook.statuses(ERROR) == ["firing", "resolved"])
        await until(lambda: hook.statuses("PipelineSourceUnreachable") == ["firing", "resolved"])
    unreachable = hook.about("PipelineSourceUnreachable")[0]
    own = {"alertname": "PipelineSourceUnreachable", "severity": "critical", "via": "bridge"}
    assert unreachable["labels"] == {"source": "prod", **own}
    assert unreachable["annotations"]["error_code"] == "server_error"


async def test_a_killed_exporter_neither_resolves_nor_doubles(tmp_path: Path, tool: Tool) -> None:
    """kill -9 twice, then a clean stop: one notification that it fires, and one that it is over once it is."""
    world, hook, path = immediate_world(), Webhook(), tmp_path / "config.yml"
    async with (
        alertmanager(tool("prometheus-alertmanager"), tmp_path / "am", hook) as am,
        serving(app_of(world)) as url,
    ):
        config = settings(url, am, resend_interval="2s", hold="2s")
        path.write_text(yaml.safe_dump({**config, "state": {"path": str(tmp_path / "state.db")}}))
        started = None
        for number in range(3):
            async with exporter(path) as (_, process):
                if number == 0:
                    await until(lambda: hook.about("PipelineExporterWatchdog"))
                    world.fail("orders", OOM)
                await until(lambda: hook.about(ERROR))
                await asyncio.sleep(1.5)
                os.kill(process.pid, signal.SIGKILL if number < 2 else signal.SIGTERM)
                await process.wait()
            found = [alert for alert in await known_alerts(am) if alert["labels"]["alertname"] == ERROR]
            started = started or found[0]["startsAt"]
            assert [alert["startsAt"] for alert in found] == [started]
        world.start("orders")
        async with exporter(path):
            await until(lambda: len(hook.about(ERROR)) > 1, what=lambda: hook.heard)
            await asyncio.sleep(2)
    assert hook.statuses(ERROR) == ["firing", "resolved"]
    assert hook.statuses("PipelineExporterWatchdog") == ["firing"]


async def test_a_failure_while_the_exporter_was_down_is_told_once(tmp_path: Path, tool: Tool) -> None:
    """With a state file it is found in the history at the next start, held, resolved, and not told by a third start."""
    world, hook, state = immediate_world(), Webhook(), tmp_path / "state.db"
    async with (
        alertmanager(tool("prometheus-alertmanager"), tmp_path / "am", hook) as am,
        serving(app_of(world)) as url,
    ):
        config = settings(url, am)
        async with bridging(config, state=state) as running:
            await running.polls(2)
        world.fail("orders", OOM, "unseen")
        world.start("orders")
        async with bridging(config, state=state):
            await until(lambda: hook.statuses(ERROR) == ["firing", "resolved"], what=lambda: hook.heard)
        async with bridging(config, state=state) as running:
            await running.polls(4)
            await asyncio.sleep(1.5)
    assert hook.statuses(ERROR) == ["firing", "resolved"]
    assert "began_at" in hook.about(ERROR)[0]["annotations"]


async def test_a_megabyte_of_markup_goes_through(tmp_path: Path, tool: Tool) -> None:
    """Whatever the control plane says, the receiver gets a clipped and clean text."""
    world, hook = immediate_world(), Webhook()
    async with (
        alertmanager(tool("prometheus-alertmanager"), tmp_path / "am", hook) as am,
        serving(app_of(world)) as url,
        bridging(settings(url, am)),
    ):
        world.fail("orders", OOM, "\0<script>" + "\x1b[31m{{ template }}" * 60_000)
        await until(lambda: hook.about(ERROR))
    annotations = hook.about(ERROR)[0]["annotations"]
    assert annotations["error_message"].startswith("\ufffd<script>\ufffd[31m{{ template }}")
    assert len(annotations["summary"]) <= 200
    assert max(len(text.encode()) for text in annotations.values()) < 20_000
