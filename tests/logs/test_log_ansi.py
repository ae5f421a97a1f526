"""Terminal escape sequences and control characters leave nothing behind, in bytes and in text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.sources.feldera.logs.ansi import printable, without_colours

SEQUENCES = {
    "a colour": "\x1b[31m",
    "a colour of 24 bits": "\x1b[38:2::1:2:3m",
    "a private mode": "\x1b[?25l",
    "a cursor that moves": "\x1b[2;5H",
    "a title": "\x1b]0;title\x07",
    "a link": "\x1b]8;;http://x\x1b\\",
    "a device control": "\x1bP1$r0m\x1b\\",
    "a character set": "\x1b(B",
    "a keypad": "\x1b=",
}
SPELLED = {"hexadecimal": r"\x1b[31m", "JSON": r"\u001b[31m", "capitals": r"\u001B[1;31m", "Rust": r"\u{1b}[0m",
           "octal": r"\033[0m"}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sequence_is_gone(name: str) -> None:
    """What stands before and after it is one word again."""
    assert without_colours(f"pass{SEQUENCES[name]}word".encode()) == b"password"
    assert printable(f"pass{SEQUENCES[name]}word") == "password"


@pytest.mark.parametrize("name", SPELLED)
def test_a_sequence_that_was_spelled_out_is_gone(name: str) -> None:
    """A logger that escapes what it writes leaves letters that no terminal would take for a colour."""
    assert printable(f"pass{SPELLED[name]}word") == "password"


@pytest.mark.parametrize("text", ["", "a b", r"C:\x1b\new", r"a\[b]", "[31m", "naïve 世界", r"\u001b"])
def test_what_is_none_stays(text: str) -> None:
    """Only whole sequences go."""
    assert printable(text) == text
    assert without_colours(text.encode()) == text.encode()


def test_control_characters_are_spaces() -> None:
    """Also those that no sequence begins, those of Unicode, and a title without its end."""
    assert printable("a\x00b\tc\nd\x1be\u200bf\u2028g\x9bh") == "a b c d e f g h"
    assert printable("\x1b]0;title") == " ]0;title"


def test_a_title_without_its_end_takes_one_line_at_most() -> None:
    """Lines that follow keep their newline: else they would not be counted."""
    assert without_colours(b"\x1b]0;a\nb\x07\n") == b"\x1b]0;a\nb\x07\n"


@settings(deadline=None)
@given(st.lists(st.sampled_from([*SEQUENCES.values(), *SPELLED.values(), "a", "\x1b", "[", "\\", "\n"]), max_size=30))
def test_any_text_becomes_printable(pieces: list[str]) -> None:
    """Whatever stands in it, on one line, and newlines of a block stay."""
    text = "".join(pieces)
    assert printable(text).isprintable()
    assert without_colours(text.encode()).count(b"\n") == text.count("\n")
