"""The main job: a Feldera's statuses and events on the metrics page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.world import World
from tests.e2e.harness import Page, app_of, exporting, immediate_world, labels_of, serving

LIST = "/v0/pipelines"
SEEN = "pipeline_last_event_timestamp_seconds"


def has_history(*names: str) -> Callable[[Page], bool]:
    """Condition: the history of these pipelines was read."""
    return lambda page: all(page.value(SEEN, pipeline_name=name) is not None for name in names)


async def test_statuses_of_a_running_pipeline() -> None:
    """Every status is on the page with its value, its zeros and the time it began."""
    world = immediate_world()
    labels = labels_of(world, "orders")
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        page = await exporter.until(has_history("orders"))
    assert page.value("pipeline_info", **labels, kind="feldera") == 1
    assert page.value("pipeline_resources_status", **labels, status="Provisioned") == 1
    assert page.value("pipeline_resources_status", **labels, status="Stopped") == 0
    assert page.value("pipeline_runtime_status", **labels, status="Running") == 1
    assert page.value("pipeline_program_status", **labels, status="Success") == 1
    assert page.value("pipeline_storage_status", **labels, status="InUse") == 1
    assert page.value("pipeline_resources_desired_status", **labels, status="Provisioned") == 1
    assert page.value("pipeline_runtime_desired_status", **labels, status="Running") == 1
    assert page.value("pipeline_health", **labels, health="healthy") == 1
    assert page.value("pipeline_deployment_has_error", **labels) == 0
    assert page.value("pipeline_deployment_failures_total", **labels) == 0
    for dimension in ("resources", "runtime", "program", "storage"):
        since = page.value("pipeline_status_since_timestamp_seconds", **labels, dimension=dimension)
        assert since == pytest.approx(time.time(), abs=60), dimension


async def test_failure_and_restart_between_two_polls_are_counted_exactly_once() -> None:
    """What came and went between two polls is in the counters, as the simulator's own record has it."""
    world = immediate_world()
    labels = labels_of(world, "orders")
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        await exporter.until(has_history("orders"))
        since = time.time()
        world.fail("orders", "RuntimeError.WorkerPanic", "boom")
        world.start("orders")
        page = await exporter.until(lambda page: page.value("pipeline_deployment_failures_total", **labels) == 1)
        page = await exporter.polls(3)
    assert page.value("pipeline_deployment_has_error", **labels) == 0
    assert_counts(page, world, "orders", since)


def assert_counts(page: Page, world: World, name: str, since: float) -> None:
    """The counters of a pipeline are those of the simulator's record."""
    labels, counts = labels_of(world, name), world.counts(world.find(name).id, since)
    assert counts.transitions, "the record is empty: the test shows nothing"
    assert page.value("pipeline_events_total", **labels) == counts.events
    assert page.value("pipeline_deployment_failures_total", **labels) == counts.failures
    for (dimension, to), count in counts.transitions.items():
        value = page.value("pipeline_status_transitions_total", **labels, dimension=dimension, to=to)
        assert value == count, (dimension, to)
    assert page.value("pipeline_status_transitions_total", **labels) == sum(counts.transitions.values())


async def test_many_turns_of_fortune_are_counted_exactly_once() -> None:
    """A busy pipeline's counters stay equal to the record over many failures, stops, pauses and errors."""
    world = immediate_world(names=("orders", "clicks"))
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        await exporter.until(has_history("orders", "clicks"))
        since = time.time()
        for turn in range(12):
            world.fail("orders", "RuntimeError.WorkerPanic", f"boom {turn}")
            world.start("orders")
            world.pause("clicks")
            world.resume("clicks")
            world.unavailable("clicks", "no answer")
            world.reachable("clicks")
            await asyncio.sleep(0.07)
        expected = world.counts(world.find("clicks").id, since).events
        clicks = labels_of(world, "clicks")
        page = await exporter.until(lambda page: page.value("pipeline_events_total", **clicks) == expected)
        page = await exporter.polls(3)
    assert_counts(page, world, "orders", since)
    assert_counts(page, world, "clicks", since)


