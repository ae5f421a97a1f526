"""The faults there are: one row each, with what it is, how it is made, and what people are to see of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from tests.faults import plays
from tests.faults.plays import changed, headed, listing, numbered, raw, saying
from tests.faults.proxy import Door, Play

Certificate = Literal["", "expired", "of a stranger", "of another host"]
Stage = Literal["plain", "secure", "large", "lasting"]

SOURCES = ("feldera", "calyptia")
TARGETS = (*SOURCES, "alertmanager")

_ELSEWHERE = "http://127.0.0.2:9/elsewhere"
_PORTAL = b"<!doctype html><title>Sign in</title>"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault.

    ``reasons`` are those that may be shown while it lasts; a fault without any is none for the exporter. ``up`` is
    what ``pipeline_exporter_source_up`` says meanwhile. ``taken``: an Alertmanager that answers so has taken the
    alerts in. ``host`` is where the exporter is told to look instead. ``cadence`` is the share of their polls that
    the others make at least. ``usually`` is how many pipelines there were before (None: the few that exist).
    ``passing``: what the exporter counts does not depend on it, so that a soak may use it.
    """

    name: str
    play: Play | None = None
    door: Door = "open"
    certificate: Certificate = ""
    host: str = ""
    reasons: frozenset[str] = frozenset()
    up: bool = False
    taken: bool = False
    stage: Stage = "plain"
    targets: tuple[str, ...] = TARGETS
    cadence: float = 0.6
    usually: int | None = None
    passing: bool = True

    def expected(self, target: str) -> frozenset[str]:
        """The reasons that may be shown of this target."""
        return frozenset() if self.taken and target == "alertmanager" else self.reasons


def _shown(reason: str, name: str, play: Play | None = None, **rest: object) -> Fault:
    """A fault with one reason."""
    return Fault(name=name, play=play, reasons=frozenset({reason}), **rest)  # type: ignore[arg-type]


def _body(name: str, play: Play, *, reason: str = "bad_response", **rest: object) -> Fault:
    """A fault in the body of a good answer, which nobody reads of an Alertmanager."""
    return _shown(reason, name, play, taken=True, **rest)


def _facts(name: str, play: Play, *, reasons: frozenset[str] = frozenset(), **rest: object) -> Fault:
    """A fault in what a source says, in an answer that can be read."""
    return Fault(name=name, play=play, reasons=reasons, up=True, targets=SOURCES, **rest)  # type: ignore[arg-type]


