"""The config file as values: what can be set, what it is when left out, and what may not go together.

Grammar and meaning of every key: ``docs/configuration.md``.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec

from exporter.config.shard import Shard, ordinal
from exporter.config.tls import client_context
from exporter.config.units import (
    Concurrency,
    Duration,
    FilePath,
    Interval,
    Name,
    Pattern,
    Positive,
    Secret,
    Size,
    Url,
    WholeNumber,
)
from exporter.errors import ConfigError

EVERYTHING = (Pattern(".*"),)


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the config file.

    ``compared`` names the keys that ``problems`` looks at; it is only asked when each of them is right by itself.
    """

    compared: ClassVar[frozenset[str]] = frozenset()

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong between values: pairs of a key and a sentence."""
        return []


class Authorization(_Section, frozen=True, kw_only=True):
    """The ``Authorization`` header: a scheme and credentials, given here or in a file that may be rotated."""

    compared = frozenset({"credentials", "credentials_file"})

    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: FilePath | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Exactly one place for the credentials; the file must be there."""
        if (self.credentials is None) == (self.credentials_file is None):
            return [("", "give exactly one of credentials and credentials_file")]
        return missing_file("credentials_file", self.credentials_file)


class TlsConfig(_Section, frozen=True, kw_only=True):
    """How the server proves itself, and how we do."""

    compared = frozenset({"ca_file", "cert_file", "key_file"})

    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False

    def problems(self) -> list[tuple[str, str]]:
        """A certificate needs its key; the files must be there."""
        found = [p for key in ("ca_file", "cert_file", "key_file") for p in missing_file(key, getattr(self, key))]
        if (self.cert_file is None) != (self.key_file is None):
            found.append(("", "cert_file and key_file go together; give both or neither"))
        return found or self._unusable()

    def context(self) -> ssl.SSLContext:
        """The settings as the standard library wants them. Raises OSError if a file cannot be used."""
        return client_context(
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            insecure_skip_verify=self.insecure_skip_verify,
        )

    def _unusable(self) -> list[tuple[str, str]]:
        try:
            self.context()
        except OSError as error:
            return [("", f"a file is no certificate or key in PEM form, or they do not match: {error.strerror}")]
        return []


class Selection(_Section, frozen=True, kw_only=True):
    """Names chosen by anchored regular expressions: any of ``include`` and none of ``exclude``."""

    include: tuple[Pattern, ...] = EVERYTHING
    exclude: tuple[Pattern, ...] = ()

    def chooses(self, name: str) -> bool:
        """Whether ``name`` is selected."""
        return any(p.matches(name) for p in self.include) and not any(p.matches(name) for p in self.exclude)


class HttpConfig(_Section, frozen=True, kw_only=True):
    """A server spoken to over HTTP."""

    url: Url
    authorization: Authorization | None = None
    tls_config: TlsConfig = TlsConfig()
    proxy_url: Url | None = None
    timeout: Interval = Interval(10)


class SourceConfig(HttpConfig, frozen=True, kw_only=True):
    """One control plane to read; each kind adds its own keys to these."""

    name: Name
    type: str
    poll_interval: Interval = Interval(15)
    history_interval: Interval = Interval(3600)
    max_concurrency: Concurrency = Concurrency(8)
    max_response_bytes: Size = Size(256 * 2**20)
    pipelines: Selection = Selection()


class AlertmanagerConfig(HttpConfig, frozen=True, kw_only=True):
    """One member of an Alertmanager cluster."""

    compared = frozenset({"url"})

    def problems(self) -> list[tuple[str, str]]:
        """The address is that of the server, not of its API."""
        if "/api/" not in f"{self.url}/":
            return []
        return [("url", "names a path of the API; give the address of Alertmanager itself, as http://host:9093")]


class ExternalLabels(dict[str, str]):
    """Labels added to every alert: at most 50, none of them one that the bridge gives itself."""

    @classmethod
    def parse(cls, raw: object) -> ExternalLabels:
        """Raise ValueError with a sentence if ``raw`` is no such labels."""
        if not isinstance(raw, dict):
            raise ValueError("expected names and texts, as in {cluster: prod}")
        if len(raw) > _MOST_EXTERNAL_LABELS:
            raise ValueError(f"has {len(raw)} labels; at most {_MOST_EXTERNAL_LABELS} can be added")
        for name, value in raw.items():
            cls._check(name, value)
        return cls(raw)

    @staticmethod
    def _check(name: object, value: object) -> None:
        if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
            raise ValueError(f"{name!r} is not a label name; use letters, digits and _, and no digit or __ in front")
        if name in _OWN_LABELS:
            raise ValueError(f"{name} is a label that every alert has by itself; choose another name")
        if not isinstance(value, str):
            raise ValueError(f"the value of {name} is not a text; quote it")
        if not 0 < len(value) <= _LONGEST_LABEL or not value.isprintable():
            raise ValueError(f"the value of {name} must have 1 to {_LONGEST_LABEL} printable characters")


