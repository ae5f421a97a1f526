"""Two exporters of one fleet, with one Alertmanager: both well, and one that cannot read what the other reads."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from exporter.model import parse_time
from tests.alerting.receivers import until
from tests.delivery.chain import Tool, config, exporting, ruling
from tests.delivery.lines import Line
from tests.delivery.people import ERROR, UNREACHABLE, Person, person
from tests.delivery.planes import NAME, feldera


async def test_two_exporters_tell_a_person_once(tmp_path: Path, tool: Tool) -> None:
    """Both tell of the same failure, and the rules see it twice: one message of it, no second one when one of the
    exporters is killed, and the end told by the other, of one incident."""
    async with contextlib.AsyncExitStack() as stack:
        prod = await stack.enter_async_context(feldera())
        one = stack.enter_context(person(tool("prometheus-alertmanager"), tmp_path / "person"))
        settings = config({"prod": prod}, [one], resend_interval="1m")
        pair = [await stack.enter_async_context(exporting(settings, tmp_path / name)) for name in ("a", "b")]
        await stack.enter_async_context(ruling(tool, tmp_path / "rules-by", pair, [one]))
        await until(lambda: one.calls("rules"))

        await prod.fail()
        await until(
            lambda: one.messages(pipeline_name=NAME) and one.muted(alertname=ERROR, pipeline_name=NAME, via="rules")
        )
        for running in pair:
            await running.until(lambda page: page.value("pipeline_exporter_alerts_firing", alertname=ERROR) == 1)
            await running.until(lambda page: page.value("pipeline_exporter_notifications_queue_length") == 0)
        await asyncio.sleep(3)  # nothing more comes
        assert len(one.known(alertname=ERROR, via="bridge")) == len(one.known(alertname=ERROR, via="rules")) == 1
        assert [message.parts for message in one.messages(pipeline_name=NAME)] == [["bridge firing"]]

        await pair[0].kill()
        await asyncio.sleep(3)  # nothing more comes
        assert [message.parts for message in one.messages(pipeline_name=NAME)] == [["bridge firing"]]
        assert len(one.pages("prod", NAME)) == len(one.mails(f"{NAME} of prod")) == 1

        await prod.recover()
        await until(lambda: "resolved" in one.statuses(pipeline_name=NAME, via="bridge"), seconds=60)
        by_bridge = one.statuses(pipeline_name=NAME, via="bridge")
        assert (by_bridge.count("firing"), by_bridge[-1]) == (1, "resolved")
        assert len({page["dedup_key"] for page in one.pages("prod", NAME)}) == 1


def stands(one: Person) -> bool:
    """Whether the failure stands in the Alertmanager without being said again."""
    ends = [parse_time(alert["endsAt"]) or 0.0 for alert in one.known(pipeline_name=NAME)]
    return bool(ends) and min(ends) > time.time() + 3600


async def test_an_exporter_that_is_cut_off_neither_contradicts_nor_mutes_the_other(tmp_path: Path, tool: Tool) -> None:
    """One exporter cannot read the source any more: it says so. What the other says of the pipeline is told all the
    same, each once: that a failure is over, and that there is a new one."""
    async with contextlib.AsyncExitStack() as stack:
        prod = await stack.enter_async_context(feldera())
        line = await stack.enter_async_context(Line(prod.url).open())
        one = stack.enter_context(person(tool("prometheus-alertmanager"), tmp_path / "person", group_wait="1s"))
        well, cut = (config({"prod": prod}, [one], resend_interval="2s", hold="2s") for _ in range(2))
        cut["sources"][0]["url"] = line.url
        await stack.enter_async_context(exporting(well, tmp_path / "well"))
        await stack.enter_async_context(exporting(cut, tmp_path / "cut"))
        await prod.fail()
        await until(lambda: one.messages(pipeline_name=NAME))

        line.cut()
        await until(lambda: one.statuses(alertname=UNREACHABLE) and stands(one), what=one.known)
        await prod.recover()
        await until(lambda: "resolved" in one.statuses(pipeline_name=NAME), seconds=60)
        await asyncio.sleep(8)  # nothing more comes in four resend intervals
        assert one.statuses(pipeline_name=NAME) == ["firing", "resolved"]
        assert [page["event_action"] for page in one.pages("prod", NAME)] == ["trigger", "resolve"]

        await prod.fail()
        await until(lambda: len(one.statuses(pipeline_name=NAME)) > 2)
        await asyncio.sleep(8)  # nor does the exporter that is cut off say again that it is over
        assert one.statuses(pipeline_name=NAME) == ["firing", "resolved", "firing"]
        assert one.muted() == []
        assert one.statuses(alertname=UNREACHABLE) == ["firing"]

        line.mend()
        await until(lambda: one.statuses(alertname=UNREACHABLE) == ["firing", "resolved"])
        await prod.recover()
        await until(lambda: one.statuses(pipeline_name=NAME)[-1] == "resolved", seconds=60)
