"""What must not be resolved, doubled or lost while control planes and exporters come and go."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import datetime
from pathlib import Path

from tests.alerting.receivers import until
from tests.delivery.chain import Tool, config, exporting, ruling
from tests.delivery.people import ERROR, GROUP_BY, UNREACHABLE, person
from tests.delivery.planes import NAME, Plane, calyptia, feldera
from tests.e2e.harness import Page

OTHER = "other"


def seconds_of(text: str) -> float:
    """Unix seconds of a time as alerts have it."""
    return datetime.fromisoformat(text).timestamp()


async def test_a_source_that_goes_away_resolves_nothing_and_mutes_its_pipelines(tmp_path: Path, tool: Tool) -> None:
    """An alert outlives an outage of its source by far more than its lease and the facts it is about; the rules' alert
    about another pipeline, which begins meanwhile, is not told; and what was over is said to be over afterwards."""
    async with contextlib.AsyncExitStack() as stack:
        prod = await stack.enter_async_context(feldera())
        await prod.add(OTHER, start=True)
        one = stack.enter_context(person(tool("prometheus-alertmanager"), tmp_path / "person", group_wait="15s"))
        settings = {**config({"prod": prod}, [one], unavailable_for="5m"), "stale_after": "12s"}
        running = await stack.enter_async_context(exporting(settings, tmp_path / "exporter"))
        await stack.enter_async_context(ruling(tool, tmp_path / "rules-by", [running], [one]))
        await until(lambda: one.calls("rules"))
        await prod.fail()
        await until(
            lambda: one.messages(pipeline_name=NAME) and one.muted(alertname=ERROR, pipeline_name=NAME, via="rules")
        )
        await prod.act("unavailable", OTHER)
        gone = {"status": "Unavailable", "pipeline_name": OTHER}
        await running.until(lambda page: page.value("pipeline_runtime_status", **gone) == 1, seconds=60)

        async with prod.gone():
            end = time.monotonic() + 20  # five leases
            await until(lambda: one.statuses(alertname=UNREACHABLE, source="prod"))
            await until(lambda: one.muted(alertname="PipelineUnavailable", pipeline_name=OTHER), what=one.known)
            await until(lambda: one.muted(alertname=ERROR, pipeline_name=NAME, via="bridge"))
            await running.until(lambda page: page.value("pipeline_exporter_source_pipelines") == 0, seconds=60)
            await until(lambda: time.monotonic() > end)
            assert one.statuses(alertname=UNREACHABLE, source="prod") == ["firing"]
            assert [message.parts for message in one.messages(pipeline_name=NAME)] == [["bridge firing"]]
            assert one.messages(pipeline_name=OTHER) == []

        await until(lambda: "resolved" in one.statuses(alertname=UNREACHABLE, via="bridge"))
        assert one.statuses(alertname=ERROR, pipeline_name=NAME, via="bridge") == ["firing"]
        await prod.recover()
        await until(lambda: "resolved" in one.statuses(alertname=ERROR, pipeline_name=NAME, via="bridge"), seconds=60)
        assert one.statuses(alertname=ERROR, pipeline_name=NAME, via="bridge").count("firing") == 1


async def test_an_exporter_that_is_killed_neither_resolves_nor_doubles(tmp_path: Path, tool: Tool) -> None:
    """kill -9 while an alert fires, and a start that outlives the lease of the dead one's alert: one message; and a
    second kill, with the recovery while no exporter runs: the third one says that it is over, once."""
    async with contextlib.AsyncExitStack() as stack:
        prod = await stack.enter_async_context(feldera())
        one = stack.enter_context(person(tool("prometheus-alertmanager"), tmp_path / "person", group_wait="1s"))
        brief = config({"prod": prod}, [one], resend_interval="2s", hold="3s")
        lasting = config({"prod": prod}, [one], resend_interval="1m", hold="3s")  # a lease that ends after this test
        folder = tmp_path / "exporter"
        async with exporting(brief, folder) as running:
            await prod.fail()
            await until(lambda: one.messages(pipeline_name=NAME))
            await running.kill()
        (before,) = one.known(pipeline_name=NAME)
        async with exporting(lasting, folder) as running:
            await running.until(lambda page: page.value("pipeline_exporter_alerts_firing", alertname=ERROR) == 1)
            await until(lambda: time.time() > seconds_of(before["endsAt"]) + 1, seconds=60)
            (after,) = one.known(pipeline_name=NAME)
            assert after["startsAt"] == before["startsAt"]
            assert seconds_of(after["endsAt"]) > time.time()
            assert one.statuses(pipeline_name=NAME) == ["firing"]
            await running.kill()
        await prod.recover()
        async with exporting(lasting, folder):
            await until(lambda: len(one.statuses(pipeline_name=NAME)) > 1)
            await asyncio.sleep(3)  # nothing more comes
            assert one.statuses(pipeline_name=NAME) == ["firing", "resolved"]
            (page, end) = one.pages("prod", NAME)
            assert (page["event_action"], end["event_action"]) == ("trigger", "resolve")
            assert page["dedup_key"] == end["dedup_key"]


def polls(page: Page) -> list[float | None]:
    """When each source was last read."""
    name = "pipeline_exporter_task_last_success_timestamp_seconds"
    return [page.value(name, source=source, task="poll") for source in ("prod", "edge")]


async def test_a_failure_between_two_polls_is_told_with_its_true_times(tmp_path: Path, tool: Tool) -> None:
    """A pipeline of Feldera and one of Calyptia fail and recover while nobody looks: the person hears of both, of code,
    message, and when it was, and that it is over."""
    async with contextlib.AsyncExitStack() as stack:
        prod = await stack.enter_async_context(feldera(start=False))
        planes: dict[str, Plane] = {"prod": prod, "edge": await stack.enter_async_context(calyptia())}
        one = stack.enter_context(person(tool("prometheus-alertmanager"), tmp_path / "person", group_wait="1s"))
        settings = config(planes, [one], poll="10s", hold="8s")
        running = await stack.enter_async_context(exporting(settings, tmp_path / "exporter"))
        read = polls(await running.page())
        begin = time.time()
        for plane in planes.values():
            await plane.stumble()
        end = time.time()
        assert polls(await running.page()) == read, "a poll came between"
        await until(lambda: all(len(one.statuses(source=source)) > 1 for source in planes), seconds=60, what=one.known)
        await asyncio.sleep(3)  # nothing more comes
    for source, plane in planes.items():
        fired, resolved = one.heard(pipeline_name=NAME, source=source)
        assert (fired["status"], resolved["status"]) == ("firing", "resolved")
        for told in (fired["annotations"], resolved["annotations"]):
            assert begin - 0.01 <= seconds_of(told["began_at"]) <= seconds_of(told["ended_at"]) <= end + 0.01
            assert told["error_code"] == plane.code
            assert plane.message in told["error_message"]


async def test_an_alertmanager_that_is_away_for_a_while_hears_everything(tmp_path: Path, tool: Tool) -> None:
    """While it is stopped, for longer than a lease, one failure ends, one begins, and one comes and goes, and the
    source is read as ever; when it is back the person hears of each, once."""
    async with contextlib.AsyncExitStack() as stack:
        prod = await stack.enter_async_context(feldera())
        for name in (OTHER, "third"):
            await prod.add(name, start=True)
        each = (*GROUP_BY, "pipeline")
        one = stack.enter_context(
            person(tool("prometheus-alertmanager"), tmp_path / "person", group_wait="1s", group_by=each)
        )
        settings = config({"prod": prod}, [one], hold="8s")  # much longer than group_wait, however busy the machine is
        running = await stack.enter_async_context(exporting(settings, tmp_path / "exporter"))
        await prod.fail()
        await until(lambda: one.statuses(pipeline_name=NAME) == ["firing"])
        failed = {"error_code": prod.code, "message": prod.message}
        with one.away():
            gone = time.time()
            await prod.recover()
            await prod.act("fail", OTHER, **failed)
            await prod.act("fail", "third", **failed)
            firing = "pipeline_exporter_alerts_firing"
            await running.until(lambda page: page.value(firing, alertname=ERROR) == 2, seconds=60)
            await prod.act("start", "third")
            await running.until(lambda page: page.value(firing, alertname=ERROR) == 1, seconds=60)
            await until(lambda: time.time() > gone + 6)
            before = polls(await running.page())
            await running.until(lambda page: polls(page) != before)
        ends = {NAME: ["firing", "resolved"], OTHER: ["firing"], "third": ["firing", "resolved"]}
        await until(
            lambda: {name: one.statuses(pipeline_name=name) for name in ends} == ends, seconds=90, what=one.known
        )
        await asyncio.sleep(5)  # nothing more comes
        assert {name: one.statuses(pipeline_name=name) for name in ends} == ends
        assert (await running.page()).value("pipeline_exporter_notifications_queue_length") == 0
