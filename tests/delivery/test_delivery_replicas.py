"""Two exporters of one fleet, with one Prometheus over both and one Alertmanager."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.alerting.receivers import until
from tests.delivery.chain import Tool, config, exporting, ruling
from tests.delivery.people import ERROR, person
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
