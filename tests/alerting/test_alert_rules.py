"""What each rule looks for, and what an alert says: labels by the contract, texts that receivers can take."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exporter.alerts.explain import Places, of_pipeline, of_source
from exporter.alerts.past import Episode
from exporter.alerts.rules import ALERTS, RULES, Facts, Reason, past_reason
from exporter.alerts.text import clean, cut, rfc3339
from exporter.config import Alerting
from exporter.history import PipelineHistory
from exporter.model import Checks, DeploymentError, Event, FailureRead, LogLine, LogRead, Note, Pipeline, Status
from exporter.sources.kinds import KINDS
from tests.alerting.stage import DIMENSIONS, ERROR, UNREACHABLE, WATCHDOG, Stage, alerting, event, pipeline

PLACES = Places("http://exporter", "http://books", "http://grafana")
CHECKED = Pipeline("a", "a", {"deployment": Status("CHECKS_FAILED")}, "unhealthy", checks=Checks(3, 1, 0))


def facts(one: Pipeline, history: PipelineHistory | None = None, failure: FailureRead | None = None) -> Facts:
    """All that is known of a pipeline of ``prod``."""
    return Facts("prod", one, history, failure, DIMENSIONS)


def found(one: Pipeline) -> set[str]:
    """The alerts whose rules see something."""
    return {rule.name for rule in RULES if rule.find(facts(one)) is not None}


@pytest.mark.parametrize(
    ("one", "names"),
    [
        (pipeline(resources="Provisioned", runtime="Running", program="Success"), set()),
        (pipeline(error="E"), {ERROR}),
        (pipeline(program="SqlError"), {"PipelineProgramError"}),
        (pipeline(program="RustError"), {"PipelineProgramError"}),
        (pipeline(program="SystemError"), {"PipelineProgramError"}),
        (pipeline(program="CompilingRust"), set()),
        (pipeline(program="NewError"), set()),
        (pipeline(runtime="Unavailable"), {"PipelineUnavailable"}),
        (CHECKED, {"PipelineChecksFailed"}),
        (pipeline(deployment="FAILED"), set()),
        (pipeline(error="FAILED", deployment="FAILED"), {ERROR}),
        (pipeline(error="E", program="SqlError", runtime="Unavailable"), {
            ERROR, "PipelineProgramError", "PipelineUnavailable",
        }),
    ],
)  # fmt: skip
def test_each_rule_sees_what_it_is_for(one: Pipeline, names: set[str]) -> None:
    """And nothing else: statuses that are not known are no alert."""
    assert found(one) == names


def test_the_severities_are_those_of_the_contract() -> None:
    """Who is woken depends on them."""
    assert ALERTS == {
        ERROR: "critical",
        "PipelineProgramError": "warning",
        "PipelineUnavailable": "critical",
        "PipelineChecksFailed": "warning",
        UNREACHABLE: "critical",
        WATCHDOG: "none",
    }


def test_only_unavailable_waits() -> None:
    """By the key of the config."""
    settings: Alerting = alerting(unavailable_for=77)
    assert {rule.name: rule.wait(settings) for rule in RULES if rule.wait(settings)} == {"PipelineUnavailable": 77}


# Labels


def test_labels_are_exactly_those_of_the_contract() -> None:
    """With the external ones; the source's alert has no pipeline, the watchdog no source."""
    stage = Stage(alerting(external_labels={"cluster": "east"}))
    stage.poll(pipeline("p-1", error="E"))
    stage.fail()
    stage.later(200)
    shared = {"cluster": "east", "via": "bridge"}
    named = {alert.name: dict(alert.labels) for alert in stage.engine.all()}
    assert named == {
        ERROR: {
            **shared,
            "alertname": ERROR,
            "severity": "critical",
            "source": "prod",
            "pipeline": "p-1",
            "pipeline_name": "p-1",
        },
        UNREACHABLE: {**shared, "alertname": UNREACHABLE, "severity": "critical", "source": "prod"},
        WATCHDOG: {**shared, "alertname": WATCHDOG, "severity": "none"},
    }


def test_labels_do_not_change_while_an_alert_fires() -> None:
    """Another message, code or version is the same alert."""
    stage = Stage()
    stage.poll(pipeline(error="E", message="one"))
    before = stage.alert().labels
    stage.poll(pipeline(error="F", message="two", runtime="Paused"))
    assert [alert.labels for alert in stage.engine.all() if alert.name == ERROR] == [before]


# Annotations


def told(message: str = "heap", *, name: str = "orders", **places: Any) -> dict[str, str]:
    """The annotations of a failed deployment."""
    one = Pipeline("p-1", name, {}, "failed", error=DeploymentError("OutOfMemory", message))
    reason = RULES[0].find(facts(one))
    assert reason is not None
    return of_pipeline(ERROR, facts(one), reason, Places(**{**places_of(PLACES), **places}))


def places_of(places: Places) -> dict[str, str]:
    """The fields of places."""
    return {"exporter": places.exporter, "runbooks": places.runbooks, "grafana": places.grafana}


def test_all_annotations_of_a_failed_deployment() -> None:
    """What is not known is left out."""
    assert told() == {
        "summary": "orders: the deployment failed: OutOfMemory",
        "description": "Pipeline orders of source prod: the deployment failed: OutOfMemory.\nheap",
        "error_code": "OutOfMemory",
        "error_message": "heap",
        "runbook_url": "http://books/PipelineDeploymentError.md",
        "dashboard_url": "http://grafana/d/pipeline-exporter-pipeline?var-source=prod&var-pipeline_name=orders",
        "pipeline_url": "http://exporter/pipelines/prod/p-1",
    }


def test_without_grafana_there_is_no_link_to_it() -> None:
    """A link to nowhere helps nobody."""
    assert "dashboard_url" not in told(grafana="")


