"""From a pipeline that fails to the people: told by the bridge alone, by the rules alone, and by both."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.alerting.receivers import until
from tests.delivery.chain import Tool, config, exporting, ruling
from tests.delivery.people import ERROR, Person, person
from tests.delivery.planes import NAME, Plane, calyptia, feldera

SHOWN = {"bridge": ["bridge firing"], "rules": ["rules firing"], "both": ["bridge firing"]}


def told(people: dict[str, Person], source: str) -> bool:
    """Whether everybody has heard, and whoever is told by both ways could have heard it twice."""
    heard = all(one.messages(source=source, pipeline_name=NAME) for one in people.values())
    return heard and bool(people["both"].muted(alertname=ERROR, via="rules", source=source, pipeline_name=NAME))


def over(people: dict[str, Person], source: str) -> bool:
    """Whether the last word to everybody is that it is over, on every way."""
    messages = [one.messages(source=source, pipeline_name=NAME) for one in people.values()]
    pages = [one.pages(source, NAME) for one in people.values()]
    mails = [one.mails(f"{NAME} of {source}") for one in people.values()]
    return (
        all(found[-1].status == "resolved" for found in messages)
        and all(found[-1]["event_action"] == "resolve" for found in pages)
        and all(found[-1].startswith("[RESOLVED") for found in mails)
    )


def check_failure(people: dict[str, Person], source: str, plane: Plane) -> None:
    """One message each; from the bridge with code and message of the control plane, from the rules with the code."""
    title = f"[FIRING:1] {ERROR}: {NAME} of {source} in eu-1"
    for way, one in people.items():
        assert [message.parts for message in one.messages(source=source, pipeline_name=NAME)] == [SHOWN[way]], way
        assert [page["event_action"] for page in one.pages(source, NAME)] == ["trigger"], way
        assert one.chats(f"{NAME} of {source}") == [title], way
        (mail,) = one.mails(f"{NAME} of {source}")
        assert mail.startswith(title)
        assert plane.code in mail
        assert (plane.message in mail) == (way != "rules"), "no metric has a message"
        (alert,) = one.heard(source=source, pipeline_name=NAME)
        assert plane.code in alert["annotations"]["description"]
        if way != "rules":
            assert alert["annotations"]["error_code"] == plane.code
            assert plane.message in alert["annotations"]["error_message"]
            assert plane.message in one.pages(source, NAME)[0]["payload"]["custom_details"]["firing"]


def check_end(people: dict[str, Person], source: str) -> None:
    """Each way told of one beginning and one end, and the pager of one incident."""
    assert people["bridge"].statuses(source=source, pipeline_name=NAME) == ["firing", "resolved"]
    assert people["rules"].statuses(source=source, pipeline_name=NAME) == ["firing", "resolved"]
    by_bridge = people["both"].statuses(source=source, pipeline_name=NAME, via="bridge")
    assert by_bridge == ["firing"] + ["resolved"] * (len(by_bridge) - 1)
    for one in people.values():
        assert len({page["dedup_key"] for page in one.pages(source, NAME)}) == 1


async def test_a_failure_and_its_end_reach_people_on_every_way(tmp_path: Path, tool: Tool) -> None:
    """A pipeline of Feldera and one of Calyptia fail and recover, under three Alertmanagers: who is told by the bridge,
    by the rules, or by both gets one message of each failure (webhook, pager, chat and mail), and hears of its end."""
    program = tool("prometheus-alertmanager")
    async with contextlib.AsyncExitStack() as stack:
        prod, edge = await stack.enter_async_context(feldera()), await stack.enter_async_context(calyptia())
        planes: dict[str, Plane] = {"prod": prod, "edge": edge}
        people = {way: stack.enter_context(person(program, tmp_path / way)) for way in SHOWN}
        bridge, rules, both = people.values()
        settings = config(planes, [bridge, both])
        running = await stack.enter_async_context(exporting(settings, tmp_path / "exporter"))
        await stack.enter_async_context(ruling(tool, tmp_path / "rules-by", [running], [rules, both]))
        await until(lambda: rules.calls("rules") and both.calls("rules"))
        for plane in planes.values():
            await plane.fail()
        await until(lambda: all(told(people, source) for source in planes))
        await asyncio.sleep(3)  # nothing more comes
        for source, plane in planes.items():
            check_failure(people, source, plane)
        for plane in planes.values():
            await plane.recover()
        await until(lambda: all(over(people, source) for source in planes), seconds=90)
        for source in planes:
            check_end(people, source)
        assert bridge.calls("rules") == rules.calls("bridge") == 0