async def test_what_was_there_before_is_known_but_not_counted() -> None:
    """Without state every counter starts at 0 with the process, whatever the control plane remembers."""
    world = immediate_world()
    world.fail("orders", "RuntimeError.WorkerPanic", "boom")
    world.start("orders")
    await asyncio.sleep(0.05)
    labels = labels_of(world, "orders")
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        page = await exporter.until(has_history("orders"))
    assert page.value("pipeline_events_total", **labels) == 0
    assert page.value("pipeline_deployment_failures_total", **labels) == 0
    assert page.value("pipeline_status_transitions_total", **labels) == 0


async def test_all_of_a_pipeline_that_appears_later_counts() -> None:
    """A pipeline made after the first poll is counted from its creation."""
    world = immediate_world()
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        await exporter.polls(1)
        since = time.time()
        world.create("late")
        world.start("late")
        world.fail("late", "RuntimeError.WorkerPanic", "boom")
        page = await exporter.until(has_history("late"))
        page = await exporter.polls(2)
    assert_counts(page, world, "late", since)
    assert page.value("pipeline_deployment_error_info", error_code="RuntimeError.WorkerPanic") == 1
    assert page.value("pipeline_health", pipeline_name="late", health="failed") == 1


async def test_a_quiet_fleet_costs_one_request_a_poll() -> None:
    """While nothing changes, a poll is the list and nothing else."""
    world = immediate_world(names=tuple(f"p{number}" for number in range(50)))
    app = app_of(world)
    async with serving(app) as url, exporting(url) as exporter:
        await exporter.until(has_history(*(f"p{number}" for number in range(50))))
        await exporter.polls(1)
        app.paths.clear()
        await exporter.polls(5)
        asked = [path for path in app.paths if path.startswith(LIST)]
    assert len(asked) >= 5
    assert set(asked) == {LIST}


async def test_a_sign_of_life_costs_the_latest_event_only() -> None:
    """A duplicate event of a living pipeline is counted without reading its whole history again."""
    world = immediate_world()
    app = app_of(world)
    labels = labels_of(world, "orders")
    async with serving(app) as url, exporting(url) as exporter:
        await exporter.until(has_history("orders"))
        await exporter.polls(1)
        app.paths.clear()
        world.heartbeat("orders")
        page = await exporter.until(lambda page: page.value("pipeline_events_total", **labels) == 1)
    assert f"{LIST}/orders/events/latest" in app.paths
    assert f"{LIST}/orders/events" not in app.paths
    assert page.value("pipeline_status_transitions_total", **labels) == 0


async def test_rename_delete_and_recreate_are_told_apart_by_id() -> None:
    """A renamed pipeline keeps its series' identity; a deleted one is gone at once; a new one of its name is new."""
    world = immediate_world(names=("orders", "gone"))
    world.stop("orders")
    world.clear("orders")
    old = labels_of(world, "orders")["pipeline"]
    deleted = labels_of(world, "gone")["pipeline"]
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        await exporter.until(has_history("orders", "gone"))
        world.rename("orders", "renamed")
        world.delete("gone", anyhow=True)
        world.create("orders")
        page = await exporter.until(lambda page: page.value("pipeline_info", pipeline_name="renamed") == 1)
        page = await exporter.until(has_history("orders", "renamed"))
    assert page.value("pipeline_info", pipeline=old, pipeline_name="renamed") == 1
    assert page.value("pipeline_info", pipeline=old, pipeline_name="orders") is None
    assert deleted not in page.text
    assert labels_of(world, "orders")["pipeline"] in page.text
    assert page.value("pipeline_exporter_source_pipelines") == 2


