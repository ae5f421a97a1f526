"""What stands in front of the endpoints, over real sockets."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import bcrypt
import pytest
import structlog

from exporter.config.units import Duration
from exporter.web.guard import Bucket, Guard
from exporter.web.watched import WatchedConfig
from exporter.web.webconfig import RateLimit
from tests.guard.served import HASH, PASSWORD, Answer, ask, hang_up, large, open_to, replace, request, serving, write


def basic(user: str = "alice", password: str = PASSWORD) -> str:
    """The header that a client sends."""
    return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A web config file that asks for a password."""
    return write(tmp_path, basic_auth_users={"alice": HASH})


async def test_every_path_asks_for_the_password(web: Path) -> None:
    """With it 200, without it 401 and how to send it: also for what is not there."""
    async with serving(web=web) as (port, _):
        for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/none", "/metrics?a=b", "*"):
            without = await ask(port, f"GET {path} HTTP/1.1")
            with_it = await ask(port, f"GET {path} HTTP/1.1", basic())
            assert (without.status, without.headers["www-authenticate"]) == (401, "Basic")
            assert without.body == b"a user and a password are needed\n"
            assert (with_it.status, with_it.body) == (200, b"hello")


REFUSED: dict[str, str | bytes] = {
    "wrong password": basic(password="guess"),
    "unknown user": basic(user="mallory"),
    "no password": basic(password=""),
    "another scheme": "Authorization: Bearer abc",
    "no scheme": f"Authorization: {base64.b64encode(b'alice:x').decode()}",
    "not base64": "Authorization: Basic !!!!",
    "no colon": f"Authorization: Basic {base64.b64encode(b'alice').decode()}",
    "nothing": "Authorization: ",
    "not UTF-8 inside": b"Authorization: Basic " + base64.b64encode(b"al\xffce:\xff\xfe"),
    "not ASCII": b"Authorization: Basic \xff\xfe\xfd",
    "too long for bcrypt": basic(password="x" * 5000),
}


async def test_who_is_refused(web: Path) -> None:
    """401, whatever is sent, and the server goes on."""
    async with serving(web=web) as (port, _):
        statuses = {case: (await ask(port, "GET / HTTP/1.1", field)).status for case, field in REFUSED.items()}
        assert (await ask(port, "GET / HTTP/1.1", basic())).status == 200
    assert statuses == dict.fromkeys(REFUSED, 401)


async def test_two_headers_are_refused(web: Path) -> None:
    """Nobody can say which of them counts."""
    async with serving(web=web) as (port, _):
        assert (await ask(port, "GET / HTTP/1.1", basic(), basic(password="x"))).status == 401


async def test_the_scheme_is_written_as_one_likes(web: Path) -> None:
    """Schemes are compared without regard to case (RFC 9110)."""
    async with serving(web=web) as (port, _):
        assert (await ask(port, "GET / HTTP/1.1", basic().replace("Basic", "bAsIc"))).status == 200


async def test_head_is_answered_without_a_body(web: Path) -> None:
    """Both when it is let through and when it is not."""
    async with serving(web=web) as (port, _):
        for fields, status, length in (((), 401, "33"), ((basic(),), 200, "5")):
            answer = await ask(port, "HEAD / HTTP/1.1", *fields)
            assert (answer.status, answer.headers["content-length"], answer.body) == (status, length, b"")


async def test_a_new_password_counts_at_once_on_an_open_connection(web: Path) -> None:
    """The file is looked at with every request: the old password ends, the new one begins, without a restart."""
    new = bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()
    async with serving(web=web) as (port, _):
        reader, writer = await open_to(port)
        statuses = []
        for fields in (basic(), basic(), basic(password="new")):
            writer.write(request("HEAD / HTTP/1.1", fields))
            statuses.append(Answer(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).status)
            replace(web, f"basic_auth_users: {{alice: '{new}'}}")
        await hang_up(writer)
    assert statuses == [200, 401, 200]


async def test_a_broken_file_keeps_the_old_one_and_is_told_once(web: Path) -> None:
    """A slip of the pen locks nobody out, lets nobody in and does not fill the log."""
    async with serving(web=web) as (port, _):
        with structlog.testing.capture_logs() as lines:
            replace(web, "basic_auth_users: {alice: secret}")
            for _ in range(3):
                assert (await ask(port, "GET / HTTP/1.1", basic())).status == 200
                assert (await ask(port)).status == 401
            web.unlink()
            assert [(await ask(port)).status for _ in range(3)] == [401] * 3
            replace(web, "{}")
            assert [(await ask(port)).status for _ in range(3)] == [200] * 3
    kept = "the web config file cannot be used; the old one goes on"
    wrong = "basic_auth_users.alice: is not a bcrypt hash; make one with: htpasswd -nBC 10 ''"
    assert lines == [
        {"event": kept, "log_level": "error", "problems": [f"{web}: {wrong}"]},
        {"event": kept, "log_level": "error", "problems": [f"{web}: cannot be read: No such file or directory"]},
        {"event": "web config file loaded", "log_level": "info", "file": str(web)},
    ]


