"""Any bytes as a log: cut anywhere, every line is counted once, and what shows to people holds no credential."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from exporter.model import LOG_LEVELS, LogPosition, parse_time
from exporter.sources.feldera.logs.ansi import without_colours
from exporter.sources.feldera.logs.lines import LEVELS as LEVELS_OF
from exporter.sources.feldera.logs.lines import summarize, time_of
from exporter.sources.feldera.logs.progress import Progress
from exporter.sources.feldera.logs.redact import for_people
from exporter.sources.feldera.logs.splitter import Splitter
from exporter.sources.feldera.logs.tally import Tally
from tests.fuzz.budget import fuzz

LEVELS = st.sampled_from(["ERROR", "WARN", "INFO", "DEBUG", "TRACE", "error", "FATAL", "?", ""])
PLAIN = st.builds(
    "[{}] 2026-01-{:02}T00:00:0{}.{}Z  {} feldera::x: {}".format,
    st.sampled_from(["orders", "orders host=1", "", "a]b"]),
    st.integers(0, 33),
    st.integers(0, 9),
    st.integers(0, 10**9),
    LEVELS,
    st.sampled_from(["started", "thread 'w' panicked at src/lib.rs:1:1:", "panicked at", "x" * 300]),
).map(str.encode)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=20)),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=5,
)
OBJECTS = st.builds(
    lambda ascii, **keys: json.dumps(keys, ensure_ascii=ascii).encode("utf-8", "surrogatepass"),
    ascii=st.booleans(),
    timestamp=st.just("2026-01-01T00:00:00Z") | VALUES,
    level=LEVELS | VALUES,
    target=VALUES,
    message=VALUES,
    fields=st.dictionaries(st.sampled_from(["message", "line", "error", "log.file"]), VALUES) | VALUES,
)
LINES = st.one_of(
    PLAIN,
    PLAIN.map(lambda line: b"\x1b[2m" + line.replace(b" ", b" \x1b[31m")),
    PLAIN.map(lambda line: b"\x1b]0;title\x07" + line.replace(b" ", b"\x1b(B ")),
    OBJECTS,
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"",
            b"{",
            b"[" * 2000,
            b'{"a":' * 2000,
            b"\xff\xfe\x00",
            b"Logs have ended",
            b"Fresh start of pipeline logs",
            b"99999999999999999999 prior log lines were discarded due to buffer constraints",
            b"5 prior log lines were discarded due to buffer constraints",
        ]
    ),
).map(lambda line: line.replace(b"\n", b""))
BLOCKS = st.lists(LINES, max_size=12).map(lambda lines: b"".join(line + b"\n" for line in lines))


@fuzz(2)
@given(block=BLOCKS, most=st.integers(0, 5))
def test_every_line_has_one_level(block: bytes, most: int) -> None:
    """Whatever the lines are, each counts under one level, and no more are kept than asked for."""
    summary = summarize(block, most_telling=most)
    assert sum(summary.levels.values()) == block.count(b"\n")
    assert set(summary.levels) <= set(LOG_LEVELS)
    assert min(summary.levels.values(), default=0) >= 0
    assert len(summary.telling) <= most
    assert 0 <= summary.panics <= block.count(b"\n")


@fuzz(2)
@given(block=BLOCKS)
def test_lines_say_the_same_alone_and_together(block: bytes) -> None:
    """The levels, panics and last time of a block are those of its lines."""
    lines = [line + b"\n" for line in block.split(b"\n")[:-1]]
    alone = [summarize(line, most_telling=5) for line in lines]
    together = summarize(block, most_telling=5)
    levels: Counter[str] = Counter()
    for one in alone:
        levels.update(one.levels)
    assert {level: count for level, count in together.levels.items() if count} == +levels
    assert together.panics == sum(one.panics for one in alone)
    assert together.last_at == next((one.last_at for one in reversed(alone) if one.last_at is not None), None)


@fuzz(1)
@given(block=BLOCKS, rest=st.binary(max_size=20).map(lambda rest: rest.replace(b"\n", b"")))
@example(b"Logs have ended\nLogs have ended\n", b"Logs have ended")
def test_a_stream_cut_anywhere_has_the_same_lines(block: bytes, rest: bytes) -> None:
    """Two pieces, at every cut of the bytes, give the lines that one piece gives; the last line without end waits."""
    held = ends(block)
    data = block if held else block + rest
    whole = fed([data])
    assert whole == (block.removesuffix(b"Logs have ended\n") if held else block)
    for cut in range(len(data) + 1):
        assert fed([data[:cut], data[cut:]]) == whole
    assert fed([data[i : i + 1] for i in range(len(data))]) == whole


def ends(block: bytes) -> bool:
    """Whether the server's own last line is the last."""
    return block == b"Logs have ended\n" or block.endswith(b"\nLogs have ended\n")


