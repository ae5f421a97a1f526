"""Takes what looks like a credential out of a text that people will read: a table of shapes, in linear time.

The shapes are looked for in the text in small letters, and begin with letters rather than with a condition: then ``re``
passes over what is no credential ten times faster. What may be tried again is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import ascii_lowercase, ascii_uppercase

from exporter.sources.feldera.logs.ansi import printable

LOOKED_AT = 2_000
"""So many characters at the beginning of a text are looked at; nobody sees what follows."""

_LONGEST = 1_000
_GONE = "<redacted>"
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)

# Names that say it, with anything before them: PGPASSWORD, dbpassword, authToken; but no compass and no bypass.
_NAME = (
    r"(?:passw(?:or)?d|passphrase|pass(?<![a-z0-9]pass)|dbpass|userpass|pwd|secret|token|credentials?|cookie|bearer"
    r"|api[-_ ]?key|access[-_ ]?key(?:[-_ ]?id)?|secret[-_ ]?(?:access[-_ ]?)?key|session[-_ ]?id|sas|signature|sig"
    r"|account[-_ ]?key|shared[-_ ]?key|master[-_ ]?key|encryption[-_ ]?key|private[-_ ]?key|authorization)"
)
# what stands between a name and its value
_IS = r"(?:\\{0,8}[\"'`])?+[)\]]{0,2}+\s*+(?>=>|[=:]+)\s*+"
_SCHEME = r"(?:bearer|basic|digest|negotiate|token|apikey)\s++"
# what an earlier shape has taken out is not looked at again
_NEW = rf"(?!\\{{0,8}}[\"']?(?:{_SCHEME})?{_GONE})"
_PEM = r"[a-z0-9 ]{0,40}private key(?: block)? ?-{4,5}"


def _quoted(group: str) -> str:
    """A text in quotes, which may themselves be escaped; one that does not end goes on to the end of all."""
    return rf"b?(?P<{group}>\\{{0,8}}[\"'`]).*?(?:(?<!\\)(?P={group})|\Z)"


_IN_BRACKETS = rf"\w{{0,40}}+(?:[(\[]| ?\{{)(?:{_quoted('inner')}|[^)\]}}\"'`])*"  # Some("x"), ("me", "x")
_VALUE = rf"{_NEW}(?:{_quoted('outer')}|{_IN_BRACKETS}|[,;&]?[^\s,;&)\]}}]+)"
_WORD = rf"{_NEW}(?:{_quoted('outer')}|[^\s,;]+)"

_KEYS = (
    (("eyj",), r"[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"),  # JSON Web Tokens
    (("akia", "asia"), r"[0-9a-z]{16}\b"),  # AWS
    (("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_"), r"\w{10,}"),
    (("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glagent-", "glsoat-"), r"[\w-]{10,}"),  # GitLab
    (("xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "xapp-"), r"[\w-]{10,}"),  # Slack
    (("aiza", "ya29."), r"[\w-]{10,}"),  # Google
    (("sk_live_", "rk_live_", "sk_test_", "rk_test_", "whsec_"), r"\w{10,}"),  # Stripe
    (("sk-",), r"[\w-]{10,}"),  # OpenAI, Anthropic
    (("hf_", "npm_"), r"[a-z0-9]{16,}"),  # Hugging Face, npm
    (("pypi-ag", "dckr_pat_"), r"[\w-]{16,}"),  # PyPI, Docker
    (("dop_v1_", "doo_v1_", "dor_v1_", "dapi"), r"[0-9a-f]{32,}"),  # DigitalOcean, Databricks
    (("hvs.",), r"[\w-]{16,}"),  # Vault
    (("sg.",), r"[\w-]{16,}\.[\w-]{16,}"),  # SendGrid
    (("age-secret-key-1",), r"[0-9a-z]{16,}"),
)
"""Keys that say by their first letters whose they are, and what follows."""


def _either(texts: Iterable[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, texts))})"


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.ASCII | re.DOTALL) for pattern in patterns)


_SHAPES: tuple[tuple[re.Pattern[str] | None, tuple[re.Pattern[str], ...]], ...] = (
    (
        None,
        _compiled(
            # a PEM or PGP block, up to its end or the end of the text
            rf"-----? ?begin {_PEM}.*?(?:-----? ?end {_PEM}|\Z)",
            # user and password in a URL, with an @ or a / in the password; but host:8080/a@b is none
            r"(://)(?:[^\s/@:\"'<>]{0,256}:(?!\d{1,5}[/?#])[^\s\"'<>]{0,512}|[^\s/?#]{0,512})(?=@)",
            r"(hooks\.slack\.com/services/)[\w/]+",
        ),
    ),
    (
        re.compile(rf"{_NAME}(?!\w)"),
        _compiled(
            # HTTP's headers: a known scheme is shown; of one that nobody knows, both words may be the credential
            rf"({_NAME}{_IS}(?:\\{{0,8}}[\"'])?{_SCHEME})[^\s\"',;\\]+",
            rf"(authorization{_IS}){_WORD}(?:(?<![\"',;])\s++(?!{_GONE})[^\s,;]+)?",
            rf"(cookie{_IS}){_NEW}(?:{_quoted('outer')}|[^\s;]+(?:;\s*+[^\s;]+)*)",
            # a name that says it, and its value; or both in quotes, as a pair
            rf"({_NAME}{_IS}){_VALUE}",
            rf"({_NAME}\\{{0,8}}[\"'`]\)?\s*+,\s*+(?:\w{{1,40}}\()?){_quoted('outer')}",
            # an option, or prose, that names it and then says it: --password x, PASSWORD is x1
            rf"(-(?<![\w-]-)-?[\w.-]{{0,40}}?{_NAME}\s++)(?!-){_WORD}",
            rf"({_NAME}\s++(?:is\s++)?)(?=\S{{0,200}}?\d)(?=\S{{0,200}}?[a-z])[^\s,;:=<>]{{8,}}",
        ),
    ),
    (
        None,
        _compiled(
            r"(bearer\s++(?=\S{6})|basic\s++(?=\S{16})|digest\s++(?=\S{16})|negotiate\s++(?=\S{16}))[^\s\"',;]+",
            r"(apikey:)[\w.-]{8,}",  # Feldera
        ),
    ),
    (
        re.compile(_either(begin for begins, _ in _KEYS for begin in begins)),
        _compiled(*(rf"(?:(?<![a-z0-9])|(?<=\\[nrt])){_either(begins)}{follows}" for begins, follows in _KEYS)),
    ),
)
"""In the order in which they are applied, those behind a gate only if it is found, which is quick to see.

