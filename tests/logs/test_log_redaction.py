"""What looks like a credential in a log line is read by nobody: each shape, and a planted one looked for everywhere."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest

from exporter.sources.feldera.logs.redact import for_people, redacted
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
    f"Set-Cookie: a=1; session={KEY}; Path=/": "Set-Cookie: <redacted>",
    # names with anything before them, and names that stand in something
    f"PGPASSWORD={KEY} dbpassword={KEY}": "PGPASSWORD=<redacted> dbpassword=<redacted>",
    f"mypassword: {KEY}": "mypassword: <redacted>",
    f"userpass={KEY} dbpass={KEY}": "userpass=<redacted> dbpass=<redacted>",
    f"config['password'] = {KEY}": "config['password'] = <redacted>",
    f"password                : {KEY}": "password                : <redacted>",
    f"x\\npwd={KEY}": "x\\npwd=<redacted>",
    # escaped, as Rust's {:?} and JSON within JSON have it
    f'"{{\\"password\\":\\"{KEY} {KEY}\\",\\"user\\":1}}"': '"{\\"password\\":<redacted>,\\"user\\":1}"',
    f'\\\\\\"token\\\\\\": \\\\\\"a\\" {KEY}\\\\\\".': '\\\\\\"token\\\\\\": <redacted>.',
    # pairs, and values in something
    f'("password", "{KEY} {KEY}")': '("password", <redacted>)',
    f"['sasl.password', '{KEY}']": "['sasl.password', <redacted>]",
    f'(Some("token"), Some("{KEY}"))': '(Some("token"), Some(<redacted>))',
    f'Config {{ password: Some("{KEY} )b{KEY}"), user: "x" }}': 'Config { password: <redacted>), user: "x" }',
    f'credentials: ("me", "{KEY}")': "credentials: <redacted>)",
    f'secret: Secret {{ inner: "{KEY}" }}': "secret: <redacted>}",
    f'password: b"{KEY} {KEY}"': "password: <redacted>",
    f"password=,{KEY}": "password=<redacted>",
    # options
    f"run --db.password {KEY} -x": "run --db.password <redacted> -x",
    f"run --secret-key '{KEY} {KEY}' -x": "run --secret-key <redacted> -x",
    f"password {KEY} refused": "password <redacted> refused",
    # HTTP
    f"Authorization: Bearer {KEY}": "Authorization: Bearer <redacted>",
    f"authorization: Basic {KEY}==": "authorization: Basic <redacted>",
    f"header Bearer apikey:{KEY}": "header Bearer <redacted>",
    f"Authorization: Token {KEY} sent": "Authorization: Token <redacted> sent",
    f"Authorization: ApiKey {KEY}": "Authorization: ApiKey <redacted>",
    f"Authorization: Hmac-X {KEY} sent": "Authorization: <redacted> sent",
    f"Authorization: {KEY}": "Authorization: <redacted>",
    f"X-Token: Bearer {KEY}, token: Token {KEY}": "X-Token: Bearer <redacted>, token: Token <redacted>",
    "Authorization: Bearer a1": "Authorization: Bearer <redacted>",
    f'{{"authorization": "Bearer {KEY}", "a": 1}}': '{"authorization": "Bearer <redacted>", "a": 1}',
    f'{{"authorization": "Hmac {KEY}", "a": 1}}': '{"authorization": <redacted>, "a": 1}',
    f'("Proxy-Authorization", "Token {KEY}")': '("Proxy-Authorization", <redacted>)',
    f"bearer: {KEY}": "bearer: <redacted>",
    # URLs
    f"kafka://me:{KEY}@broker:9092/t": "kafka://<redacted>@broker:9092/t",
    f"postgres://{KEY}@db/x": "postgres://<redacted>@db/x",
    f"postgresql://u:p@ss{KEY}@db/x": "postgresql://<redacted>@db/x",
    f"postgresql://u:p/{KEY}@db/x": "postgresql://<redacted>@db/x",
    f"https://u:{KEY}@db:80/x?y@z": "https://<redacted>@z",
    f"https://hooks.slack.com/services/T0/B0/{KEY}": "https://hooks.slack.com/services/<redacted>",
    # shapes
    f"key apikey:{KEY}, no": "key apikey:<redacted>, no",
    "id AKIAIOSFODNN7EXAMPLE.": "id <redacted>.",
    f"ghp_{KEY} glpat-{KEY} xoxb-{KEY}": "<redacted> <redacted> <redacted>",
    f"sk_live_{KEY}": "<redacted>",
    f"eyJhbGciOiJIUzI1NiJ9.{KEY}.{KEY}": "<redacted>",
    f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n-----END RSA PRIVATE KEY----- end": "<redacted> end",
    f"-----BEGIN PRIVATE KEY----- {KEY}": "<redacted>",
    f"-----BEGIN PGP PRIVATE KEY BLOCK----- {KEY} -----END PGP PRIVATE KEY BLOCK----- end": "<redacted> end",
    f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ---- {KEY}": "<redacted>",
    f"gho_{KEY} github_pat_{KEY} glrt-{KEY} xapp-{KEY}": "<redacted> <redacted> <redacted> <redacted>",
    f"hf_{KEY} npm_{KEY} sk-ant-api03-{KEY}": "<redacted> <redacted> <redacted>",
    f"AIza{KEY} ya29.{KEY} whsec_{KEY}": "<redacted> <redacted> <redacted>",
    f"pypi-AgEI{KEY} dckr_pat_{KEY} hvs.{KEY}": "<redacted> <redacted> <redacted>",
    f"SG.{KEY}.{KEY} AGE-SECRET-KEY-1{KEY}": "<redacted> <redacted>",
    f"dop_v1_{'0af1' * 16} dapi{'0af1' * 8}": "<redacted> <redacted>",
    f"first\\nghp_{KEY}": "first\\n<redacted>",
    # what is none
    "connection to broker-1:9092 refused": "connection to broker-1:9092 refused",
    "token expired": "token expired",
    "the author: somebody": "the author: somebody",
    "compass=north, bypass: yes": "compass=north, bypass: yes",
    "https://feldera.example.com/a@b": "https://feldera.example.com/a@b",
    "basic tests of digest values": "basic tests of digest values",
    "0 tokens; 12 secrets read": "0 tokens; 12 secrets read",
    "http://db:8080/a@b": "http://db:8080/a@b",
    "https://db:8080?x=a@b": "https://db:8080?x=a@b",
    "task-1234567890123456 of disk-usage-statistics": "task-1234567890123456 of disk-usage-statistics",
    "npm_config_registry_of_the_proxy, hf_hub": "npm_config_registry_of_the_proxy, hf_hub",
    "-----BEGIN CERTIFICATE----- MIIE": "-----BEGIN CERTIFICATE----- MIIE",
    "authorization denied; cookies are off": "authorization denied; cookies are off",
    "naïve İstanbul ſ token: 世界": "naïve İstanbul ſ token: <redacted>",
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


FRAGMENTS = (
    "-", "--", "a-", "a.", "a", "\\", '"', '\\"', "'", " ", "=", ":", ",", ";", "(", "{", "Some(", "://", "ab://", "@",
    "/", "password", "password=", 'password="', "password (", '"password",', "token is ", "token 1", "--api", "--api ",
    "_token", "authorization: ", "authorization: a ", "cookie: a; ", "basic ", "session id", "secret access ", "u:p",
    "apikey:", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END ", "A ", "sk-", "eyJaaaaaa.",
    "SG.aaaaaaaaaaaaaaaa",
)  # fmt: skip
"""What hostile texts are made of."""


def seconds_for(text: str) -> float:
    """The least CPU that it takes."""
    times = []
    for _ in range(3):
        begin = time.process_time()
        redacted(text)
        times.append(time.process_time() - begin)
    return min(times)


def is_linear(begin: str, part: str, end: str) -> bool:
    """Whether four times the text takes no more than ten times as long; sixteen times would be quadratic."""
    short, long = (seconds_for(begin + part * (size // len(part)) + end) for size in (2_000, 8_000))
    return long < 10 * short + 0.005


@pytest.mark.parametrize("part", FRAGMENTS)
@pytest.mark.parametrize("begin", ["", "--", "password", "password=", '"', "postgres://u:", "-----BEGIN "])
def test_a_hostile_text_takes_time_by_its_length(begin: str, part: str) -> None:
    """No expression tries everything again at each place."""
    assert is_linear(begin, part, "")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"password\0=\0{KEY}", "password = <redacted>"),
        (f"password\t:\r{KEY}", "password : <redacted>"),
        (f"\x1b[3mpassword\x1b[0m\x1b[2m=\x1b[0m{KEY}", "password=<redacted>"),
        (f"pass\x1b(Bword=\x1b]8;;http://x\x07{KEY}", "password=<redacted>"),
        (f"password\\u001b[0m=\\x1b[2m{KEY}", "password=<redacted>"),
        (f"token=\u200b{KEY}", "token= <redacted>"),
        (f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\nend", "<redacted> end"),
    ],
)
def test_what_no_eye_sees_hides_nothing(text: str, seen: str) -> None:
    """Colours and control characters go before credentials are looked for."""
    assert for_people(text) == seen


def test_a_long_text() -> None:
    """Its beginning is shown; what is cut off hides no credential that is cut in two."""
    assert for_people("x" * 1_000) == "x" * 1_000
    assert for_people("x" * 1_001) == "x" * 1_000 + "…"
    assert for_people("x " * 1_000_000) == "x " * 500 + "…"
    key = f"-----BEGIN PRIVATE KEY----- {'x' * 1_500} -----END PRIVATE KEY-----"
    cut = f"postgres://u:{KEY * 30}"  # its @ is beyond what is looked at
    assert for_people(f"{key} then {cut}@db") == "<redacted> then…"


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
