"""The file of ``--web.config.file``, in the format of Prometheus' exporter-toolkit: who may look, and how.

Grammar and meaning of every key: ``docs/web-config.md``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal

import msgspec

from exporter.config.decode import Decoder
from exporter.config.file import yaml_tree
from exporter.config.units import Duration
from exporter.errors import ConfigError
from exporter.web.tls import TlsServerConfig

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_COSTS = range(4, 17)
"""A cost of 10 takes some 0.07 s; each one more doubles that."""


class Users(dict[str, str]):
    """Who may look: names, and bcrypt hashes of their passwords, which are never shown."""

    @classmethod
    def parse(cls, raw: object) -> Users:
        """Raise ValueError with a sentence if ``raw`` is not names and values."""
        if not isinstance(raw, dict):
            raise ValueError("expected names and bcrypt hashes")
        return cls(raw)

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with each: pairs of a name and a sentence."""
        return [(str(name), sentence) for name, text in self.items() if (sentence := _wrong(name, text))]

    def __repr__(self) -> str:
        return f"Users({', '.join(self)})"


def _wrong(name: object, text: object) -> str:
    if not isinstance(name, str):
        return "the name of a user is a text; quote it"
    if ":" in name:
        return "the name of a user with a colon in it cannot be sent"
    match = _BCRYPT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return "is not a bcrypt hash; make one with: htpasswd -nBC 10 ''"
    if int(match[1]) not in _COSTS:
        return f"has a cost of {int(match[1])}; make a hash with a cost from {_COSTS[0]} to {_COSTS[-1]}"
    return ""


class HeaderValue(str):
    """The value of a header, in ASCII."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> HeaderValue:
        """Raise ValueError with a sentence if ``raw`` cannot be sent."""
        if not isinstance(raw, str):
            raise ValueError(f"{raw!r} is not a text; quote it")
        if not raw.isascii() or not (raw.isprintable() or not raw):
            raise ValueError("must have printable ASCII characters only")
        return cls(raw)


_HEADER_NAMES = {
    "content_security_policy": "Content-Security-Policy",
    "frame_options": "X-Frame-Options",
    "content_type_options": "X-Content-Type-Options",
    "xss_protection": "X-XSS-Protection",
    "strict_transport_security": "Strict-Transport-Security",
}


class Headers(msgspec.Struct, frozen=True, kw_only=True, rename=_HEADER_NAMES):
    """Headers of every answer; one that is empty is left out."""

    content_security_policy: HeaderValue | None = None
    frame_options: Literal["deny", "sameorigin"] | None = None
    content_type_options: Literal["nosniff"] | None = None
    xss_protection: HeaderValue | None = None
    strict_transport_security: HeaderValue | None = None

    def encoded(self) -> list[tuple[bytes, bytes]]:
        """Those that are set, as ASGI wants them."""
        values = {name: getattr(self, field) for field, name in _HEADER_NAMES.items()}
        return [(name.lower().encode(), value.encode()) for name, value in values.items() if value]


class HttpServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How HTTP is spoken; ``http2`` is accepted, and HTTP/1.1 is served."""

    http2: bool = True
    headers: Headers = Headers()


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One request every ``interval`` of all clients together, ``burst`` at once after a pause; 0: no limit."""

    compared: ClassVar[frozenset[str]] = frozenset({"interval", "burst"})

    interval: Duration = Duration(0)
    burst: int = 0

    def problems(self) -> list[tuple[str, str]]:
        """Without a burst every request would be refused."""
        return [("burst", "must be 1 or more, or nothing is ever answered")] if self.interval and self.burst < 1 else []


class WebConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    compared: ClassVar[frozenset[str]] = frozenset({"basic_auth_users"})

    tls_server_config: TlsServerConfig = TlsServerConfig()
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Users = msgspec.field(default_factory=Users)
    rate_limit: RateLimit = RateLimit()

    @property
    def tls(self) -> bool:
        """Whether the port speaks TLS."""
        return self.tls_server_config.cert_file is not None

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with each user."""
        return [(f"basic_auth_users.{name}", sentence) for name, sentence in self.basic_auth_users.problems()]


def read(path: Path) -> tuple[WebConfig | None, list[str]]:
    """The file at ``path``, and a sentence for each thing that is wrong with it, which names file and key.

    With problems the config, if there is one at all, tells no more than which files it names.
    """
    try:
        tree = yaml_tree(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        return None, [f"{path}: cannot be read: {reason}"]
    except ConfigError as error:
        return None, [f"{path}: {problem}" for problem in error.problems]
    decoder = Decoder(folder=path.absolute().parent, variants={})
    config = decoder.struct("", {} if tree is None else tree, WebConfig)
    return config, [f"{path}: {problem}" for problem in decoder.problems]
