"""The pages of a running exporter: what a control plane does shows, and what is not known any more does not."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from urllib.parse import quote

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.e2e.harness import Exporter, app_of, exporting, immediate_world, labels_of, serving
from tests.web.markup import Page

SPARSE = """
sources:
  - {{name: prod, type: feldera, url: "{url}", poll_interval: 200ms}}
metrics: {{status_series: sparse, exclude: ['pipeline_.*']}}
stale_after: {stale_after}
"""
ALERTING = """
sources:
  - {{name: prod, type: feldera, url: "{url}", poll_interval: 200ms}}
alerting:
  alertmanagers: [{{url: 'http://127.0.0.1:1'}}]
  runbooks_url: https://example.com/runbooks
stale_after: {stale_after}
"""


async def until(exporter: Exporter, path: str, says: str, *, no_more: str = "\0") -> Page:
    """The page as soon as it says so, and something else no more."""
    end = time.monotonic() + 20
    while True:
        page = Page((await exporter.get(path)).text)
        if says in page.text and no_more not in page.text:
            return page
        assert time.monotonic() < end, page.text
        await asyncio.sleep(0.05)


async def test_a_failure_shows_with_its_reason() -> None:
    """A panic is on the page with code and message, whatever the metrics leave out."""
    world = immediate_world()
    async with serving(app_of(world)) as url, exporting(url, config=SPARSE) as exporter:
        await until(exporter, "/", "● healthy orders prod")
        world.fail("orders", "RuntimeError.WorkerPanic", "thread panicked at <b>")
        page = await until(exporter, "/", "✖ failed orders prod")
        assert "RuntimeError.WorkerPanic" in page.of("b")
        (link,) = {link for link in page.attributes("a", "href") if link.startswith("/pipelines/")}
        one = await until(exporter, link, "Error RuntimeError.WorkerPanic")
        assert one.of("pre") == ["thread panicked at <b>"]
        config = (await exporter.get("/config")).text
        assert "status_series: sparse" in config


async def test_a_failure_that_a_poll_saw_is_told_when_it_is_over() -> None:
    """Who is called and comes late reads why, and since when it is over; the API tells the times of the events."""
    world = immediate_world()
    async with serving(app_of(world)) as url, exporting(url, config=SPARSE) as exporter:
        await until(exporter, "/", "● healthy orders prod")
        world.fail("orders", "RuntimeError.WorkerPanic", "boom")
        await until(exporter, "/", "✖ failed orders prod")
        world.start("orders")
        await until(exporter, "/", "RuntimeError.WorkerPanic over", no_more="failed orders")
        failure = (await exporter.get("/api/v1/pipelines")).json()["pipelines"][0]["last_failure"]
    assert (failure["code"], failure["message"]) == ("RuntimeError.WorkerPanic", "boom")
    assert failure["at"] < failure["until"]


async def test_alerts_that_fire_show() -> None:
    """How many, at which pipeline, and what to do about it; the alert that always fires is not counted."""
    world = immediate_world()
    async with serving(app_of(world)) as url, exporting(url, config=ALERTING) as exporter:
        await until(exporter, "/", "No alert fires.")
        world.fail("orders", "RuntimeError.WorkerPanic", "boom")
        page = await until(exporter, "/", "Alerts fire: PipelineDeploymentError 1 .")
        assert "▲ 1 alert" in page.of("a")
        (path,) = {link for link in page.attributes("a", "href") if link.endswith("#alerts")}
        one = await until(exporter, path, "Firing alerts PipelineDeploymentError critical")
        assert "https://example.com/runbooks/PipelineDeploymentError.md" in one.attributes("a", "href")


@contextlib.asynccontextmanager
async def orphaned(*, stale_after: str) -> AsyncIterator[tuple[Exporter, str]]:
    """An exporter whose control plane has gone, and the path of the pipeline that was there."""
    world = immediate_world()
    path = f"/pipelines/prod/{quote(labels_of(world, 'orders')['pipeline'])}"
    async with contextlib.AsyncExitStack() as stack:
        async with serving(app_of(world)) as url:
            exporter = await stack.enter_async_context(exporting(url, stale_after=stale_after))
            await until(exporter, path, "● healthy orders")
        yield exporter, path


async def test_the_last_facts_of_a_control_plane_that_is_gone_are_marked() -> None:
    """They are of then, on every page, with the reason."""
    async with orphaned(stale_after="1m") as (exporter, path):
        page = await until(exporter, "/", "cannot be read: connection")
        assert re.search(r"● healthy as of \d\d:\d\d UTC orders prod", page.text)
        one = await until(exporter, path, "The source cannot be read: connection")
        assert "This is as of" in one.text


async def test_facts_that_are_too_old_are_nowhere() -> None:
    """Neither on the pages nor in the API; each says why."""
    async with orphaned(stale_after="500ms") as (exporter, path):
        page = await until(exporter, "/", "Its facts are too old to be shown")
        assert "orders" not in page.of("bdi")
        one = await exporter.get(path)
        listed = (await exporter.get("/api/v1/pipelines")).json()
    assert (one.status_code, "is too old to be shown" in one.text) == (503, True)
    assert (listed["total"], listed["sources"][0]["stale"], listed["sources"][0]["reason"]) == (0, True, "connection")


class Moody:
    """A control plane that answers some paths with an error while it is told to."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.broken = "nothing"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = PlainTextResponse("broken", 500) if scope["path"].endswith(self.broken) else self._app
        await app(scope, receive, send)


async def test_a_part_that_fails_is_named_until_it_works_again() -> None:
    """The list works and the histories do not: the pipelines are shown, with what fails; then the warning goes."""
    world = immediate_world()
    moody = Moody(app_of(world))
    async with serving(moody) as url, exporting(url) as exporter:
        await until(exporter, "/", "● healthy orders prod")
        moody.broken = "/events"
        world.fail("orders", "RuntimeError.WorkerPanic", "boom")
        page = await until(exporter, "/", "Task history failed: server_error")
        assert "1 pipeline, read" in page.text
        moody.broken = "nothing"
        world.start("orders")
        await until(exporter, "/", "healthy orders", no_more="Task history failed")


async def test_a_control_plane_that_comes_back() -> None:
    """Once it answers again, nothing is left of the warning."""
    moody = Moody(app_of(immediate_world()))
    async with serving(moody) as url, exporting(url) as exporter:
        await until(exporter, "/", "● healthy orders prod")
        moody.broken = "/v0/pipelines"
        await until(exporter, "/", "cannot be read: server_error")
        moody.broken = "nothing"
        page = await until(exporter, "/", "1 pipeline, read")
        assert "cannot be read" not in page.text