def fed(pieces: list[bytes]) -> bytes:
    """What a splitter gives for these pieces."""
    splitter = Splitter()
    return b"".join(map(splitter.feed, pieces))


@fuzz(1)
@given(blocks=st.lists(BLOCKS, min_size=1, max_size=3), headers=st.dictionaries(
    st.sampled_from(["feldera-logs-epoch", "feldera-logs-seq", "feldera-logs-gap"]),
    st.one_of(st.text(max_size=20), st.integers(0, 10**25).map(str)),
))  # fmt: skip
def test_any_replay_is_sifted(blocks: list[bytes], headers: dict[str, str]) -> None:
    """Whatever a server replays after a connect, what is new is among it, and read again it is not new any more."""
    progress = Progress(LogPosition())
    for block in blocks:
        progress.opened(headers)
        found = progress.read(block)
        assert not Counter(found.split(b"\n")) - Counter(block.split(b"\n"))
        assert progress.take_lost() >= 0
    position = progress.position()
    assert len(position.tail) <= 64
    again = Progress(position)
    again.opened({})
    assert again.is_catching_up


@fuzz(2)
@given(line=OBJECTS)
def test_an_object_has_its_level_whatever_else_is_in_it(line: bytes) -> None:
    """Types of other fields, bytes that are no UTF-8 and numbers that JSON has not cost neither level nor time."""
    written = json.loads(line.decode("utf-8", "replace"))
    at, level = written["timestamp"], written["level"]
    summary = summarize(line + b"\n", most_telling=1)
    known = LEVELS_OF.get(level.upper(), "unknown") if isinstance(level, str) else "unknown"
    assert {level: count for level, count in summary.levels.items() if count} == {known: 1}
    assert summary.last_at == (parse_time(at) if isinstance(at, str) else None)


@fuzz(3)
@given(line=LINES)
def test_any_line_has_a_time_or_none(line: bytes) -> None:
    """A line has the same time with and without colours."""
    assert time_of(line) == time_of(without_colours(line))


SHAPES = st.sampled_from(
    [
        "password={}", 'password: "{}"', "PASSWORD => '{}'", "postgres://user:{}@db/x", "Authorization: Bearer {}",
        '{{"apiKey": "{}"}}', "aws_secret_access_key={}", "token={};", "sasToken={}", "Cookie: {}",
        "kafka.sasl.password={}", "apikey:{}", "PGPASSWORD={}", "mypassword: {}", '("password", "{}")', "--pg-token {}",
        r'\"password\":\"{}\"', r'"{{\"token\": \"{}\"}}"', 'password: Some("{}")', "Authorization: Token {}",
        "Authorization: Some {}", "kafka://u:p@ss{}@db", "kafka://u:p/{}@db", "-----BEGIN PGP PRIVATE KEY BLOCK-----{}",
        "password\0=\0{}", "\x1b[3mpassword\x1b[0m=\x1b[2m{}", r"password\u001b[0m={}",
    ]
)  # fmt: skip
SECRETS = st.from_regex(r"[A-Za-z0-9_.+-]{12,40}", fullmatch=True)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@fuzz(4)
@given(before=WORDS, shape=SHAPES, secret=SECRETS, after=WORDS)
def test_a_credential_in_a_line_is_not_shown(before: str, shape: str, secret: str, after: str) -> None:
    """Where a name says that a credential follows, people do not see it, whatever stands around."""
    line = f"{before} {shape.format('S3' + secret)} {after}"
    assert f"S3{secret}" not in for_people(line)


PIECES = st.lists(st.sampled_from(
    [
        "-", " ", "=", ":", ",", '"', "'", "\\", '\\"', "(", ")", "{", "Some(", "@", "/", "://", "a", "1", "\n",
        "password", "token", "secret", "access", "key", "sig", "is", "Bearer ", "basic ", "authorization", "cookie",
        "\x1b[31m", "sk-", "apikey:", "eyJaaaaaa.", "-----BEGIN ", "PRIVATE KEY-----", "-----END ", "<redacted>",
        "İ", "\ud83d",
    ]
), max_size=60)  # fmt: skip


@fuzz(8)
@given(pieces=PIECES, times=st.integers(1, 20))
def test_any_text_is_redacted(pieces: list[str], times: int) -> None:
    """Whatever a text is made of, there is something to show, and it is short."""
    shown = for_people("".join(pieces) * times)
    assert shown.isprintable()
    assert len(shown) <= 1001


@fuzz(1)
@given(block=BLOCKS)
def test_any_line_is_shown_on_one_line(block: bytes) -> None:
    """What is kept for people is short, and has nothing in it that a terminal or a page would act upon."""
    tally = Tally("p", most_errors=5)
    tally.show(summarize(block, most_telling=5))
    while (read := tally.take(LogPosition, up=True)) is not None:
        for line in read.errors or ():
            assert line.text.isprintable()
            assert len(line.text) <= 1001