async def test_a_server_without_the_events_api_still_gives_statuses_and_what_polls_see() -> None:
    """Before 0.292 there are no events: the statuses are there, and transitions that a poll could see."""
    world = immediate_world()
    world.events_api = False
    labels = labels_of(world, "orders")
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        await exporter.until(has_history("orders"))
        world.fail("orders", "RuntimeError.WorkerPanic", "boom")
        page = await exporter.until(lambda page: page.value("pipeline_deployment_failures_total", **labels) == 1)
    assert page.value("pipeline_resources_status", **labels, status="Stopped") == 1
    assert page.value("pipeline_status_transitions_total", **labels, dimension="resources", to="Stopped") == 1
    assert page.value("pipeline_exporter_task_failures_total") == 0


async def test_a_gateway_that_loses_its_way_is_no_server_without_events() -> None:
    """While nothing below the list is found, nothing is made up; afterwards every event counts, once."""
    world = immediate_world()
    labels = labels_of(world, "orders")
    app, lost = app_of(world), False

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        if lost and scope["path"] != "/v0/pipelines":
            await PlainTextResponse("no route", 404)(scope, receive, send)
        else:
            await app(scope, receive, send)

    async with serving(gateway) as url, exporting(url) as exporter:
        await exporter.until(has_history("orders"))
        since, lost = time.time(), True
        world.fail("orders", "RuntimeError.WorkerPanic", "boom")
        failures = {"task": "history", "reason": "not_found"}
        await exporter.until(lambda page: page.value("pipeline_exporter_task_failures_total", **failures))
        lost = False
        await exporter.until(lambda page: page.value("pipeline_deployment_failures_total", **labels) == 1)
        page = await exporter.polls(3)
    assert_counts(page, world, "orders", since)


