"""The shipped configuration in a real Alertmanager: what mutes what, and who is told."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.alertmanager.pack import WATCHDOG
from tests.alertmanager.server import Alertmanager, Labels, Sink, eventually


def alert(name: str, severity: str, *, via: str = "rules", **labels: str) -> Labels:
    """The labels of an alert about the pipeline ``a`` of the source ``prod``; an empty one is left out."""
    whole = {"cluster": "eu-1", "source": "prod", "pipeline": "a"} | labels
    return {"alertname": name, "severity": severity, "via": via} | {key: text for key, text in whole.items() if text}


def unreachable(**labels: str) -> Labels:
    """That a source cannot be reached."""
    return alert("PipelineSourceUnreachable", "critical", **{"pipeline": "", **labels})


def watchdog(via: str) -> Labels:
    """That somebody is alive."""
    return alert(WATCHDOG, "none", via=via, source="", pipeline="")


MUTED = {
    "the bridge over the rule of the same name": (
        alert("PipelineUnavailable", "critical", via="bridge"),
        alert("PipelineUnavailable", "critical"),
    ),
    "the bridge over the rule, about a source": (unreachable(via="bridge"), unreachable()),
    "the bridge over the rule, both without a cluster": (
        alert("PipelineProgramError", "warning", via="bridge", cluster=""),
        alert("PipelineProgramError", "warning", cluster=""),
    ),
    "a source over the rules about its pipelines": (unreachable(), alert("PipelineStuckStopping", "warning")),
    "a source over the bridge's alerts about its pipelines": (
        unreachable(),
        alert("PipelineUnavailable", "critical", via="bridge"),
    ),
    "a source over its data": (unreachable(), alert("PipelineSourceDataStale", "critical", pipeline="")),
    "a source over its data, told by the bridge": (
        unreachable(via="bridge"),
        alert("PipelineSourceDataStale", "critical", pipeline=""),
    ),
    "a source over a part of it": (
        unreachable(via="bridge"),
        alert("PipelineSourceShardUnreachable", "critical", pipeline=""),
    ),
    "a source over its errors": (
        unreachable(via="bridge"),
        alert("PipelineSourceErrorRateHigh", "warning", pipeline=""),
    ),
    "critical over warning": (
        alert("PipelineAvailabilityBudgetBurn", "critical"),
        alert("PipelineAvailabilityBudgetBurn", "warning"),
    ),
    "critical over info": (
        alert("PipelineAvailabilityBudgetBurn", "critical"),
        alert("PipelineAvailabilityBudgetBurn", "info"),
    ),
    "an error over what is not as wanted": (
        alert("PipelineDeploymentError", "critical", via="bridge"),
        alert("PipelineDesiredStatusMismatch", "critical"),
    ),
    "an error over an unreachable process": (
        alert("PipelineDeploymentError", "critical", via="bridge"),
        alert("PipelineUnavailable", "critical"),
    ),
    "an error over being stuck": (
        alert("PipelineDeploymentError", "critical"),
        alert("PipelineStuckProvisioning", "warning"),
    ),
    "an error over having failed": (
        alert("PipelineDeploymentError", "critical", via="bridge"),
        alert("PipelineDeploymentFailed", "warning"),
    ),
}

HEARD = {
    "both watchdogs": (watchdog("bridge"), watchdog("rules")),
    "two sources that cannot be reached": (unreachable(source="one"), unreachable(source="two")),
    "one source seen by two jobs": (unreachable(job="one"), unreachable(job="two")),
    "the bridge with a cluster, the rule without": (
        alert("PipelineUnavailable", "critical", via="bridge"),
        alert("PipelineUnavailable", "critical", cluster=""),
    ),
    "the bridge without a cluster, the rule with one": (
        alert("PipelineUnavailable", "critical", via="bridge", cluster=""),
        alert("PipelineUnavailable", "critical"),
    ),
    "the same alert of another pipeline": (
        alert("PipelineUnavailable", "critical", via="bridge"),
        alert("PipelineUnavailable", "critical", pipeline="b"),
    ),
    "another alert of the bridge": (
        alert("PipelineChecksFailed", "warning", via="bridge"),
        alert("PipelineProgramError", "warning"),
    ),
    "a pipeline of another source": (unreachable(), alert("PipelineUnavailable", "critical", source="edge")),
    "the exporter itself": (unreachable(), alert("PipelineExporterUnknownStatus", "info", pipeline="")),
    "a pipeline that another exporter can read": (
        unreachable(via="bridge"),
        alert("PipelineDeploymentError", "critical", via="bridge"),
    ),
    "a rule about a pipeline that another exporter can read": (
        unreachable(via="bridge"),
        alert("PipelineDeploymentError", "critical"),
    ),
    "why a source cannot be read": (unreachable(), alert("PipelineSourceAuthFailing", "critical", pipeline="")),
    "an unreachable process after an error that the rule still tells of": (
        alert("PipelineDeploymentError", "critical"),
        alert("PipelineUnavailable", "critical", via="bridge"),
    ),
    "the same, told by rules alone": (
        alert("PipelineDeploymentError", "critical"),
        alert("PipelineUnavailable", "critical"),
    ),
    "an unreachable process beside an error that is held": (
        alert("PipelineDeploymentError", "critical", via="bridge"),
        alert("PipelineUnavailable", "critical", via="bridge"),
    ),
    "critical beside critical": (
        alert("PipelineAvailabilityBudgetBurn", "critical", long="1h"),
        alert("PipelineAvailabilityBudgetBurn", "critical", long="6h"),
    ),
    "an error of another pipeline": (
        alert("PipelineDeploymentError", "critical", via="bridge"),
        alert("PipelineUnavailable", "critical", pipeline="b"),
    ),
    "an error beside what is no consequence": (
        alert("PipelineDeploymentError", "critical"),
        alert("PipelineConnectorErrors", "warning"),
    ),
}


@pytest.mark.parametrize("pair", MUTED)
def test_one_alert_mutes_another(pair: str, manager: Alertmanager) -> None:
    """The first of the pair, and it alone, keeps the second from being told, and is itself told."""
    source, target = MUTED[pair]
    manager.post(source, target)
    by = eventually(lambda: manager.mutes(target))
    assert by == [manager.find(source)["fingerprint"]]
    assert manager.mutes(source) == []


@pytest.mark.parametrize("pair", HEARD)
def test_two_alerts_are_both_told(pair: str, manager: Alertmanager) -> None:
    """Neither of the two mutes the other. (Alerts are looked at in order; the last pair shows that these have been.)"""
    last = [alert("PipelineChecksFailed", "warning", via=via, source="aside") for via in ("bridge", "rules")]
    manager.post(*HEARD[pair])
    manager.post(last[0])
    manager.post(last[1])
    eventually(lambda: manager.mutes(last[1]))
    assert [manager.mutes(labels) for labels in HEARD[pair]] == [[], []]


def test_what_mutes_stops_when_it_ends(manager: Alertmanager) -> None:
    """A pipeline's alert is told again once its source can be reached."""
    manager.post(unreachable(), alert("PipelineUnavailable", "critical"))
    eventually(lambda: manager.mutes(alert("PipelineUnavailable", "critical")))
    manager.resolve(unreachable())
    eventually(lambda: not manager.mutes(alert("PipelineUnavailable", "critical")))
    assert manager.find(alert("PipelineUnavailable", "critical"))["status"]["state"] == "active"


