"""Statuses and their history: what the page shows of a pipeline's life on a simulated Calyptia Core."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.demo.calyptia import KubeEvent, World, create_app
from exporter.model import HistoryRead
from exporter.sources.calyptia.history import STATUS_HISTORY
from tests.calyptia.harness import Clock, Open, Reading, config_of
from tests.e2e.harness import serving

HISTORY = "/v1/aggregator_pipelines/{id}/status_history"
SINCE = "pipeline_status_since_timestamp_seconds"
UNAVAILABLE = KubeEvent("MinimumReplicasUnavailable", message="Deployment does not have minimum availability.")
NO_IMAGE = KubeEvent("ImagePullBackOff", "k8s:pod", "Back-off pulling image")


def report_each(world: World, clock: Clock, pipeline: str, *statuses: str) -> list[float]:
    """Report statuses ten seconds apart; their times."""
    times = []
    for status in statuses:
        times.append(clock.tick(10))
        world.report(pipeline, status)
    return times


async def test_a_life_in_five_rows(world: World, clock: Clock, reading: Reading) -> None:
    """NEW, STARTING, FAILED, FAILED, STARTED: since of the last run, three transitions of five rows, one failure."""
    world.add_core_instance("prod")
    await reading.run()
    clock.tick(10)
    pipeline = world.add_pipeline("orders")
    times = report_each(world, clock, pipeline, "STARTING", "FAILED", "FAILED", "STARTED")
    await reading.run()
    assert reading.value("pipeline_events_total") == 5
    assert reading.values("pipeline_status_transitions_total", "to") == {
        ("STARTING",): 1, ("FAILED",): 1, ("STARTED",): 1,
    }  # fmt: skip
    assert reading.value("pipeline_deployment_failures_total") == 1
    assert reading.value(SINCE) == pytest.approx(times[-1], abs=0.1)
    assert reading.values("pipeline_deployment_status", "status") == {("STARTED",): 1}
    assert reading.values("pipeline_health", "health") == {("healthy",): 1}
    assert reading.value("pipeline_deployment_has_error") == 0


async def test_the_same_life_seen_step_by_step(world: World, clock: Clock, reading: Reading) -> None:
    """Polls in between change nothing about what is counted, and FAILED again does not move since."""
    pipeline = world.add_pipeline("orders")
    await reading.run()
    failed = 0.0
    for status in ("STARTING", "FAILED", "FAILED"):
        [at] = report_each(world, clock, pipeline, status)
        failed = at if not failed and status == "FAILED" else failed
        await reading.run()
    assert reading.value(SINCE) == pytest.approx(failed, abs=0.1)
    assert reading.values("pipeline_deployment_error_info", "error_code") == {("FAILED",): 1}
    report_each(world, clock, pipeline, "STARTED")
    await reading.run()
    assert reading.value("pipeline_events_total") == 4  # the first row was there before we were
    assert sum(reading.values("pipeline_status_transitions_total", "to").values()) == 3
    assert reading.value("pipeline_deployment_failures_total") == 1


async def test_the_counters_are_the_journal_s(world: World, clock: Clock, reading: Reading) -> None:
    """Rows, transitions, failures and Kubernetes events are those that the simulator itself noted."""
    world.add_core_instance("prod")
    await reading.run()
    pipeline = world.add_pipeline("orders", events=[])
    for number, status in enumerate(("STARTING", "FAILED", "FAILED", "SCALING", "STARTED") * 3):
        clock.tick(5)
        world.report(pipeline, status, [UNAVAILABLE, NO_IMAGE][: number % 3] if number % 4 else None)
        if number % 4 == 0:
            await reading.run()
    await reading.run()
    assert world.journal is not None
    told = world.journal.counts()[pipeline]
    assert reading.value("pipeline_events_total") == told.rows
    assert reading.value("pipeline_deployment_failures_total") == told.failures
    assert reading.values("pipeline_status_transitions_total", "to") == {
        (to,): count for to, count in told.transitions.items()
    }
    assert reading.values("pipeline_status_events_total", "origin", "reason") == {
        (origin, reason): count for origin, reasons in told.status_events.items() for reason, count in reasons.items()
    }


async def test_a_failure_between_two_polls_is_kept_with_what_kubernetes_said(
    world: World, clock: Clock, reading: Reading
) -> None:
    """No poll saw it; the history tells from when until when it lasted, and why."""
    world.add_core_instance("prod")
    pipeline = world.add_pipeline("orders")
    await reading.run()
    times = []
    for status, events in (("FAILED", [NO_IMAGE]), ("STARTING", None), ("STARTED", None)):
        times.append(clock.tick(5))
        world.report(pipeline, status, events)
    await reading.run()
    failure = reading.facts.failures[pipeline]
    assert (failure.error.code, failure.at, failure.until) == ("FAILED", *map(pytest.approx, times[:2]))
    assert failure.error.message == "ImagePullBackOff: Back-off pulling image"
    await reading.run()
    assert reading.facts.failures[pipeline] == failure


async def test_rows_of_one_time_keep_the_server_s_order(world: World, reading: Reading) -> None:
    """Reports within one moment are a sequence, whatever their ids are."""
    world.add_core_instance("prod")
    await reading.run()
    pipeline = world.add_pipeline("orders")
    now = world.now()
    world.at(now, lambda: [world.report(pipeline, s) for s in ("STARTING", "FAILED", "STARTING", "STARTED")])
    await reading.run()
    assert reading.values("pipeline_status_transitions_total", "to") == {
        ("STARTING",): 2, ("FAILED",): 1, ("STARTED",): 1,
    }  # fmt: skip


async def test_what_was_there_before_is_known_and_not_counted(world: World, clock: Clock, reading: Reading) -> None:
    """Retained history gives since and the time of the last event, and leaves the counters at 0."""
    pipeline = world.add_pipeline("orders")
    times = report_each(world, clock, pipeline, "STARTING", "FAILED", "STARTED")
    world.report(pipeline, "STARTED", [UNAVAILABLE])
    await reading.run()
    assert reading.value("pipeline_events_total") == 0
    assert reading.value("pipeline_deployment_failures_total") == 0
    assert reading.values("pipeline_status_transitions_total", "to") == {}
    assert reading.values("pipeline_status_events_total", "reason") == {}
    assert reading.value(SINCE) == pytest.approx(times[-1], abs=0.1)


async def test_a_long_history_is_read_back_to_where_the_status_began(
    world: World, clock: Clock, reading: Reading
) -> None:
    """Many reports of one status in a row are read through, page by page."""
    pipeline = world.add_pipeline("orders")
    begun, *_ = report_each(world, clock, pipeline, *["STARTED"] * 150)
    await reading.run()
    assert reading.value(SINCE) == pytest.approx(begun, abs=0.1)
    assert world.requests[HISTORY] == 3


async def test_one_new_row_costs_one_small_request(world: World, clock: Clock, reading: Reading) -> None:
    """After first sight a report costs the first page and no more."""
    pipeline = world.add_pipeline("orders")
    report_each(world, clock, pipeline, *["STARTED"] * 50)
    await reading.run()
    before = world.requests[HISTORY]
    report_each(world, clock, pipeline, "FAILED")
    await reading.run()
    assert world.requests[HISTORY] == before + 1
    assert reading.value("pipeline_events_total") == 1


async def test_many_new_rows_are_all_counted(world: World, clock: Clock, reading: Reading) -> None:
    """Between two polls more rows than a page: the reading goes on back to the first one known."""
    pipeline = world.add_pipeline("orders")
    await reading.run()
    report_each(world, clock, pipeline, *["FAILED", "STARTED"] * 30)
    await reading.run()
    assert reading.value("pipeline_events_total") == 60
    assert reading.value("pipeline_deployment_failures_total") == 30
    assert reading.value("pipeline_exporter_history_gaps_total") == 0


async def test_a_history_that_rolled_over_is_a_gap(clock: Clock) -> None:
    """If no row known is left, the gap is counted, once."""
    world = World(clock=clock, seed=1, history_limit=20)
    pipeline = world.add_pipeline("orders")
    async with serving(create_app(world)) as url:
        reading = Reading(config_of({"url": url, "project_token": world.project_token}))
        await reading.run()
        report_each(world, clock, pipeline, *["FAILED", "STARTED"] * 15)
        await reading.run()
        await reading.run()
        await reading.source.aclose()
    assert reading.value("pipeline_exporter_history_gaps_total") == 1
    assert reading.value("pipeline_events_total") == 20


async def test_an_unknown_status_is_shown_as_it_is(world: World, reading: Reading) -> None:
    """A status of a later version is exported and counted as unknown; the health is unknown too."""
    world.add_pipeline("orders", status="HIBERNATING")
    await reading.run()
    assert reading.values("pipeline_deployment_status", "status") == {("HIBERNATING",): 1}
    assert reading.values("pipeline_health", "health") == {("unknown",): 1}
    assert reading.unknown == {"deployment": 1}


async def test_a_status_with_the_typo_of_the_specification_is_read(world: World, reading: Reading) -> None:
    """``CHECKS_FAILED            -`` is CHECKS_FAILED, and no transition from it."""
    pipeline = world.add_pipeline("orders", status="CHECKS_FAILED")
    await reading.run()
    world.report(pipeline, "CHECKS_FAILED            -")
    world.report(pipeline, " checks_failed ")
    await reading.run()
    assert reading.values("pipeline_deployment_status", "status") == {("CHECKS_FAILED",): 1}
    assert reading.value("pipeline_events_total") == 2
    assert reading.values("pipeline_status_transitions_total", "to") == {}


HEALTHS: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("NEW", {}, "transitioning", None),
    ("STARTING", {}, "transitioning", None),
    ("SCALING", {}, "transitioning", None),
    ("CHECKS_OK", {}, "transitioning", None),
    ("STARTED", {}, "healthy", None),
    ("FAILED", {}, "failed", "FAILED"),
    ("CHECKS_FAILED", {}, "unhealthy", None),
    ("CHECKS_FAILED", {"wait_for_checks_before_deploying": True}, "failed", "CHECKS_FAILED"),
    ("STARTED", {"error": "unknown section"}, "healthy", "RENDER_ERROR"),
    ("FAILED", {"error": "unknown section"}, "failed", "FAILED"),
]


@pytest.mark.parametrize(("status", "look", "health", "code"), HEALTHS)
async def test_health_and_error(
    world: World, reading: Reading, status: str, look: dict[str, Any], health: str, code: str | None
) -> None:
    """Every status has its health; what is an error has its code, and its text is no label."""
    world.add_pipeline("orders", status=status, **look)
    await reading.run()
    assert reading.values("pipeline_health", "health") == {(health,): 1}
    assert reading.values("pipeline_deployment_error_info", "error_code") == ({(code,): 1} if code else {})
    assert "unknown section" not in reading.text()


async def test_why_it_failed_is_told_to_people(world: World, reading: Reading) -> None:
    """The error of a FAILED pipeline holds what Kubernetes said, the label does not."""
    pipeline = world.add_pipeline("orders", status="FAILED", events=[UNAVAILABLE, NO_IMAGE])
    await reading.run()
    error = reading.facts.pipelines[pipeline].error
    assert error is not None
    assert error.message == (
        "MinimumReplicasUnavailable: Deployment does not have minimum availability.; "
        "ImagePullBackOff: Back-off pulling image"
    )
    assert "Back-off" not in reading.text()


async def test_started_on_a_lost_instance_is_not_healthy(world: World, reading: Reading) -> None:
    """When the core instance is lost or comes back, the health of its pipelines follows with the next poll."""
    world.add_core_instance("prod")
    world.add_core_instance("silent", status=None)
    world.add_pipeline("orders", instance="prod", status="STARTED")
    world.add_pipeline("quiet", instance="silent", status="STARTED")
    await reading.run()
    world.instance_status("prod", "unreachable")
    await reading.run()
    assert reading.values("pipeline_health", "pipeline_name", "health") == {
        ("orders", "unhealthy"): 1, ("quiet", "healthy"): 1,
    }  # fmt: skip
    assert reading.values("pipeline_platform_service_healthy", "service") == {("prod",): 0}
    world.instance_status("prod", "running")
    await reading.run()
    assert reading.values("pipeline_health", "pipeline_name", "health")["orders", "healthy"] == 1
    assert reading.values("pipeline_platform_service_healthy", "service") == {("prod",): 1}


async def test_instances_of_one_name_are_one_series(world: World, reading: Reading) -> None:
    """Names may repeat across environments: the series is well only if all of them are."""
    world.add_core_instance("prod")
    world.add_core_instance("prod", status="waiting")
    await reading.run()
    assert reading.values("pipeline_platform_service_healthy", "service") == {("prod",): 0}


async def test_notes_added_to_a_row_later_are_counted_once(world: World, reading: Reading) -> None:
    """The newest row may get more events: those are counted, and those it had are not counted again."""
    pipeline = world.add_pipeline("orders")
    await reading.run()
    world.report(pipeline, "FAILED", [UNAVAILABLE, KubeEvent("SomethingNew", "k8s:node", "text")])
    await reading.run()
    body = world.pipeline(pipeline).history[-1]
    more = [*(body.body.events or []), type(body.body.events[0])("k8s:pod", "OOMKilled", "2026-01-01T00:00:00Z")]
    body.change(events=more)
    world.pipeline(pipeline).change(world.now(), status=body.body)
    await reading.run()
    await reading.run()
    assert reading.values("pipeline_status_events_total", "origin", "reason") == {
        ("deployment", "MinimumReplicasUnavailable"): 1, ("other", "other"): 1, ("pod", "OOMKilled"): 1,
    }  # fmt: skip
    history = reading.facts.history.pipelines[pipeline]
    assert history.notes is not None
    assert [note.message for note in history.notes.recent][1] == "SomethingNew: text"


async def test_replicas_checks_config_and_version(world: World, clock: Clock, reading: Reading) -> None:
    """What the list tells beside the status."""
    pipeline = world.add_pipeline(
        "orders", image="registry:5000/core/fluent-bit:24.10.3", checks_total=3, checks_ok=2, checks_running=1
    )
    world.scale(pipeline, 4)
    changed = clock.tick(100)
    world.rollout(pipeline)
    await reading.run()
    assert reading.value("pipeline_replicas") == 4
    assert reading.values("pipeline_checks", "state") == {("total",): 3, ("ok",): 2, ("running",): 1}
    assert reading.value("pipeline_config_changed_timestamp_seconds") == pytest.approx(changed, abs=0.1)
    assert reading.values("pipeline_info", "kind", "platform_version") == {("calyptia", "24.10.3"): 1}


async def test_a_deleted_pipeline_is_gone_at_once(world: World, reading: Reading) -> None:
    """No series of it is left after the next poll, and a history read that comes too late does no harm."""
    world.add_pipeline("orders")
    pipeline = world.add_pipeline("gone")
    await reading.run("poll")
    world.delete(pipeline)
    await reading.run("history")
    assert not reading.failures
    await reading.run()
    assert 'pipeline_name="gone"' not in reading.text()
    assert not any(isinstance(f, HistoryRead) and f.pipeline_id == pipeline for f in reading.delivered)


async def test_a_broken_history_is_counted_as_far_as_it_goes(world: World, reading: Reading) -> None:
    """A row of another shape fails a part of the run, and the readable rows are counted all the same."""
    pipeline = world.add_pipeline("orders")
    await reading.run()
    world.report(pipeline, "STARTED")
    world.pipeline(pipeline).history[-1].change(id=5)
    world.report(pipeline, "FAILED")
    await reading.run()
    assert [str(error) for error in reading.failures] == [f"{STATUS_HISTORY}: some rows cannot be read"]
    assert reading.value("pipeline_events_total") == 1


async def test_internal_and_unchosen_pipelines_are_not_there(world: World, opened: Open) -> None:
    """Health-check pipelines are left out by the server, others by the config."""
    for name in ("orders", "health-check-prod", "scratch"):
        world.add_pipeline(name)
    async with opened(pipelines={"exclude": ["scratch"]}) as reading:
        await reading.run()
    assert set(reading.values("pipeline_info", "pipeline_name")) == {("orders",)}


async def test_a_quiet_fleet_of_a_thousand_costs_two_requests(world: World, opened: Open) -> None:
    """One request tells whether the core instance runs, one gives all its pipelines: neither tells the other."""
    for number in range(1000):
        world.add_pipeline(f"p{number}", status="STARTED")
    async with opened() as reading:
        await reading.run()
        assert len(reading.facts.pipelines) == 1000
        world.requests.clear()
        reading.delivered.clear()
        for _ in range(3):
            await reading.run()
    assert world.requests == {
        "/v1/projects/{id}/core_instances": 3,
        "/v1/core_instances/{id}/pipelines": 3,
    }
    assert not world.forbidden_queries
    assert sum(len(getattr(fact, "changed", ())) for fact in reading.delivered) == 0