async def test_what_happened_while_names_were_not_unique_counts_afterwards() -> None:
    """Nobody can tell whose events a name asks for then; also the pipeline that kept its name is read later."""
    world = immediate_world(names=("orders", "clicks"))
    labels = labels_of(world, "orders")
    app, confused = app_of(world), False

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        async def changed(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = message["body"].replace(b'"name":"clicks"', b'"name":"orders"')
            await send(message)

        plain = {**scope, "headers": [pair for pair in scope.get("headers", ()) if pair[0] != b"accept-encoding"]}
        await app(plain, receive, changed if confused and scope["path"] == LIST else send)

    async with serving(gateway) as url, exporting(url) as exporter:
        await exporter.until(has_history("orders", "clicks"))
        since, confused = time.time(), True
        await exporter.until(lambda page: page.value("pipeline_info", pipeline_name="clicks") is None)
        world.fail("orders", "RuntimeError.WorkerPanic", "boom")
        await exporter.until(lambda page: page.value("pipeline_deployment_has_error", **labels) == 1)
        await exporter.polls(2)
        confused = False
        await exporter.until(lambda page: page.value("pipeline_deployment_failures_total", **labels) == 1)
        page = await exporter.polls(3)
    assert_counts(page, world, "orders", since)


async def test_time_in_state_adds_up_to_the_time_that_passed() -> None:
    """Over all resources statuses the seconds grow by one a second, from the first poll on."""
    world = immediate_world()
    labels = {**labels_of(world, "orders"), "dimension": "resources"}
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        first, begin = await exporter.until(has_history("orders")), time.time()
        await asyncio.sleep(0.5)
        world.fail("orders", "RuntimeError.WorkerPanic", "boom")
        await asyncio.sleep(1)
        last, end = await exporter.polls(1), time.time()
    grown = (last.value("pipeline_status_seconds_total", **labels) or 0) - (
        first.value("pipeline_status_seconds_total", **labels) or 0
    )
    assert grown == pytest.approx(end - begin, abs=0.6)
    stopped = last.value("pipeline_status_seconds_total", **labels, status="Stopped")
    assert stopped == pytest.approx(1, abs=0.6)


async def test_platform_health_and_version() -> None:
    """Feldera's own services, their last check and its version are there; an unhealthy answer is an answer."""
    world = immediate_world()
    world.service("runner", False, "stuck")
    async with serving(app_of(world)) as url, exporting(url) as exporter:
        page = await exporter.until(lambda page: page.value("pipeline_platform_service_healthy") is not None)
    assert page.value("pipeline_platform_service_healthy", source="prod", service="runner") == 0
    assert page.value("pipeline_platform_service_healthy", source="prod", service="api") == 1
    assert page.value("pipeline_platform_info", source="prod", version="0.369.0") == 1
    checked = page.value("pipeline_platform_checked_timestamp_seconds", source="prod")
    assert checked == pytest.approx(time.time(), abs=700)


@pytest.mark.parametrize(("status", "reason"), [(500, "server_error"), (503, "server_error")])
async def test_an_outage_keeps_the_last_facts_until_stale_and_then_drops_them(status: int, reason: str) -> None:
    """The source's up is 0 and the reason counted at once; facts go after ``stale_after``; the next poll recovers."""
    world = immediate_world()
    async with serving(app_of(world)) as url, exporting(url, stale_after="3s") as exporter:
        await exporter.until(has_history("orders"))
        world.outage_status = status
        page = await exporter.until(lambda page: page.value("pipeline_exporter_source_up") == 0)
        assert page.value("pipeline_health", pipeline_name="orders", health="healthy") == 1
        assert page.value("pipeline_exporter_task_failures_total", task="poll", reason=reason) >= 1
        page = await exporter.until(lambda page: page.value("pipeline_health") is None)
        assert page.value("pipeline_exporter_source_pipelines") == 0
        world.outage_status = None
        page = await exporter.until(lambda page: page.value("pipeline_exporter_source_up") == 1, seconds=30)
        page = await exporter.until(lambda page: page.value("pipeline_health", health="healthy") == 1)
    assert page.value("pipeline_deployment_failures_total") == 0


async def test_the_401_of_a_database_that_is_down_is_ridden_out() -> None:
    """Feldera answers 401 while its database is away: the exporter goes on by itself when it is back."""
    world = immediate_world()
    app = create_app(world, api_key="k")
    config = (
        'sources: [{{name: prod, type: feldera, url: "{url}", poll_interval: 200ms,'
        " authorization: {{credentials: k}}}}]\nstale_after: {stale_after}\n"
    )
    async with serving(app) as url, exporting(url, config=config) as exporter:
        await exporter.until(lambda page: page.value("pipeline_exporter_source_up") == 1)
        world.database_down = True
        page = await exporter.until(lambda page: page.value("pipeline_exporter_source_up") == 0)
        assert page.value("pipeline_exporter_task_failures_total", task="poll", reason="unauthorized") >= 1
        world.database_down = False
        await exporter.until(lambda page: page.value("pipeline_exporter_source_up") == 1)


async def test_a_source_that_is_read_well_is_never_stale() -> None:
    """A ``stale_after`` shorter than the poll interval does not make a healthy source come and go."""
    world = immediate_world()
    async with serving(app_of(world)) as url, exporting(url, stale_after="50ms") as exporter:
        await exporter.until(has_history("orders"))
        for _ in range(25):
            assert (await exporter.page()).value("pipeline_info") == 1
            await asyncio.sleep(0.1)


async def test_an_empty_answer_by_mistake_does_not_count_the_past_anew() -> None:
    """All pipelines gone and back again: the counters go on where they were."""
    world = immediate_world()
    world.fail("orders", "RuntimeError.WorkerPanic", "boom")
    world.start("orders")
    app, is_empty = app_of(world), asyncio.Event()

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        empty = is_empty.is_set() and scope["path"] == LIST
        await (Response(b"[]") if empty else app)(scope, receive, send)

    async with serving(proxy) as url, exporting(url) as exporter:
        await exporter.until(has_history("orders"))
        is_empty.set()
        await exporter.until(lambda page: page.value("pipeline_info") is None)
        is_empty.clear()
        page = await exporter.until(has_history("orders"))
        page = await exporter.polls(2)
    assert page.value("pipeline_deployment_failures_total", pipeline_name="orders") == 0
    assert page.value("pipeline_status_transitions_total", pipeline_name="orders") == 0