CONNECTIONS = (
    _shown("connection", "refused", door="closed"),
    _shown("timeout", "nobody accepts", door="deaf"),
    _shown("timeout", "connecting hangs", door="crowded"),
    _shown("connection", "reset before the answer", plays.reset),
    _body("reset in the body", plays.reset_in_body, reason="connection"),
    _shown("timeout", "hung before the headers", plays.hung),
    _shown("timeout", "hung in the headers", plays.hung_in_headers),
    _shown("timeout", "hung in the body", plays.hung_in_body),
    _shown("timeout", "one byte a second", plays.dripping),
    _shown("connection", "half-open: the server's side ends", plays.half_closed),
    _body("truncated", plays.truncated, reason="connection"),
    _body("truncated chunks", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[{"),
          reason="connection"),
    _body("truncated gzip", raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\xff"),
          reason="connection"),
    _shown("bad_response", "not HTTP", raw(b"220 mail.example ESMTP\r\n")),
    Fault(name="the name is not found", host="exporter-faults.invalid", reasons=frozenset({"connection", "timeout"})),
)  # fmt: skip

TLS = (
    _shown("tls", "expired certificate", certificate="expired", stage="secure"),
    _shown("tls", "certificate of another host", certificate="of another host", stage="secure"),
    _shown("tls", "certificate of a stranger", certificate="of a stranger", stage="secure"),
    _shown("tls", "no TLS at all", door="plain", stage="secure"),
    _shown("timeout", "TLS hangs", door="deaf", stage="secure"),
    _shown("connection", "reset in TLS", plays.reset, stage="secure"),
)

STATUSES = (
    _shown("unauthorized", "401", saying(401)),
    _shown("forbidden", "403", saying(403)),
    _shown("not_found", "404", saying(404)),
    _shown("server_error", "408", saying(408)),
    _shown("rate_limited", "429", saying(429)),
    _shown("rate_limited", "429, wait a second", saying(429, Retry_After="1")),
    _shown("rate_limited", "429, wait until a date", plays.asking_to_wait(429, 2.0)),
    _shown("rate_limited", "429, wait for nonsense", saying(429, Retry_After="soon")),
    _shown("rate_limited", "429, wait until no date", plays.asking_to_wait(429, None)),
    _shown("rate_limited", "429, wait for a year", saying(429, Retry_After="31536000")),
    _shown("server_error", "500", saying(500)),
    _shown("server_error", "501", saying(501)),
    _shown("server_error", "502", saying(502)),
    _shown("server_error", "503", saying(503)),
    _shown("server_error", "503, wait a second", saying(503, Retry_After="1")),
    _shown("server_error", "504", saying(504)),
    _shown("server_error", "500 with a decompression bomb", plays.bomb(500)),
    _shown("bad_response", "redirect to another host", saying(302, b"", Location=_ELSEWHERE)),
    _shown("bad_response", "redirect loop", plays.redirect_loop),
)

BODIES = (
    _body("broken JSON", changed(lambda body: body[: len(body) // 2])),
    _body("no body", changed(lambda body: b"")),
    _body("not UTF-8", changed(lambda body: b'["\xff"]')),
    _body("another shape: an object", changed(lambda body: b'{"hello": [1]}')),
    _body("another shape: a number", changed(lambda body: b"5")),
    _body("another shape: a list of numbers", changed(lambda body: b"[1, 2]")),
    _body("deep nesting", changed(lambda body: b"[" * 100_000)),
    _body("numbers beyond all bounds", changed(numbered("1e999999")), targets=SOURCES),
    _body("a compression nobody asked for", saying(200, b"x", Content_Encoding="br")),
    _body("broken gzip", saying(200, b"no gzip at all", Content_Encoding="gzip")),
    _body("a page to sign in, as HTML", saying(200, _PORTAL, Content_Type="text/html")),
    _body("200 MiB", plays.large, reason="too_large", stage="large", targets=SOURCES),
    _body("decompression bomb", plays.bomb(200), reason="too_large", stage="large", targets=SOURCES),
)

FACTS = (
    _facts("JSON, said to be HTML", headed(Content_Type="text/html")),
    _facts("a date that no calendar has", headed(Date=plays.NO_DATE)),
    _facts("the date is in the year 9999", headed(Date="Fri, 31 Dec 9999 23:59:59 GMT")),
    _facts("the date is in the year 1970", headed(Date="Thu, 01 Jan 1970 00:00:00 GMT")),
    _facts("times in the year 0001", changed(plays.in_year("0001"))),
    # An event that was read with another time keeps it, and with it its place among the others.
    _facts("times in the year 9999", changed(plays.in_year("9999")), passing=False),
    _facts("times in 1970", changed(plays.in_year("1970")), passing=False),
    _facts("times an hour ahead", changed(plays.ahead(3600)), passing=False),
    _facts("numbers of 400 digits", changed(numbered("9" * 400))),
    _facts("one bad pipeline", listing(plays.one_bad), reasons=frozenset({"bad_response"})),
    _facts("every name twice", listing(plays.same_name)),
    _facts("every id twice", listing(plays.same_id)),
    # What is missing by mistake is remembered in memory only: after a kill its counters begin anew.
    _facts("no pipeline where there were some", listing(plays.none), passing=False),
    _facts("no pipeline where there were 10,000", listing(plays.none), stage="large", usually=10_000),
    # A hundred thousand pipelines a second are more than one core takes, so the others have to wait for a while.
    _facts("100,000 pipelines where there were some", listing(plays.crowd(100_000)), stage="large", cadence=0.2),
)

FAULTS: tuple[Fault, ...] = (*CONNECTIONS, *TLS, *STATUSES, *BODIES, *FACTS)
