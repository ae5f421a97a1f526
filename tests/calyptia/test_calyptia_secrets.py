"""Secrets that the Cloud API sends along: planted in every field that may hold one, and found nowhere."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from starlette.types import Receive, Scope, Send

from exporter import logs
from exporter.app import Application
from exporter.config.file import parse
from exporter.demo.calyptia import Tap, World, create_app
from exporter.sources.kinds import KINDS
from exporter.web.server import listen, url_of
from tests.calyptia.harness import Clock, Reading, config_of
from tests.e2e.harness import serving

QUIET = ("httpx", "apscheduler", "uvicorn")

CONFIG = """
sources:
  - {{name: edge, type: calyptia, url: "{url}", project_token: "{token}", poll_interval: 100ms, traces: {{}}}}
  - {{name: wrong, type: calyptia, url: "{url}", project_token: "{wrong}", poll_interval: 100ms, traces: {{}}}}
"""


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that is logged, at debug level; afterwards logging is as it was."""
    root, text = logging.getLogger(), io.StringIO()
    handlers = list(root.handlers)
    levels = {logger: logger.level for logger in (root, *map(logging.getLogger, QUIET))}
    monkeypatch.setattr(sys, "stderr", text)
    logs.configure(level="debug")
    yield text
    root.handlers = handlers
    for logger, level in levels.items():
        logger.setLevel(level)
    structlog.reset_defaults()


def plant(world: World) -> None:
    """Put the secret wherever customers' data may stand; configs and tokens of instances have it already."""
    secret = world.planted_secret
    world.add_pipeline("orders", status="FAILED", metadata={"password": secret}, labels={"l": secret}, tags=[secret])
    world.rollout("orders", f"[OUTPUT]\n    HTTP_Passwd {secret}\n")
    world.report("orders", "STARTED")
    session = world.start_trace("orders", plugins=["http.0"])
    for records in ([{"record": {"log": secret}, secret: 1}], [{"record": secret}], secret, {"log": secret}, [secret]):
        world.emit_record(session, Tap(type=1, plugin="http.0", records=records, trace_id=secret))


class Breaking:
    """The simulator, with bodies that break decoding right behind a secret while ``broken`` is set."""

    def __init__(self, world: World) -> None:
        self.app = create_app(world)
        self.broken: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.broken is None:
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.broken})


def broken_bodies(secret: str) -> list[bytes]:
    """Answers that cannot be read, each with the secret where the reading stops."""
    return [
        f'{{"items": [{{"id": {{"rawConfig": "{secret}"}}}}], "endCursor": null}}'.encode(),
        f'{{"items": "{secret}"}}'.encode(),
        f'["{secret}'.encode(),
        f'{{"error": "{secret}", "detail": "{secret}"}}'.encode(),
        secret.encode() + b"\xff\x00",
    ]


async def test_no_secret_gets_out(log: io.StringIO, clock: Clock) -> None:
    """Not on the page, in the log at debug level, in an error, nor through a body that cannot be read."""
    clock.catch_up()
    world = World(clock=clock, seed=5)
    plant(world)
    wrong = world.make.project_token(world.project_id)
    breaking = Breaking(world)
    sock, stop = listen("127.0.0.1:0"), asyncio.Event()
    async with serving(breaking) as url, httpx.AsyncClient(base_url=url_of(sock)) as client:
        text = CONFIG.format(url=url, token=world.project_token, wrong=wrong)
        config = parse(text, {"calyptia": KINDS["calyptia"].config}, environ={}, folder=Path())
        running = asyncio.create_task(Application(config).serve([sock], stop))
        pages = [repr(config), await page_with(client, "pipeline_trace_last_record_timestamp_seconds{")]
        for body in broken_bodies(world.planted_secret):
            breaking.broken = body
            await asyncio.sleep(0.3)
            pages.append((await client.get("/metrics")).text)
        stop.set()
        await running
    seen = "\n".join([*pages, log.getvalue()])
    assert 'reason="bad_response"' in seen
    assert "a task failed" in log.getvalue()
    for secret in (world.planted_secret, world.project_token, wrong):
        assert secret not in seen
        assert secret[:20] not in seen


async def page_with(client: httpx.AsyncClient, sample: str) -> str:
    """The metrics page, once this is on it."""
    for _ in range(200):
        page = (await client.get("/metrics")).text
        if sample in page:
            return page
        await asyncio.sleep(0.05)
    raise AssertionError(f"{sample} does not come:\n{page[-3000:]}")


async def test_no_error_shows_a_secret(clock: Clock) -> None:
    """Nor does the whole chain of causes of an error, as a traceback would print it."""
    world = World(clock=clock, seed=6)
    breaking = Breaking(world)
    async with serving(breaking) as url:
        reading = Reading(config_of({"url": url, "project_token": world.project_token}))
        for body in broken_bodies(world.planted_secret):
            breaking.broken = body
            with pytest.raises(Exception) as caught:  # noqa: PT011 (whatever it is)
                await reading.run("poll")
            text = "".join(traceback.format_exception(caught.value))
            assert world.planted_secret not in text
            assert world.project_token not in text
        await reading.source.aclose()
