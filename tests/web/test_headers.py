"""What every page, file and answer of the API tells the browser, and that nothing of it can be changed."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.web.boards import FakeBoard, client, pipeline, source
from tests.web.markup import Page

PAGES = ["/", "/pipelines/prod/id-orders", "/pipelines/prod/none", "/?page=0", "/nothing"]
TYPES = ("text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml")
OTHERS = ["/config", "/api/v1/pipelines", "/api/v1/pipelines/prod/id-orders/events", "/api/v1/nothing"]


async def answer(method: str, path: str) -> httpx.Response:
    """An answer of an exporter with one pipeline."""
    async with await client(FakeBoard(source(pipeline()))) as browser:
        return await browser.request(method, path)


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_locked_down(path: str) -> None:
    """Scripts from our files alone, no frame, no other host, nothing kept; also on pages that say what went wrong."""
    headers = (await answer("GET", path)).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", [*OTHERS, "/metrics", "/-/healthy", "/api/v1/openapi.yaml", "/static/style.css"])
async def test_nothing_but_our_file_is_a_script(path: str) -> None:
    """What carries words of others cannot be had as a script: it says that it is none, and is taken at its word."""
    headers = (await answer("GET", path)).headers
    assert "script" not in headers["content-type"]
    assert path.startswith(("/metrics", "/-/")) or headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", OTHERS)
async def test_what_is_no_page_is_not_taken_for_one(path: str) -> None:
    """Text and JSON are what they say, and true only now."""
    headers = (await answer("GET", path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] in ("text/plain; charset=utf-8", "application/json")


@pytest.mark.parametrize("path", PAGES + OTHERS + ["/static/style.css", "/api/v1/openapi.yaml"])
async def test_head(path: str) -> None:
    """HEAD tells what GET would send, without sending it."""
    got, head = await answer("GET", path), await answer("HEAD", path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert {**head.headers, "content-length": ""} == {**got.headers, "content-length": ""}


@pytest.mark.parametrize("path", [PAGES[0], PAGES[1], "/config", *OTHERS[1:3], "/static/style.css"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_they_are_only_read(method: str, path: str) -> None:
    """Another method gets 405 and is told which ones there are."""
    response = await answer(method, path)
    assert response.status_code == 405
    assert {name.strip() for name in response.headers["allow"].split(",")} == {"GET", "HEAD"}


async def test_files_are_named_by_what_is_in_them() -> None:
    """A browser keeps them for ever and never has an old one, because the address changes with the content."""
    async with await client(FakeBoard()) as browser:
        page = Page((await browser.get("/")).text)
        for link in (*page.attributes("link", "href"), *page.attributes("script", "src")):
            assert re.fullmatch(r"/static/[\w.]+\?v=[0-9a-f]{16}", link)
            found = await browser.get(link)
            assert found.status_code == 200
            assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert found.headers["content-type"] in TYPES


@pytest.mark.parametrize("path", ["/static/", "/static/none.css", "/static/..%2fapp.py", "/static/../app.py"])
async def test_only_those_files(path: str) -> None:
    """Nothing else can be had by a path."""
    assert (await answer("GET", path)).status_code == 404
