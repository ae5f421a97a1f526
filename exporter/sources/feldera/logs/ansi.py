"""Takes terminal escape sequences and control characters out of what a pipeline wrote."""

from __future__ import annotations

import re

_CSI = r"\[[0-?]*[ -/]*[@-~]"  # colours, and whatever moves a cursor
_STRING = r"[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # a title or a link, up to its end
_SHORT = r"[#%()*+./-][0-~]|[=>78]"  # character sets, keypads, a cursor that is saved
_SEQUENCE = rf"\x1b(?:{_CSI}|{_STRING}|{_SHORT})"

_IN_BYTES = re.compile(_SEQUENCE.encode())
_IN_TEXT = re.compile(_SEQUENCE)
_SPELLED_OUT = re.compile(rf"\\(?:x1b|u001b|u\{{1b\}}|033){_CSI}", re.I)


def without_colours(block: bytes) -> bytes:
    """The bytes without terminal escape sequences."""
    return _IN_BYTES.sub(b"", block) if b"\x1b" in block else block


def printable(text: str) -> str:
    """The text without terminal escape sequences, also those that a logger has spelled out; on one line.

    >>> printable("\\x1b[31mred\\x1b[0m, \\\\u001b[1mbold\\\\u001b[0m,\\ta\\x00tab")
    'red, bold, a tab'
    """
    text = _IN_TEXT.sub("", text) if "\x1b" in text else text
    text = _SPELLED_OUT.sub("", text) if "\\" in text else text
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