async def test_headers_are_added_to_every_answer(tmp_path: Path) -> None:
    """Also to those that refuse; one of the application with the same name gives way, an empty one is left out."""
    headers = {"X-Frame-Options": "deny", "Content-Security-Policy": "default-src 'self'", "X-XSS-Protection": ""}
    web = write(tmp_path, basic_auth_users={"alice": HASH}, http_server_config={"http2": True, "headers": headers})
    async with serving(web=web) as (port, _):
        for answer in (await ask(port), await ask(port, "GET / HTTP/1.1", basic())):
            assert answer.headers["x-frame-options"] == "deny"
            assert answer.headers["content-security-policy"] == "default-src 'self'"
            assert "x-xss-protection" not in answer.headers


async def test_rate_limit(tmp_path: Path) -> None:
    """A burst is let through, then one request every interval; what is too much is told when to come again."""
    web = write(tmp_path, rate_limit={"interval": "1h", "burst": 3})
    async with serving(web=web) as (port, _):
        answers = [await ask(port) for _ in range(5)]
        write(tmp_path, rate_limit={"interval": 0})
        assert (await ask(port)).status == 200
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "3600"


def test_a_bucket_fills_with_time() -> None:
    """One token every interval, and never more than the burst."""
    bucket = Bucket(RateLimit(interval=Duration(2), burst=2), 0.0)
    assert [bucket.take(now) for now in (0.0, 0.0, 0.0, 1.9, 2.1, 2.2, 1000.0, 1000.0, 1000.0)] == [
        True, True, False, False, True, False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 200_000, 262_144])
async def test_an_answer_in_pieces_is_whole(size: int) -> None:
    """Cut to what a slow client may hold, nothing is lost or sent twice."""
    body = bytes(range(256)) * 1024
    sent: list[dict[str, object]] = []

    async def app(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": body[:size], "more_body": False})  # type: ignore[operator]

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "raw_path": b"/", "query_string": b"", "headers": []}
    await Guard(app, WatchedConfig())(scope, None, send)  # type: ignore[arg-type]
    pieces = [message["body"] for message in sent[1:]]
    assert b"".join(pieces) == body[:size]  # type: ignore[arg-type]
    assert all(len(piece) <= 65536 for piece in pieces)  # type: ignore[arg-type]
    assert [bool(message.get("more_body")) for message in sent[1:]] == [True] * (len(pieces) - 1) + [False]


async def test_bodies() -> None:
    """Up to 1 MiB is read and dropped; more is 413, announced or not."""
    async with serving() as (port, _):
        post = "POST / HTTP/1.1"
        assert (await ask(port, post, "Content-Length: 1048576", body=bytes(2**20))).status == 200
        assert (await ask(port, post, "Content-Length: 0")).status == 200
        too_large = await ask(port, post, "Content-Length: 1048577")
        assert (too_large.status, too_large.body) == (413, b"the body is larger than 1048576 bytes\n")
        chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
        assert (await ask(port, post, "Transfer-Encoding: chunked", body=chunk * 16 + b"0\r\n\r\n")).status == 200
        assert (await ask(port, post, "Transfer-Encoding: chunked", body=chunk * 17)).status == 413
        expecting = await ask(port, post, "Expect: 100-continue", "Content-Length: 1", body=b"x")
        assert expecting.status in (100, 200)


async def test_a_refused_client_is_not_listened_to(web: Path) -> None:
    """Who may not look may not send a body either: the answer comes before it, and ends the connection."""
    async with serving(web=web) as (port, _):
        reader, writer = await open_to(port)
        writer.write(request("POST / HTTP/1.1", "Content-Length: 1000"))
        answer = Answer(await asyncio.wait_for(reader.read(), 20))
        await hang_up(writer)
    assert (answer.status, answer.headers["connection"]) == (401, "close")


async def test_a_large_answer_arrives_whole(web: Path) -> None:
    """Thirty megabytes, behind the guard."""
    async with serving(large(30_000_000), web=web) as (port, _):
        answer = await ask(port, "GET / HTTP/1.1", basic())
    assert (answer.status, len(answer.body)) == (200, 30_000_000)
