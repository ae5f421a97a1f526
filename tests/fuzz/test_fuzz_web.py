"""Any request to the exporter's own port: an answer, never an error of ours, and nothing of it comes back as markup."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Scope

from exporter.web.guard import Guard
from exporter.web.watched import WatchedConfig
from tests.fuzz.budget import fuzz
from tests.web.boards import application, full

NAME = "orders <b>&\"'"
MARK = "<script>alert(1)</script>"
PATHS = st.one_of(
    st.sampled_from(
        ["/", "/metrics", "/config", "/-/healthy", "/-/ready", "/-/reload", "/api/v1/pipelines", "/api/v1/openapi.yaml",
         "/static/style.css", "/static/../app.py", f"/pipelines/prod/{NAME}", f"/api/v1/pipelines/prod/{NAME}/events",
         "/pipelines//", "/pipelines/prod/", f"/pipelines/{MARK}/x", f"/pipelines/prod/{MARK}", f"/api/v1/{MARK}",
         "//", "/..", "/metrics/", "/\0", "*"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30).map("/".__add__),
)  # fmt: skip
PARAMETERS = st.sampled_from(["q", "source", "health", "range", "page", "page_size", "limit", "refresh", "x", MARK])
VALUES = st.one_of(
    st.sampled_from(["", "0", "1", "-1", "9" * 30, "1e3", "off", "prod", "failed", "24h", MARK, '"onload=x', "%00"]),
    st.text(max_size=20),
)
QUERIES = st.one_of(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40).map(str.encode),
    st.lists(st.tuples(PARAMETERS, VALUES), max_size=4).map(
        lambda pairs: "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs).encode()
    ),
)
"""Visible ASCII, as h11 demands of a request's target; anything else never reaches the application."""

HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"accept", b"accept-encoding", b"authorization", b"host", b"cookie", b"x"]),
        st.one_of(
            st.sampled_from(
                [b"gzip", b"gzip;q=0", b"application/openmetrics-text;version=1.0.0;q=nan", b"*/*;q=1e999",
                 b"Basic Og==", b"Basic !", b"Basic " + b"A" * 200, b"0", b"," * 500, b"\xff", b""]
            ),
            st.binary(max_size=30),
        ),
    ),
    max_size=5,
)  # fmt: skip
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "X"])


class Port:
    """The whole application behind its guard, asked without a socket."""

    def __init__(self, runner: asyncio.Runner, app: ASGIApp) -> None:
        self._runner = runner
        self._app = app

    def ask(self, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[int, Any, bytes]:
        """Status, headers and body of the answer."""
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "root_path": "",
            "query_string": query,
            "headers": headers,
            "server": ("127.0.0.1", 10777),
            "client": ("127.0.0.1", 1),
        }
        sent: list[Message] = []
        self._runner.run(self._exchange(scope, sent))
        start, *rest = sent
        return start["status"], start["headers"], b"".join(message.get("body", b"") for message in rest)

    async def _exchange(self, scope: Scope, sent: list[Message]) -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def port() -> Iterator[Port]:
    """An exporter that anybody may ask, with a pipeline whose texts are markup."""
    with asyncio.Runner() as runner:
        yield Port(runner, Guard(runner.run(application(full(NAME))), WatchedConfig()))


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Port]:
    """The same, with a password."""
    path: Path = tmp_path_factory.mktemp("web") / "web.yml"
    path.write_text(f"basic_auth_users: {{alice: '{bcrypt.hashpw(b'sesame', bcrypt.gensalt(4)).decode()}'}}")
    with asyncio.Runner() as runner:
        yield Port(runner, Guard(runner.run(application(full(NAME))), WatchedConfig(path)))


@fuzz(3)
@given(method=METHODS, path=PATHS, query=QUERIES, headers=HEADERS)
def test_any_request_has_an_answer(
    port: Port, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """No request is an error of the exporter, and what was asked never comes back as markup."""
    status, answered, body = port.ask(method, path, query, headers)
    assert 200 <= status < 500
    kind = dict(answered).get(b"content-type", b"")
    if kind.startswith(b"text/html"):
        assert MARK.encode() not in body
        assert b"<b>&" not in body
        assert not re.search(rb'<script(?! src="/static/refresh\.js\?v=[0-9a-f]{16}" )|\son\w+=', body)
        assert b"default-src 'none'" in dict(answered)[b"content-security-policy"]


@fuzz(1)
@given(method=METHODS, path=PATHS, query=QUERIES, headers=HEADERS)
def test_nothing_is_told_without_the_password(
    locked: Port, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    """With users configured every request without the right password is refused, and learns nothing."""
    status, _, body = locked.ask(method, path, query, headers)
    assert 400 <= status < 500
    assert b"orders" not in body
    assert len(body) < 200
