"""The endpoints: bodies, codes, headers, and what is not there."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from exporter.metrics.exposition import Body, FamilyBody, Piece
from exporter.metrics.own import OwnMetrics
from exporter.metrics.publish import Publisher
from exporter.metrics.text import Header
from exporter.web.app import create_app

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
BODY = Body((FamilyBody(Header("a_total", "counter", "Help."), (Piece([b"a_total 1\n"]),)),), 1)


class FakeStatus:
    """An exporter that is as the test says."""

    def __init__(self) -> None:
        self.reason = ""
        self.problem = ""
        self.reloads = 0

    def not_ready(self) -> str:
        return self.reason

    async def reload(self) -> str:
        self.reloads += 1
        return self.problem


@pytest.fixture
def status() -> FakeStatus:
    """An exporter that is well."""
    return FakeStatus()


@pytest.fixture
async def publisher() -> Publisher:
    """A publisher of BODY."""
    made = Publisher(lambda: BODY, OwnMetrics())
    await made.publish()
    return made


@pytest.fixture
async def open_client(status: FakeStatus, publisher: Publisher) -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Makes a client of the app; identity text is what it asks for unless told otherwise."""
    clients: list[httpx.AsyncClient] = []

    def make(**options: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(create_app(publisher, status, **options))
        headers = {"accept-encoding": "identity"}
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://exporter", headers=headers))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def client(open_client: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    """A client of the app as it is by default."""
    return open_client()


TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "content_type", "begin"),
    [
        ("*/*", TEXT, "# HELP a_total Help.\n# TYPE a_total counter\na_total 1\n# HELP pipeline_exporter_"),
        (PROMETHEUS, OPENMETRICS, "# HELP a Help.\n# TYPE a counter\na_total 1\n# HELP pipeline_exporter_"),
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "gzip;q=0", "deflate, br"])
async def test_metrics_in_every_form(
    client: httpx.AsyncClient, accept: str, content_type: str, begin: str, encoding: str
) -> None:
    """Format by Accept, compression by Accept-Encoding, with the length and what the answer depends on."""
    headers = {"accept": accept, "accept-encoding": encoding}
    async with client.stream("GET", "/metrics", headers=headers) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    packed = encoding == "gzip"
    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert response.headers["vary"] == "accept, accept-encoding"
    assert response.headers.get("content-encoding") == ("gzip" if packed else None)
    assert int(response.headers["content-length"]) == len(raw)
    text = (gzip.decompress(raw) if packed else raw).decode()
    assert text.startswith(begin)
    if content_type == OPENMETRICS:
        assert len(list(parse_openmetrics(text))) > 1


async def test_head_has_the_headers_and_no_body(client: httpx.AsyncClient) -> None:
    """HEAD tells what GET would send."""
    (await client.get("/metrics"), await client.get("/metrics"))  # the size of the page is on the page: let it settle
    got, head = await client.get("/metrics"), await client.head("/metrics")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == got.headers


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_pages_are_only_read(client: httpx.AsyncClient, method: str, path: str) -> None:
    """Another method gets 405 and is told which ones there are."""
    response = await client.request(method, path)
    assert response.status_code == 405
    assert {name.strip() for name in response.headers["allow"].split(",")} == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/nothing", "/metric", "/metricsx", "/-/", "/-/quit", "/..%2fetc"])
async def test_what_is_not_there_is_404(client: httpx.AsyncClient, path: str) -> None:
    """No page answers for another one."""
    assert (await client.get(path)).status_code == 404


async def test_healthy_and_ready(client: httpx.AsyncClient, status: FakeStatus) -> None:
    """Healthy whatever happens; ready, or not with the reason."""
    ready = await client.get("/-/ready")
    assert (ready.status_code, ready.text) == (200, "pipeline-exporter is ready.\n")
    status.reason = "not tried yet: prod"
    ready, healthy = await client.get("/-/ready"), await client.get("/-/healthy")
    assert (ready.status_code, ready.text) == (503, "pipeline-exporter is not ready: not tried yet: prod.\n")
    assert (healthy.status_code, healthy.text) == (200, "pipeline-exporter is healthy.\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
async def test_there_is_no_reload_by_default(client: httpx.AsyncClient, status: FakeStatus, method: str) -> None:
    """The lifecycle endpoint must be asked for."""
    assert (await client.request(method, "/-/reload")).status_code == 404
    assert status.reloads == 0


async def test_reload_when_enabled(open_client: Callable[..., httpx.AsyncClient], status: FakeStatus) -> None:
    """POST and PUT reload; what is wrong with the file is said with 500; GET does nothing."""
    client = open_client(enable_lifecycle=True)
    done = [await client.request(method, "/-/reload") for method in ("POST", "PUT")]
    assert [(response.status_code, response.text) for response in done] == [(200, ""), (200, "")]
    status.problem = "stale_after: must be above 0s"
    failed = await client.post("/-/reload")
    assert (failed.status_code, failed.text) == (500, "stale_after: must be above 0s\n")
    assert (await client.get("/-/reload")).status_code == 405
    assert status.reloads == 3


async def test_the_metrics_may_be_elsewhere(open_client: Callable[..., httpx.AsyncClient]) -> None:
    """Another telemetry path is served, linked from the start page, and the usual one is not there."""
    client = open_client(telemetry_path="/a&b")
    assert (await client.get("/a&b")).text.startswith("# HELP a_total")
    assert (await client.get("/metrics")).status_code == 404
    assert '<a href="/a&amp;b">' in (await client.get("/")).text


async def test_the_start_page_links_to_the_others(client: httpx.AsyncClient) -> None:
    """Whoever opens the address in a browser finds the metrics."""
    response = await client.get("/")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for path in ("/metrics", "/-/healthy", "/-/ready"):
        assert f'<a href="{path}">' in response.text