def test_links_are_quoted() -> None:
    """A name can be anything."""
    assert told(name="a b/ü&x=1#")["dashboard_url"].endswith("&var-pipeline_name=a%20b%2F%C3%BC%26x%3D1%23")


def test_long_texts_are_cut() -> None:
    """Each at its own bound, and it says how much is missing."""
    texts = told("é" * 500_000, name="n" * 5000)
    assert len(texts["summary"]) == 200
    assert len(texts["description"].encode()) <= 2030
    kept, _, missing = texts["error_message"].partition("… ")
    assert (len(kept.encode()), missing) == (16_384, f"{1_000_000 - 16_384} bytes cut")


def test_hostile_texts_become_plain() -> None:
    """NUL, escapes, halves of surrogate pairs and C1 controls are marked; markup and templates are left as text."""
    texts = told("\0\x1b[31m\ud800\x9b<b>{{ x }}</b>\r\nnext\tline", name="a\nb\udfff")
    assert texts["error_message"] == "\ufffd\ufffd[31m\ufffd\ufffd<b>{{ x }}</b>\nnext\tline"
    assert texts["summary"] == "a b\ufffd: the deployment failed: OutOfMemory"
    assert all(text.encode() for text in texts.values())


def test_a_source_that_cannot_be_read_says_why_and_since_when() -> None:
    """And that nothing is known of its pipelines."""
    texts = of_source(UNREACHABLE, "prod", "unauthorized", 0.0, PLACES)
    assert texts["summary"] == "prod: the control plane cannot be read (unauthorized)"
    assert (texts["error_code"], texts["began_at"]) == ("unauthorized", "1970-01-01T00:00:00.000Z")
    assert texts["runbook_url"] == "http://books/PipelineSourceUnreachable.md"


def test_transitions_are_the_last_five_newest_first() -> None:
    """A line for each dimension that changed."""
    stage = Stage()
    stage.poll(pipeline())
    stage.read("a", *(event(number, 1000.0 + number, error=number % 2 == 1) for number in range(1, 8)))
    stage.poll(pipeline(error="E"))
    lines = stage.alert().annotations["transitions"].splitlines()
    assert lines[:3] == [
        "1970-01-01T00:16:47.000Z resources: Provisioned -> Stopped",
        "1970-01-01T00:16:47.000Z runtime: Running -> none",
        "1970-01-01T00:16:46.000Z resources: Stopped -> Provisioned",
    ]
    assert len(lines) == 5


def test_lines_of_the_log_come_newest_last() -> None:
    """The last ten that tell of a failure."""
    stage = Stage()
    stage.poll(pipeline())
    stage.deliver(LogRead("a", True, errors=tuple(LogLine(f"line {number}", 1.0 * number) for number in range(12))))
    stage.poll(pipeline(error="E"))
    lines = stage.alert().annotations["log_lines"].splitlines()
    assert (len(lines), lines[0][-6:], lines[-1]) == (10, "line 2", "1970-01-01T00:00:11.000Z line 11")


# When it failed


def test_without_a_reason_the_history_tells_what_it_can() -> None:
    """Calyptia: the status of the deployment, and the newest of what Kubernetes said before it was over."""
    dimensions = KINDS["calyptia"].dimensions
    history = PipelineHistory(counts_from=None, initial=None)
    notes = tuple(Note("pod", "BackOff", at, f"said at {at:.0f}") for at in (10.0, 15.0, 90.0))
    history.fold(
        (
            Event("1", 5.0, ("STARTED",)),
            Event("2", 10.0, ("FAILED",), has_error=True, notes=notes),
            Event("3", 20.0, ("STARTED",)),
        ),
        complete=True, shown_until=None, horizon=1e12,
    )  # fmt: skip
    known = Facts("edge", Pipeline("a", "a", {}, "healthy"), history, None, dimensions)
    assert past_reason(known, Episode(10.0, 20.0)) == Reason(
        "the deployment failed and recovered: FAILED",
        "FAILED",
        "BackOff: said at 10; BackOff: said at 15",
        10.0,
        20.0,
    )


def test_an_error_that_is_older_than_the_exporter_says_since_when() -> None:
    """As it was read; what was read of another failure is not taken for it."""
    one = pipeline(error="E")
    for code, since in (("E", 2000.0), ("F", None)):
        reason = RULES[0].find(facts(one, failure=FailureRead("a", 2000.0, DeploymentError(code))))
        assert reason is not None
        assert reason.since == since


def test_until_its_events_are_read_a_failure_began_as_the_polls_tell() -> None:
    """What the history has of an older failure, which is over, is not the present one."""
    old = [Event("1", 10.0, ("STARTED",)), Event("2", 20.0, ("FAILED",), True), Event("3", 30.0, ("STARTED",))]
    history = PipelineHistory(counts_from=None, initial=None)
    history.fold(old, complete=True, shown_until=None)
    failure = FailureRead("a", 90.0, DeploymentError("E"))
    known = msgspec.structs.replace(facts(pipeline(error="E"), failure=failure), history=history)
    reason = RULES[0].find(known)
    assert reason is not None
    assert reason.since == 90.0


# Texts


def test_cut_keeps_whole_characters() -> None:
    """Half a character is none."""
    assert cut("éé", 3) == "é… 2 bytes cut"


def test_times_that_no_calendar_has_are_nothing() -> None:
    """Whatever a control plane sends, an alert can be encoded."""
    assert [rfc3339(value) for value in (1e300, -1e300, float("nan"), float("inf"))] == [""] * 4


def test_line_breaks_stay() -> None:
    """Windows' ones become plain."""
    assert clean("a\r\nb\n\tc") == "a\nb\n\tc"
