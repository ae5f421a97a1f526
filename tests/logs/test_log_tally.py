"""What is kept of a log between two hand-overs: the last lines of failures, panics with their messages."""

from __future__ import annotations

import json

import pytest

from exporter.model import LogLine, LogPosition, LogRead
from exporter.sources.feldera.logs.lines import summarize
from exporter.sources.feldera.logs.tally import Tally

T = "2026-01-01T00:00:00.000001Z"
MOST = 20
PANIC = "thread 'w' panicked at src/a.rs:1:1:"


def error(text: object) -> str:
    """A line of text that tells of a failure."""
    return f"[orders] {T} ERROR dbsp: {text}"


def tally_of(*blocks: list[str], most: int = MOST) -> Tally:
    """A tally of these blocks of lines."""
    tally = Tally("p", most_errors=most)
    for block in blocks:
        feed(tally, *block)
    return tally


def feed(tally: Tally, *lines: str) -> None:
    """One read of a stream."""
    summary = summarize("".join(f"{line}\n" for line in lines).encode(), most_telling=MOST)
    tally.count(summary)
    tally.show(summary)


def take(tally: Tally) -> LogRead | None:
    """One hand-over."""
    return tally.take(LogPosition, up=True)


def shown(tally: Tally) -> list[str]:
    """The lines that people see once all is handed over."""
    texts: list[str] = []
    while (read := take(tally)) is not None:
        texts = [line.text for line in read.errors] if read.errors is not None else texts
    return texts


def test_the_last_lines_are_shown() -> None:
    """All of a few; of many the last, in their order."""
    assert shown(tally_of([error(1)], ["raw", error(2)])) == [error(1), error(2)]
    blocks = [[error(f"{block} {number}") for number in range(15)] for block in range(10)]
    assert shown(tally_of(*blocks)) == [line for block in blocks for line in block][-MOST:]


def test_a_storm_is_looked_at_by_a_few() -> None:
    """However many errors came, one hand-over takes on a few; nobody looks at what is pushed out meanwhile."""
    tally = tally_of(*([error(f"{block} {number}") for number in range(100)] for block in range(50)))
    read = take(tally)
    assert read is not None
    assert read.lines["error"] == 5000
    assert read.errors is not None
    assert [line.text for line in read.errors] == [error(f"49 {number}") for number in range(80, 84)]
    feed(tally, *[error(f"last {number}") for number in range(MOST)])
    sizes = []
    while (read := take(tally)) is not None:
        sizes.append(len(read.errors or ()))
    assert sizes == [8, 12, 16, 20, 20]
    assert take(tally) is None


@pytest.mark.parametrize("most", [1, 3, 5, 20, 1000])
def test_all_are_shown_within_five_hand_overs(most: int) -> None:
    """However many are kept."""
    tally = tally_of(*([error(number)] for number in range(most)), most=most)
    reads = [read for _ in range(5) if (read := take(tally)) is not None]
    assert [line.text for line in reads[-1].errors or ()] == [error(number) for number in range(most)]
    assert take(tally) is None


def test_without_lines_to_keep() -> None:
    """``error_lines: 0`` counts, and shows nothing."""
    tally = Tally("p", most_errors=0)
    for block in (f"{error(1)}\n{PANIC}\n".encode(), b"boom\n"):
        tally.count(summary := summarize(block, most_telling=0))
        tally.show(summary)
    read = take(tally)
    assert read is not None
    assert (read.lines["error"], read.panics, read.errors) == (1, 1, None)
    assert not tally.shows_any


# A panic and its message


def test_a_panic_whose_message_comes_later() -> None:
    """The line after it is told with it, although another read brought it."""
    assert shown(tally_of([error(1), PANIC], ["index out of bounds", error(2)])) == [
        error(1), f"{PANIC} index out of bounds", error(2)
    ]  # fmt: skip


def test_a_panic_that_was_handed_over_alone() -> None:
    """It is shown at once, for nothing more may come; when its message does, it is shown with it."""
    tally = tally_of([error(1), PANIC])
    assert shown(tally) == [error(1), PANIC]
    assert tally.shows_any
    feed(tally, "index out of bounds")
    feed(tally, "stack backtrace:")
    assert shown(tally) == [error(1), f"{PANIC} index out of bounds"]


@pytest.mark.parametrize("line", ["", error(2), json.dumps({"level": "INFO"}), f"[orders] {T}  INFO dbsp: on"])
def test_a_panic_that_is_followed_by_something_else(line: str) -> None:
    """Only the very next line may belong to it, and only if it has no form of its own."""
    assert shown(tally_of([PANIC], [line], ["raw"]))[0] == PANIC


def test_a_panic_and_a_read_without_a_line() -> None:
    """A piece of a line is no line: the panic waits on."""
    assert shown(tally_of([PANIC], [], ["boom"])) == [f"{PANIC} boom"]


def test_panic_after_panic() -> None:
    """A panic may be what follows a panic; each waits for its own message."""
    assert shown(tally_of([PANIC], [PANIC], ["boom"])) == [f"{PANIC} {PANIC}", f"{PANIC} boom"]


def test_the_only_line_that_is_kept() -> None:
    """A panic at the bound keeps its message too."""
    tally = tally_of([error(1), PANIC], ["boom"], most=1)
    assert shown(tally) == [f"{PANIC} boom"]


def test_a_credential_of_which_one_part_comes_later() -> None:
    """Name and value are looked at together."""
    tally = tally_of(["thread 'w' panicked at password:"])
    assert shown(tally) == ["thread 'w' panicked at password:"]
    feed(tally, "hunter2")
    assert shown(tally) == ["thread 'w' panicked at password: <redacted>"]


def test_lines_that_were_kept_before() -> None:
    """Those that people have seen already stay, before the new ones; fewer if fewer are to be kept now."""
    before = [LogLine("a"), LogLine("b"), LogLine("c")]
    tally = Tally("p", most_errors=3, errors=before)
    assert tally.shows_any
    feed(tally, error(1))
    assert shown(tally) == ["b", "c", error(1)]
    assert shown(Tally("p", most_errors=2, errors=before)) == ["b", "c"]


# What people see


def test_what_is_shown_is_clipped_and_printable() -> None:
    """A line has at most 1,000 characters, none of which moves a cursor."""
    (line,) = shown(tally_of([error(f"\x07\x1b]0;title\x07 {'x' * 2_000_000}")]))
    assert line == f"{error(' ')} {'x' * 2_000_000}"[:1000] + "…"


@pytest.mark.parametrize("key", ["line", "message", "error"])
def test_colours_within_json(key: str) -> None:
    """A colour that appears only when the JSON is read is gone too, and hides no credential."""
    coloured = "connect failed \x1b[3mpassword\x1b[0m\x1b[2m=\x1b[0mhunter2"
    (line,) = shown(tally_of([json.dumps({"level": "ERROR", "target": "dbsp", "fields": {key: coloured}})]))
    assert line.removeprefix("dbsp: ").replace('"', "").removeprefix("error=") == "connect failed password=<redacted>"
