"""Takes what looks like a credential out of a text that people will read."""

from __future__ import annotations

import re

_GONE = "<redacted>"
_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[-_ ]?key|access[-_ ]?key(?:[-_ ]?id)?"
    r"|secret[-_ ]?(?:access[-_ ]?)?key|(?:account|shared|master|encryption|private)[-_ ]?key"
    r"|credentials?|authorization|session[-_ ]?id|sas|signature|sig|cookie"
)

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # a PEM block, up to its end or the end of the text
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S), _GONE),
    # user and password in a URL
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@]+@", re.I), rf"\1{_GONE}@"),
    # a name that says it, and its value
    (
        re.compile(
            rf"((?:\b|_|(?-i:[a-z](?=[A-Z])))(?:{_NAMES})[\"']?\s*+(?>=>|[=:]+)\s*+)(?!<redacted>|(?:Bearer|Basic) )"
            r"(?:\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s,;&)\]}]+)",
            re.I,
        ),
        rf"\1{_GONE}",
    ),
    # an option, or prose, that names it and then says it: --password x, PASSWORD is x1
    (re.compile(rf"(--?(?:[a-z]+-)*(?:{_NAMES})\s+)(?!-)[^\s,;]+", re.I), rf"\1{_GONE}"),
    (
        re.compile(rf"(\b(?:{_NAMES})\s+(?:is\s+)?)(?=\S*\d)(?=\S*[a-z])[^\s,;:=<>]{{8,}}", re.I),
        rf"\1{_GONE}",
    ),
    # a scheme of HTTP's Authorization header
    (re.compile(r"\b(Bearer\s+(?=\S{6})|(?:Basic|Digest|Negotiate)\s+(?=\S{16}))[^\s\"',;]+", re.I), rf"\1{_GONE}"),
    # keys that are known by their shape: Feldera, AWS, GitHub, GitLab, Slack, Google, Stripe, JSON Web Tokens
    (re.compile(r"\bapikey:[\w.-]{8,}", re.I), f"apikey:{_GONE}"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), _GONE),
    (re.compile(r"\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|AIza|sk_live_|rk_live_|sk-)[\w-]{10,}"), _GONE),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"), _GONE),
)
"""Expressions and what stands in their place, in the order in which they are applied."""


def redacted(text: str) -> str:
    """The text with ``<redacted>`` where something looks like a credential; better one too many than one too few.

    >>> redacted("cannot log in with password=hunter2 at kafka://me:pw@broker:9092")
    'cannot log in with password=<redacted> at kafka://<redacted>@broker:9092'
    """
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text
