"""The log: one line an event, in both forms, and nothing of what must not be in it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest
import structlog

from exporter import logs
from exporter.config.units import Secret

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the process' logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    for name in ("httpx", "apscheduler", "uvicorn", "some.library"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(capsys: Captured) -> list[str]:
    """What was logged, with a time that stands still."""
    out, err = capsys.readouterr()
    assert out == ""
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "TIME", err).splitlines()


def test_lists_are_texts_in_logfmt_only(capsys: Captured) -> None:
    """Sentences one after another, and in JSON a list."""
    for format in ("logfmt", "json"):
        logs.configure(format="json" if format == "json" else "logfmt")
        structlog.get_logger("x").error("bad", problems=["a: is 'b'", "c"])
    logfmt, as_json = lines(capsys)
    assert logfmt == "ts=TIME level=error msg=bad problems=\"a: is 'b'; c\""
    assert json.loads(as_json)["problems"] == ["a: is 'b'", "c"]


def test_logfmt_lines(capsys: Captured) -> None:
    """Time, level and message come first; values with spaces or quotes are quoted."""
    logs.configure()
    log = structlog.get_logger("exporter.schedule")
    log.warning("a task failed", source="prod", err='HTTP status 503: "no"', tries=3)
    log.info("loaded", path="a=b", nothing=None)
    assert lines(capsys) == [
        r'ts=TIME level=warning msg="a task failed" source=prod err="HTTP status 503: \"no\"" tries=3',
        'ts=TIME level=info msg=loaded path="a=b" nothing=',
    ]


def test_json_lines(capsys: Captured) -> None:
    """One object a line, whatever the values are."""
    logs.configure(format="json")
    log = structlog.get_logger("exporter.schedule")
    log.warning("a task failed", source="prod", err="größe\nzwei", tries=3)
    log.info("loaded", token=Secret("s3cret"))
    assert [json.loads(line) for line in lines(capsys)] == [
        {"ts": "TIME", "level": "warning", "msg": "a task failed", "source": "prod", "err": "größe\nzwei", "tries": 3},
        {"ts": "TIME", "level": "info", "msg": "loaded", "token": "<secret>"},
    ]


@pytest.mark.parametrize("format", ["logfmt", "json"])
def test_libraries_log_in_the_same_form(capsys: Captured, format: str) -> None:
    """What the standard library's loggers say looks like what we say."""
    logs.configure(format="json" if format == "json" else "logfmt")
    logging.getLogger("some.library").warning("disk %s is full", "C:")
    expected = {
        "logfmt": 'ts=TIME level=warning msg="disk C: is full"',
        "json": '{"level": "warning", "ts": "TIME", "msg": "disk C: is full"}',
    }
    assert lines(capsys) == [expected[format]]


@pytest.mark.parametrize("format", ["logfmt", "json"])
@pytest.mark.parametrize("name", ["exporter.schedule", "some.library"])
def test_a_traceback_is_one_line(capsys: Captured, format: str, name: str) -> None:
    """An event is one line even when it carries an exception, from us or from a library."""
    logs.configure(format="json" if format == "json" else "logfmt")
    log = structlog.get_logger(name) if name.startswith("exporter") else logging.getLogger(name)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("failed")
    (line,) = lines(capsys)
    assert "level=error msg=failed" in line or '"level": "error"' in line
    assert "ValueError: two" in line
    assert "Traceback" in line


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warn", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_least_severity(capsys: Captured, level: str, shown: list[str]) -> None:
    """A level shows itself and what is worse, from us and from libraries."""
    assert level in logs.LEVELS
    logs.configure(level=level)
    for log in (structlog.get_logger("exporter.app"), logging.getLogger("some.library")):
        for name in ("debug", "info", "warning", "error"):
            getattr(log, name)("x")
        assert lines(capsys) == [f"ts=TIME level={name} msg=x" for name in shown]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_httpx_tells_no_url(capsys: Captured, level: str) -> None:
    """A request leaves no line: its URL might say too much, and there are many."""
    logs.configure(level=level)
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
        client.get("http://feldera/v0/pipelines?token=s3cret")
    assert lines(capsys) == []


def test_chatty_libraries_are_quiet(capsys: Captured) -> None:
    """APScheduler's two lines a run and uvicorn's start-up are left out; what goes wrong is not."""
    logs.configure()
    for name in ("apscheduler.executors.default", "apscheduler.scheduler", "uvicorn.error", "httpx"):
        logging.getLogger(name).info("chatter")
    logging.getLogger("apscheduler.scheduler").warning("skipped: maximum number of running instances reached")
    assert lines(capsys) == []
    for name in ("apscheduler.executors.default", "uvicorn.error", "httpx"):
        logging.getLogger(name).error("trouble")
    assert lines(capsys) == ["ts=TIME level=error msg=trouble"] * 3


def test_a_quiet_library_is_not_louder_than_we_are(capsys: Captured) -> None:
    """With ``--log.level=error`` a library's warning is not shown, whichever library it is."""
    logs.configure(level="error")
    for name in ("uvicorn.error", "httpx", "some.library"):
        logging.getLogger(name).warning("careful")
    assert lines(capsys) == []


def test_configuring_again_replaces(capsys: Captured) -> None:
    """A line comes once, in the form that was asked for last."""
    logs.configure(format="json")
    logs.configure(level="warn")
    structlog.get_logger("x").info("hidden")
    structlog.get_logger("x").warning("shown")
    assert lines(capsys) == ["ts=TIME level=warning msg=shown"]