def failed(name: str, *, via: str = "bridge", source: str = "prod") -> Labels:
    """That a deployment failed."""
    return alert("PipelineDeploymentError", "critical", via=via, source=source, pipeline=name, pipeline_name=name)


FLEET = (
    "[FIRING:3] PipelineDeploymentError of prod in eu-1",
    "[FIRING:1] PipelineDeploymentError: z of edge in eu-1",
)


def titled(receivers: Sink, path: str, title: str) -> list[dict[str, Any]]:
    """The messages with this title (Slack's) or summary (PagerDuty's)."""
    return [body for body in receivers.at(path) if title in (body.get("payload") or body["attachments"][0]).values()]


def test_a_fleet_event_is_one_message(manager: Alertmanager, receivers: Sink) -> None:
    """Three failures of a source, each told by bridge and rule, are one page and one line of chat: of three alerts."""
    twins = [failed(name, via="rules") for name in ("a", "b", "c")]
    manager.post(*(failed(name) for name in ("a", "b", "c")), *twins, failed("z", source="edge"))
    for title in FLEET:
        eventually(partial(titled, receivers, "/slack", title))
        (page, *_) = eventually(partial(titled, receivers, "/pagerduty", f"{title} – What is wrong."))
        assert page["payload"]["severity"] == "critical"
        assert (page["event_action"], page["routing_key"]) == ("trigger", "the-routing-key")
    assert all(manager.mutes(twin) for twin in twins)


def test_the_end_is_told(manager: Alertmanager, receivers: Sink) -> None:
    """A resolved alert resolves its page, and the chat hears of it."""
    manager.post(failed("a"))
    eventually(lambda: receivers.at("/pagerduty") and receivers.at("/slack"))
    manager.resolve(failed("a"))
    eventually(lambda: len(receivers.at("/pagerduty")) > 1 and len(receivers.at("/slack")) > 1)
    first, last = receivers.at("/pagerduty")
    assert (last["event_action"], last["dedup_key"]) == ("resolve", first["dedup_key"])
    (attachment,) = receivers.at("/slack")[1]["attachments"]
    assert attachment["title"] == "[RESOLVED:1] PipelineDeploymentError: a of prod in eu-1"
    assert attachment["color"] == "good"


def test_each_watchdog_keeps_its_own_switch_alive(manager: Alertmanager, receivers: Sink) -> None:
    """Prometheus' watchdog and the bridge's call different switches, and nobody else."""
    manager.post(watchdog("bridge"), watchdog("rules"))
    for path, via in (("/dead-man/bridge", "bridge"), ("/dead-man/prometheus", "rules")):
        payload = eventually(partial(receivers.at, path))[0]
        assert (payload["version"], payload["status"]) == ("4", "firing")
        assert [alert["labels"] for alert in payload["alerts"]] == [watchdog(via)]
    assert {notification.path for notification in receivers.received} == {"/dead-man/bridge", "/dead-man/prometheus"}


def test_only_the_pager_and_the_chat_wake(manager: Alertmanager, receivers: Sink) -> None:
    """A warning is said in the chat alone; what has no severity to speak of is said nowhere."""
    manager.post(alert("PipelineOther", "none"))
    assert [receiver["name"] for receiver in manager.find(alert("PipelineOther", "none"))["receivers"]] == ["null"]
    manager.post(alert("PipelineChecksFailed", "warning", via="bridge"))
    (body,) = eventually(lambda: receivers.at("/slack"))
    assert body["attachments"][0]["color"] == "warning"
    assert {notification.path for notification in receivers.received} == {"/slack"}


def test_a_page_without_links_has_none(manager: Alertmanager, receivers: Sink) -> None:
    """PagerDuty refuses links without an address; an alert without runbook and dashboard has none."""
    manager.post(failed("a"))
    (event,) = eventually(lambda: receivers.at("/pagerduty"))
    assert event.get("links", []) == []
    assert set(event["payload"]["custom_details"]) == {"firing", "resolved", "num_firing", "num_resolved"}