_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_LABELS = frozenset({"alertname", "severity", "source", "pipeline", "pipeline_name", "via"})
_MOST_EXTERNAL_LABELS = 50
_LONGEST_LABEL = 1024


class Alerting(_Section, frozen=True, kw_only=True):
    """The alerting bridge."""

    compared = frozenset({"alertmanagers"})

    alertmanagers: tuple[AlertmanagerConfig, ...]
    external_labels: ExternalLabels = msgspec.field(default_factory=ExternalLabels)
    resend_interval: Interval = Interval(60)
    unavailable_for: Duration = Duration(60)
    unreachable_for: Duration = Duration(120)
    hold: Duration = Duration(300)
    resolved_retention: Duration = Duration(900)
    external_url: Url | None = None
    runbooks_url: Url | None = None
    grafana_url: Url | None = None

    def problems(self) -> list[tuple[str, str]]:
        """At least one Alertmanager, and none twice."""
        if not self.alertmanagers:
            return [("alertmanagers", "is empty; give at least one")]
        urls = [getattr(member, "url", None) for member in self.alertmanagers]
        return [
            (f"alertmanagers[{index}].url", f"{url!r} is that of alertmanagers[{urls.index(url)}]; name each one once")
            for index, url in enumerate(urls)
            if url is not None and urls.index(url) < index
        ]


class Metrics(_Section, frozen=True, kw_only=True):
    """What the page shows."""

    status_series: Literal["dense", "sparse"] = "dense"
    exclude: tuple[Pattern, ...] = ()


class State(_Section, frozen=True, kw_only=True):
    """Where counters and cursors survive a restart."""

    path: FilePath


class Sharding(_Section, frozen=True, kw_only=True):
    """Which part of the pipelines this process serves; without an index its pod's ordinal tells."""

    compared = frozenset({"index", "total"})

    index: WholeNumber | None = None
    total: Positive = Positive(1)

    def problems(self) -> list[tuple[str, str]]:
        """The index counts from 0."""
        return [] if self.index is None or self.index < self.total else [("index", "must be from 0 to total - 1")]

    def shard(self, environ: Mapping[str, str], *, index: int | None = None, total: int | None = None) -> Shard:
        """The part to serve; ``index`` and ``total`` are from the command line and go first. Raises ConfigError."""
        parts = self.total if total is None else total
        chosen = next((i for i in (index, self.index, ordinal(environ)) if i is not None), None)
        if parts == 1 and index is None and self.index is None:
            return Shard()
        if chosen is None:
            hint = "give it, or --shard.index, or POD_NAME=name-N as a StatefulSet has it"
            raise ConfigError([f"sharding.index: is missing, and total is {parts}; {hint}"])
        if not 0 <= chosen < parts:
            raise ConfigError([f"sharding.index: {chosen} is not from 0 to total - 1, which is {parts - 1}"])
        return Shard(chosen, parts)


class Config(_Section, frozen=True, kw_only=True):
    """The whole file."""

    compared = frozenset({"sources"})

    sources: tuple[SourceConfig, ...]
    alerting: Alerting | None = None
    metrics: Metrics = Metrics()
    state: State | None = None
    stale_after: Interval = Interval(300)
    sharding: Sharding = Sharding()

    def problems(self) -> list[tuple[str, str]]:
        """At least one source, and no name twice."""
        if not self.sources:
            return [("sources", "is empty; give at least one")]
        names = [getattr(source, "name", None) for source in self.sources]
        return [
            (f"sources[{index}].name", f"{name!r} is taken by sources[{names.index(name)}]; names must differ")
            for index, name in enumerate(names)
            if name is not None and names.index(name) < index
        ]


def missing_file(key: str, path: FilePath | None) -> list[tuple[str, str]]:
    """The problem of a file that is named and cannot be read, if it is so."""
    if path is None:
        return []
    try:
        with open(path, "rb"):
            return []
    except OSError as error:
        return [(key, f"cannot read {path}: {error.strerror}")]
