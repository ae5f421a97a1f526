"""What lines say: each form by itself, and any bytes at all against a reader that takes one line after the other."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import LogLevel, parse_time
from exporter.sources.feldera.logs.lines import LEVELS, Summary, summarize, time_of
from exporter.sources.feldera.logs.splitter import Splitter

T = "2026-01-01T00:00:00.000001Z"
AT = parse_time(T)


def said(level: str | None, **more: Any) -> bytes:
    """A line in JSON mode."""
    return json.dumps({"timestamp": T, "level": level, "target": "dbsp", **more}).encode()


FORMS: dict[str, tuple[bytes, LogLevel, float | None]] = {
    "manager": (f'[manager] {T}  INFO pipeline: said pipeline-id="x"'.encode(), "info", AT),
    "error": (f"[orders] {T} ERROR dbsp: no".encode(), "error", AT),
    "warn": (f"[orders] {T}  WARN dbsp: no".encode(), "warn", AT),
    "debug": (f"[orders] {T} DEBUG dbsp: no".encode(), "debug", AT),
    "trace": (f"[orders] {T} TRACE dbsp: no".encode(), "trace", AT),
    "whole second": (b"[orders] 2026-01-01T00:00:00Z  INFO dbsp: no", "info", parse_time("2026-01-01T00:00:00Z")),
    "several hosts": (f"[orders host=3] {T} ERROR dbsp: no".encode(), "error", AT),
    "colours": (f"[orders] \x1b[2m{T}\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mdbsp\x1b[0m: no".encode(), "error", AT),
    "a title, a character set": (f"[orders] \x1b]0;t\x07{T}\x1b(B ERROR dbsp: no".encode(), "error", AT),
    "colours of 24 bits": (f"[orders] {T} \x1b[38:2:1:2:3mERROR\x1b[m dbsp: no".encode(), "error", AT),
    "CRLF": (f"[orders] {T}  WARN dbsp: no\r".encode(), "warn", AT),
    "invalid UTF-8": (f"[orders] {T}  INFO dbsp: ".encode() + b"\xff\xfe\x80", "info", AT),
    "two megabytes": (f"[orders] {T}  INFO dbsp: ".encode() + b"x" * 2_000_000, "info", AT),
    "no name": (f"[] {T}  INFO dbsp: no".encode(), "info", AT),
    "no prefix": (f"{T}  INFO dbsp: no".encode(), "unknown", None),
    "no time": (b"[orders] ERROR dbsp: no", "unknown", None),
    "no such time": (b"[orders] yesterdayZ ERROR dbsp: no", "unknown", None),
    "no such day": (b"[orders] 2026-13-41T00:00:00Z ERROR dbsp: no", "error", None),
    "a prefix that never ends": (f"[orders {T} ERROR dbsp: no".encode(), "unknown", None),
    "indented": (f" [orders] {T} ERROR dbsp: no".encode(), "unknown", None),
    "no such level": (f"[orders] {T} FATAL dbsp: no".encode(), "unknown", None),
    "a word that begins like a level": (f"[orders] {T} ERRORS dbsp: no".encode(), "unknown", None),
    "empty": (b"", "unknown", None),
    "blank": (b" \t\r", "unknown", None),
    "panic": (b"thread 'dbsp-worker-0' panicked at src/join.rs:1:2:", "unknown", None),
    "librdkafka": (b"%3|1735689600.000|FAIL|rdkafka#1| [thrd:main]: ERROR", "unknown", None),
    "JSON": (said("INFO", fields={"message": "no"}), "info", AT),
    "JSON, level in lower case": (said("error", fields={"line": "no"}), "error", AT),
    "JSON, other spellings": (said("Warning"), "warn", AT),
    "JSON, fatal": (said("FATAL"), "error", AT),
    "JSON, no such level": (said("LOUD"), "unknown", AT),
    "JSON, no level": (said(None), "unknown", AT),
    "JSON, no time": (b'{"level":"DEBUG"}', "debug", None),
    "JSON, more keys": (said("TRACE", span={"a": [1, {}]}, **{"pipeline-name": "orders"}), "trace", AT),
    "JSON, a message that is a number": (said("ERROR", fields={"message": 5, "line": 17}), "error", AT),
    "JSON, messages that are objects": (said("WARN", fields={"message": {"a": 1}}, message=[None]), "warn", AT),
    "JSON, fields that are none": (said("ERROR", fields="no"), "error", AT),
    "JSON, a target that is none": (b'{"level":"ERROR","target":[1]}', "error", None),
    "JSON, a time that is a number": (b'{"level":"ERROR","timestamp":1767225600}', "error", None),
    "JSON, a level that is an object": (said("x").replace(b'"x"', b'{"name":"ERROR"}'), "unknown", AT),
    "JSON, invalid UTF-8": (said("ERROR", fields={"message": "x"}).replace(b'"x"', b'"\xff"'), "error", AT),
    "JSON, half a character": (said("ERROR", fields={"message": "\ud83d"}), "error", AT),
    "JSON, a control character": (said("ERROR", fields={"message": "x"}).replace(b'"x"', b'"\x01"'), "error", AT),
    "JSON of another shape": (b'{"level":{"name":"ERROR"}}', "unknown", None),
    "JSON that is none": (b'{"level":"ERROR"', "unknown", None),
    "JSON, nested too deep": (b'{"level":"ERROR","a":' + b"[" * 5000 + b"]" * 5000 + b"}", "unknown", None),
    "a JSON list": (b'["ERROR"]', "unknown", None),
    "braces": (b"{ this is text }", "unknown", None),
    "a brace": (b"{", "unknown", None),
    "JSON with blanks after it": (said("WARN") + b" \t\r", "warn", AT),
}


def levels(summary: Summary) -> dict[LogLevel, int]:
    """Those that occur."""
    return {level: count for level, count in summary.levels.items() if count}


@pytest.mark.parametrize("name", FORMS)
def test_each_form(name: str) -> None:
    """A line has one level, and its time if it carries one, whatever stands around it."""
    line, level, at = FORMS[name]
    alone = summarize(line + b"\n", most_telling=0)
    assert (levels(alone), alone.last_at, time_of(line)) == ({level: 1}, at, at)
    between = summarize(b"raw\n" + line + b"\n\n", most_telling=0)
    assert (levels(between), between.last_at) == (dict(Counter(["unknown", "unknown", level])), at)


def test_forms_mixed() -> None:
    """A block of all forms is the sum of its lines."""
    block = b"".join(line + b"\n" for line, *_ in FORMS.values()) * 3
    expected = Counter(level for _, level, _ in FORMS.values())
    assert levels(summarize(block, most_telling=5)) == {level: 3 * count for level, count in expected.items()}


def test_levels_of_the_json_spellings() -> None:
    """Each spelling is known in upper, lower and mixed case."""
    for word, level in LEVELS.items():
        for spelling in (word, word.lower(), word.title()):
            assert levels(summarize(said(spelling) + b"\n", most_telling=0)) == {level: 1}


# Lines that tell of failures


def telling(*lines: bytes, most: int = 20) -> list[tuple[str, float | None, bool]]:
    """What a block of these lines tells."""
    summary = summarize(b"".join(line + b"\n" for line in lines), most_telling=most)
    return [(one.text, one.at, one.is_open) for one in summary.telling]


PANIC = b"thread 'dbsp-worker-1' panicked at src/join.rs:1:2:"


def test_a_panic_has_its_message() -> None:
    """What a panic says stands on the next line, and is told with it; both count as lines, one as a panic."""
    assert telling(PANIC, b"index out of bounds", b"stack backtrace:") == [
        (f"{PANIC.decode()} index out of bounds", None, False)
    ]
    summary = summarize(PANIC + b"\nindex out of bounds\n", most_telling=1)
    assert (summary.panics, levels(summary)) == (1, {"unknown": 2})


@pytest.mark.parametrize("following", [(), (b"",), (f"[orders] {T}  INFO dbsp: on".encode(),), (said("INFO"),)])
def test_a_panic_alone(following: tuple[bytes, ...]) -> None:
    """A line that has a form of its own or an empty one does not go on with a panic; one that may come could."""
    assert telling(PANIC, *following) == [(PANIC.decode(), None, not following)]


def test_a_panic_that_said_all() -> None:
    """Older panics say all on one line: none is awaited."""
    assert telling(b"thread 'main' panicked at 'no', src/a.rs:1:1") == [
        ("thread 'main' panicked at 'no', src/a.rs:1:1", None, False)
    ]


@pytest.mark.parametrize(
    ("first", "goes_on"),
    [
        (b"index out of bounds\r", "index out of bounds"),
        (b"\x1b[31mboom\x1b[0m", "boom"),
        (b"", None),
        (b" \t", None),
        (said("INFO"), None),
        (f"[orders] {T}  INFO dbsp: on".encode(), None),
    ],
)
def test_what_may_belong_to_the_line_before(first: bytes, goes_on: str | None) -> None:
    """The first line of a block is told if it has no form of its own: the one before it may have come by itself."""
    assert summarize(first + b"\nmore\n", most_telling=0).goes_on == goes_on


def test_a_panic_with_a_carriage_return() -> None:
    """Line ends of Windows change nothing."""
    assert telling(PANIC + b"\r", b"boom\r")[0][0] == f"{PANIC.decode()} boom"


def test_failures_in_the_order_of_their_lines() -> None:
    """Text, JSON and panics are told as they came; only the last are kept."""
    lines = [
        f"[orders] {T} ERROR dbsp: first".encode(),
        said("ERROR", fields={"message": "second"}),
        b"thread 'main' panicked at third",
        b'{"level":"ERROR", panicked at fourth',
        f"[orders] {T}  INFO dbsp: nothing".encode(),
        said("CRITICAL", message="fifth"),
    ]
    texts = ["[orders] 2026-01-01T00:00:00.000001Z ERROR dbsp: first", "dbsp: second",
             "thread 'main' panicked at third", '{"level":"ERROR", panicked at fourth', "dbsp: fifth"]  # fmt: skip
    assert [text for text, *_ in telling(*lines)] == texts
    assert [text for text, *_ in telling(*lines, most=2)] == texts[-2:]
    assert telling(*lines, most=0) == []


def test_a_panic_within_json() -> None:
    """A worker whose panic is logged in JSON mode is a panic, once."""
    line = said("ERROR", fields={"message": "thread panicked at src/a.rs"})
    assert telling(line) == [("dbsp: thread panicked at src/a.rs", AT, False)]
    assert summarize(line + b"\n", most_telling=0).panics == 1


SAYINGS: dict[str, tuple[bytes, str]] = {
    "other fields": (
        said("ERROR", fields={"message": "no", "error": "broker down", "line": 17, "retries": None}),
        'dbsp: no error="broker down" line=17 retries=null',
    ),
    "a line in place of a message": (said("ERROR", fields={"line": "no", "endpoint": 3}), "dbsp: no endpoint=3"),
    "an empty message": (said("ERROR", fields={"message": "", "line": "no"}), "dbsp: no"),
    "numbers and objects": (said("ERROR", fields={"message": 5, "a": {"b": [1]}}), 'dbsp: 5 a={"b": [1]}'),
    "only other fields": (said("ERROR", fields={"error": "é"}), 'dbsp: error="é"'),
    "what the log crate adds": (said("ERROR", fields={"message": "no", "log.file": "a.rs"}), "dbsp: no"),
    "fields that are none": (said("ERROR", fields=["no"]), 'dbsp: ["no"]'),
    "a message outside": (said("ERROR", fields={"error": 1}, message="no"), "dbsp: no error=1"),
    "invalid UTF-8": (said("ERROR", message="no").replace(b"no", b"n\xff"), "dbsp: n\ufffd"),
    "nothing": (b'{"level":"ERROR"}', ""),
}


@pytest.mark.parametrize("name", SAYINGS)
def test_what_json_says_to_people(name: str) -> None:
    """The message, whatever its type, and the other fields as text mode shows them."""
    line, text = SAYINGS[name]
    assert [told[0] for told in telling(line)] == [text]


def test_json_with_many_fields_is_bounded() -> None:
    """Of many fields a few are told, and of a long one the beginning."""
    (many, *_), *_ = telling(said("ERROR", fields={f"k{number}": number for number in range(100)}))
    assert many.endswith("k9=9")
    (long, *_), *_ = telling(said("ERROR", fields={"message": "x" * 100_000}))
    assert len(long) == 2_001


# Any bytes


def plainly(block: bytes) -> tuple[dict[str, int], int, float | None, list[bytes]]:
    """The same as ``summarize``, one line after the other, by the sheet of facts."""
    found: Counter[str] = Counter()
    panics, last, tells = 0, None, []
    for raw in block.split(b"\n")[:-1]:
        line = re.sub(rb"\x1b(\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(\x07|\x1b\\)|[#%()*+./-][0-~]|[=>78])", b"", raw)
        level, at = plain_line(line)
        found[level] += 1
        panics += b"panicked at" in line
        last = at if at is not None else last
        if level == "error" or b"panicked at" in line:
            tells.append(line)
    return dict(found), panics, last, tells


HEAD = re.compile(
    rb"^\[(?P<src>[^\]]*)\] (?P<ts>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)[ \t]+"
    rb"(?P<lvl>TRACE|DEBUG|INFO|WARN|ERROR) (?P<msg>.*)$", re.DOTALL
)  # fmt: skip


def plain_line(line: bytes) -> tuple[str, float | None]:
    """Level and time of one line."""
    if match := HEAD.match(line):
        return match["lvl"].decode().lower(), parse_time(match["ts"].decode())
    try:
        found = json.loads(line.decode("utf-8", "replace"), strict=False) if line.startswith(b"{") else None
    except (ValueError, RecursionError):
        found = None
    level, at = (found.get("level"), found.get("timestamp")) if isinstance(found, dict) else (None, None)
    return LEVELS.get(str(level).upper(), "unknown"), parse_time(at) if isinstance(at, str) else None


PIECES = st.sampled_from([
    b"\n", b"\n", b"\r\n", b"[orders] ", b"[a\n] ", b"]", b"[", T.encode(), b" ", b"  INFO ", b" ERROR ", b" WARN x",
    b"panicked at", b":", b"\x1b[31m", b"\x1b[", b"{", b"}", b'{"level":"error"}', b'{"level":"INFO","timestamp":"x"}',
    f'\n{{"level":"Debug","timestamp":"{T}"}}\n'.encode(), f"\n[orders] {T} ERROR dbsp: no\n".encode(), b"\xff",
    b"\x1b(B", b"\x1b]0;t", b"\x07", b"\x1b\\", b"\x1b=",
    b'{"level":5,"fields":{"line":1}}', b'{"level":"warn","a":"\xff"}',
    b"\x00", b"\nthread 'x' panicked at y:\n", b"\n  {", b"\n[[x] ", b"\x0b", b"\x0c", b"\x85", b"\xe2\x80\xa8",
])  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES | st.binary(max_size=8), max_size=40), st.integers(0, 5))
def test_any_bytes(pieces: list[bytes], most: int) -> None:
    """Every newline is one line of one level, and a block is read as its lines are."""
    block = b"".join(pieces) + b"\n"
    summary = summarize(block, most_telling=most)
    assert sum(summary.levels.values()) == block.count(b"\n")
    expected, panics, last, tells = plainly(block)
    assert (levels(summary), summary.panics, summary.last_at) == (expected, panics, last)
    assert len(summary.telling) == min(most, len(tells))


@settings(deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(1, 7), max_size=40))
def test_any_cuts(data: bytes, cuts: list[int]) -> None:
    """However a stream is cut, its whole lines come out once and in order; a rest without a newline does not."""
    splitter, rest, got = Splitter(), data, b""
    for cut in cuts:
        got += splitter.feed(rest[:cut])
        rest = rest[cut:]
    got += splitter.feed(rest) if rest else b""
    assert got == data[: data.rfind(b"\n") + 1]


def test_a_line_without_an_end_takes_no_memory() -> None:
    """Of a line of 50 MB its first mebibyte is kept; the line after it is whole."""
    splitter = Splitter()
    for _ in range(50):
        assert splitter.feed(b"x" * 1_000_000) == b""
    line, _, rest = splitter.feed(b"x\nnext\n").partition(b"\n")
    assert (len(line), rest) == ((1 << 20) + 1, b"next\n")


def test_the_last_words_of_a_stream_are_no_line() -> None:
    """``Logs have ended`` is no line of the log, unless more comes after it."""
    splitter = Splitter()
    assert splitter.feed(b"a\nLogs have ended\n") == b"a\n"
    assert splitter.feed(b"b\n") == b"Logs have ended\nb\n"
    assert splitter.feed(b"Logs have ended\n") == b""


@pytest.mark.parametrize("hostile", [b"[" * 500_000, b"\x1b[" * 250_000, b"{" * 500_000, b"\x1b[" + b"0" * 500_000,
                                     b"panicked at" * 50_000, b"[x] " * 100_000, b" \t" * 250_000])  # fmt: skip
def test_hostile_lines_are_read_in_time(hostile: bytes) -> None:
    """A line of half a megabyte takes milliseconds, whatever stands in it; not as if an expression ran wild."""
    begin = time.perf_counter()
    summary = summarize(hostile + b"\n", most_telling=20)
    assert sum(summary.levels.values()) == 1
    assert time.perf_counter() - begin < 5
