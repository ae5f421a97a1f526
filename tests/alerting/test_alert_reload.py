"""A reload changes what is asked for and nothing else: no alert is resolved by it, none doubled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.alerting.bridging import Bridged, bridging, settings
from tests.alerting.receivers import Fake, until
from tests.e2e.harness import app_of, immediate_world, serving

ERROR = "PipelineDeploymentError"


def said(fake: Fake) -> list[dict[str, Any]]:
    """What an Alertmanager took in about the failure."""
    return [alert for alert in fake.taken() if alert["labels"]["alertname"] == ERROR]


def starts(fake: Fake) -> set[tuple[str, str]]:
    """When the failure began according to it, by the cluster's name."""
    return {(alert["labels"].get("cluster", ""), alert["startsAt"]) for alert in said(fake)}


def over(fake: Fake) -> bool:
    """Whether the last word about the failure is that it is over: only then the end does not move on."""
    return len(said(fake)) > 1 and said(fake)[-1]["endsAt"] == said(fake)[-2]["endsAt"]


async def failing(running: Bridged, fake: Fake) -> None:
    """Wait until an Alertmanager has heard of the failure."""
    await until(lambda: said(fake), what=lambda: fake.bodies)
    assert await running.value("alerts_firing", alertname=ERROR) == 1


async def test_other_times_and_alertmanagers_disturb_nothing() -> None:
    """The old Alertmanager goes on with the same alert, the new one hears of it at once; a third is let go of."""
    world, old, new, gone = immediate_world(), Fake(), Fake(), Fake()
    async with (
        serving(old.app) as old_url,
        serving(new.app) as new_url,
        serving(gone.app) as gone_url,
        serving(app_of(world)) as url,
        bridging(settings(url, old_url, gone_url)) as running,
    ):
        world.fail("orders", "E")
        await failing(running, old)
        await failing(running, gone)
        changed = {"url": old_url, "timeout": "5s", "authorization": {"credentials": "secret"}}
        await running.reload(settings(url, changed, new_url, resend_interval="500ms", hold="2s"))
        last = len(gone.bodies)
        await failing(running, new)
        count = len(old.bodies)
        await until(lambda: len(old.bodies) >= count + 3)
        assert starts(old) == starts(new) == starts(gone)
        assert len(starts(old)) == 1
        assert not over(old)
        assert old.requests[-1]["authorization"] == "Bearer secret"
        assert len(gone.bodies) <= last + 1
        page = await running.page()
        assert gone_url.removeprefix("http://") not in page.text
        assert page.value("pipeline_exporter_alerts_firing", alertname=ERROR) == 1


async def test_other_external_labels_end_the_old_alert_and_begin_a_new_one() -> None:
    """Alertmanager knows alerts by their labels: the old ones are resolved, the new ones have the same start."""
    world, fake = immediate_world(), Fake()
    async with (
        serving(fake.app) as address,
        serving(app_of(world)) as url,
        bridging(settings(url, address, external_labels={"cluster": "a"})) as running,
    ):
        world.fail("orders", "E")
        await failing(running, fake)
        await running.reload(settings(url, address, external_labels={"cluster": "b"}))
        await until(lambda: {cluster for cluster, _ in starts(fake)} == {"a", "b"})
        assert len({start for _, start in starts(fake)}) == 1
        await until(lambda: over_of(fake, "a"))
        assert await running.value("alerts_firing", alertname=ERROR) == 1


def over_of(fake: Fake, cluster: str) -> bool:
    """Whether the alert with this label was resolved."""
    ends = [alert["endsAt"] for alert in said(fake) if alert["labels"]["cluster"] == cluster]
    return len(ends) > 2 and ends[-1] == ends[-2]


async def test_a_source_taken_out_is_resolved_and_an_unchanged_one_is_not() -> None:
    """Its alerts end, also while it cannot be read; those of the others go on."""
    world, other, fake = immediate_world(), immediate_world(names=("clicks",)), Fake()
    async with (
        serving(fake.app) as address,
        serving(app_of(world)) as url,
        serving(app_of(other)) as second_url,
    ):
        config = settings(url, address)
        second = {**config["sources"][0], "name": "second", "url": second_url}
        async with bridging({**config, "sources": [*config["sources"], second]}) as running:
            world.fail("orders", "E")
            other.fail("clicks", "E")
            await until(lambda: {alert["labels"]["source"] for alert in said(fake)} == {"prod", "second"})
            other.outage_status = 500
            await running.reload(config)
            await running.until(lambda page: page.value("pipeline_exporter_alerts_firing", alertname=ERROR) == 1)
            await running.polls(3)
            assert await running.value("alerts_firing", alertname=ERROR) == 1


async def test_without_the_section_nothing_is_posted_and_nothing_remembered(tmp_path: Path) -> None:
    """Taken out, the bridge falls silent; put back, what fires still is told anew, and old failures are not."""
    world, fake = immediate_world(names=("orders", "clicks")), Fake()
    async with serving(fake.app) as address, serving(app_of(world)) as url:
        config = settings(url, address)
        silent = {"sources": config["sources"]}
        async with bridging(config, state=tmp_path / "state.db") as running:
            world.fail("orders", "E")
            await failing(running, fake)
            (first,) = starts(fake)
            await running.reload(silent)
            assert await running.value("alerts_firing", alertname=ERROR) == 0
            assert (await running.page()).value("pipeline_exporter_notifications_total") is None
            count = len(fake.bodies)
            world.fail("clicks", "E")
            world.start("clicks")
            await running.polls(3)
            await asyncio.sleep(1.2)
            assert len(fake.bodies) == count
            await running.reload(config)
            await until(lambda: len(starts(fake)) == 2)
            await running.polls(3)
            assert first in starts(fake)
            assert {alert["labels"]["pipeline_name"] for alert in said(fake)} == {"orders"}


async def test_a_poll_that_is_on_its_way_ends_with_its_source() -> None:
    """A changed source is read anew; what it was just asking is no failure of anybody."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        url = "http://{}:{}".format(*server.sockets[0].getsockname())
        config = {"sources": settings(url, poll="50ms")["sources"]}
        config["sources"][0]["timeout"] = "300ms"
        async with bridging(config) as running:
            for wait in (301, 302, 303):
                config["sources"][0]["timeout"] = f"{wait}ms"
                await running.reload(config)
                await asyncio.sleep(0.1)
            failures = await running.value("task_failures_total", source="prod", task="poll", reason="timeout")
            assert failures
            assert await running.value("task_failures_total", source="prod", task="poll", reason="internal") == 0
            assert await running.value("task_failures_total", source="prod", task="poll", reason="connection") == 0