Of a match group 1 stays, and the rest gives way.
"""


def redacted(text: str) -> str:
    """The text with ``<redacted>`` where something looks like a credential; better one too many than one too few.

    >>> redacted("cannot log in with password=hunter2 at kafka://me:pw@broker:9092")
    'cannot log in with password=<redacted> at kafka://<redacted>@broker:9092'
    """
    small = _small(text)
    for gate, shapes in _SHAPES:
        for shape in shapes if gate is None or gate.search(small) else ():
            if shape.search(small):
                text = _without(shape, text, small)
                small = _small(text)
    return text


def _without(shape: re.Pattern[str], text: str, small: str) -> str:
    pieces: list[str] = []
    end = 0
    for found in shape.finditer(small):
        pieces += text[end : found.end(1) if shape.groups else found.start()], _GONE
        end = found.end()
    return "".join((*pieces, text[end:]))


def _small(text: str) -> str:
    """The text in small letters, each at its place; ``lower`` may make two of a letter that is not of ASCII."""
    return text.lower() if text.isascii() else text.translate(_SMALL)


def for_people(text: str) -> str:
    """What people may see of a text: printable, redacted, and clipped.

    Control characters go first, because they could stand within a credential.
    """
    shown = redacted(printable(text[:LOOKED_AT]))
    if len(text) <= LOOKED_AT and len(shown) <= _LONGEST:
        return shown
    # A credential whose end is cut off may have no shape: what was cut is not shown, unless it is clipped anyway.
    return f"{shown[:_LONGEST] if len(shown) > _LONGEST else shown.rpartition(' ')[0]}…"
