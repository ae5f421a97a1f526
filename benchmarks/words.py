"""Figures as words."""

from __future__ import annotations

from benchmarks.fleet import Figures
from benchmarks.scrapes import Scrapes, Times


def each_changed(one: Figures) -> float | None:
    """Seconds of CPU that a changed pipeline costs beyond the quiet poll."""
    return None if one.few.cpu is None else max(0.0, one.few.cpu - one.quiet.cpu) / one.few.count


def rate(plain: Scrapes) -> float:
    """Bytes a second of the page as it is, while the exporter rests."""
    times = plain.idle or plain.polling
    return plain.size / times.p50 if times else 0.0


def rate_text(plain: Scrapes) -> str:
    """The same, in MB."""
    return f"{rate(plain) / 1e6:,.0f} MB/s"


def both(times: Times | None) -> str:
    """The usual and the worst."""
    return "too few" if times is None else f"{ms(times.p50)} / {ms(times.p99)}"


def ms(seconds: float) -> str:
    """Milliseconds, or seconds if there are many."""
    return f"{seconds:,.1f} s" if seconds >= 10 else f"{seconds * 1000:,.{0 if seconds >= 0.1 else 1}f} ms"


def mb(size: float) -> str:
    """Millions of bytes."""
    return f"{size / 1e6:,.{0 if size >= 1e8 else 1}f} MB"


def percent(share: float) -> str:
    """A share of a hundred."""
    return f"{100 * share:.2f} %"


def hold(longest: float) -> str:
    """How long the event loop was held; shorter holds than 5 ms are not looked for."""
    return ms(longest) if longest else "< 5 ms"
