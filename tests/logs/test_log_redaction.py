"""What looks like a credential in a log line is read by nobody: each shape, and a planted one looked for everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from exporter.sources.feldera.logs.redact import redacted
from tests.e2e.harness import Exporter, app_of, immediate_world, serving
from tests.logs.running import logging_exporter, planted

KEY = "Zk3vN8qLw2XyRt5uPbA7"

SHOWN: dict[str, str] = {
    # names that say it
    f"password={KEY}": "password=<redacted>",
    f"password = '{KEY} with spaces'": "password = <redacted>",
    f'{{"password": "{KEY}\\" {KEY}"}}': '{"password": <redacted>}',
    f"POSTGRES_PASSWORD={KEY}, next=1": "POSTGRES_PASSWORD=<redacted>, next=1",
    f"sasl.password: {KEY}": "sasl.password: <redacted>",
    f"ssl.key.password -> secret => {KEY}": "ssl.key.password -> secret => <redacted>",
    f"aws_secret_access_key={KEY}": "aws_secret_access_key=<redacted>",
    f"apiKey={KEY}&page=2": "apiKey=<redacted>&page=2",
    f"authToken: {KEY}": "authToken: <redacted>",
    f"secret := {KEY}": "secret := <redacted>",
    f"url?sig={KEY}&se=2026": "url?sig=<redacted>&se=2026",
    f"Cookie: session={KEY}": "Cookie: <redacted>",
    # HTTP
    f"Authorization: Bearer {KEY}": "Authorization: Bearer <redacted>",
    f"authorization: Basic {KEY}==": "authorization: Basic <redacted>",
    f"header Bearer apikey:{KEY}": "header Bearer <redacted>",
    # URLs
    f"kafka://me:{KEY}@broker:9092/t": "kafka://<redacted>@broker:9092/t",
    f"postgres://{KEY}@db/x": "postgres://<redacted>@db/x",
    # shapes
    f"key apikey:{KEY}, no": "key apikey:<redacted>, no",
    "id AKIAIOSFODNN7EXAMPLE.": "id <redacted>.",
    f"ghp_{KEY} glpat-{KEY} xoxb-{KEY}": "<redacted> <redacted> <redacted>",
    f"sk_live_{KEY}": "<redacted>",
    f"eyJhbGciOiJIUzI1NiJ9.{KEY}.{KEY}": "<redacted>",
    f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY----- end": "<redacted> end",
    f"-----BEGIN PRIVATE KEY----- {KEY}": "<redacted>",
    # what is none
    "connection to broker-1:9092 refused": "connection to broker-1:9092 refused",
    "token expired": "token expired",
    "the author: somebody": "the author: somebody",
    "compass=north, bypass: yes": "compass=north, bypass: yes",
    "https://feldera.example.com/a@b": "https://feldera.example.com/a@b",
    "basic tests of digest values": "basic tests of digest values",
    "0 tokens; 12 secrets read": "0 tokens; 12 secrets read",
}


@pytest.mark.parametrize("text", SHOWN)
def test_each_shape(text: str) -> None:
    """A credential gives way to a word that says so; what stands around it stays, and what is none stays whole."""
    assert redacted(text) == SHOWN[text]
    assert KEY not in redacted(text)


@pytest.mark.parametrize("text", SHOWN)
def test_redacting_twice_changes_nothing(text: str) -> None:
    """What is redacted looks like no credential."""
    assert redacted(SHOWN[text]) == SHOWN[text]


async def test_a_planted_credential_is_nowhere(tmp_path: Path) -> None:
    """Neither a line nor what it hides is on the page, in our own log at its most talkative, or in the state file."""
    world, state = immediate_world(), tmp_path / "state.db"
    options = ("--log.level=debug",)
    async with serving(app_of(world)) as url, logging_exporter(url, tmp_path, *options) as (running, process):
        await running.until(lambda page: page.value("pipeline_log_stream_up") == 1)
        world.log("orders", *planted())
        page = await running.until(lambda page: (page.value("pipeline_log_lines_total") or 0) >= len(planted()))
        assert page.value("pipeline_log_lines_total", level="error") == 3
        shown = page.text + await everything_shown(running)
        process.process.terminate()
        own = await process.output()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith(state.name))
    assert kept
    assert "level=debug" in own
    for hidden in ("hunter2", "s3cr3t", "unmistakable words"):
        assert hidden not in page.text
        assert hidden not in own
        assert hidden.encode() not in kept
    assert "hunter2" not in shown
    assert "s3cr3t" not in shown


async def everything_shown(running: Exporter) -> str:
    """Every page for people that the exporter has and that a first page links to."""
    seen, queue, text = {"/"}, ["/"], ""
    while queue and len(seen) < 50:
        response: httpx.Response = await running.get(queue.pop())
        text += response.text
        for path in re.findall(r'href="(/[^"#]*)"', response.text):
            if path not in seen:
                seen.add(path)
                queue.append(path)
    return text
