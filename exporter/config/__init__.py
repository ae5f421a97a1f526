"""The config file as values: what can be set, what it is when left out, and what may not go together.

Grammar and meaning of every key: ``docs/configuration.md``.
"""

from __future__ import annotations

import ssl
from typing import ClassVar, Literal

import msgspec

from exporter.config.tls import client_context
from exporter.config.units import Concurrency, Duration, FilePath, Interval, Name, Pattern, Secret, Size, Url

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
        return _missing_file("credentials_file", self.credentials_file)


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
        found = [p for key in ("ca_file", "cert_file", "key_file") for p in _missing_file(key, getattr(self, key))]
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


class Alerting(_Section, frozen=True, kw_only=True):
    """The alerting bridge."""

    alertmanagers: tuple[AlertmanagerConfig, ...]
    external_labels: dict[str, str] = {}
    resend_interval: Interval = Interval(60)
    unavailable_for: Duration = Duration(60)
    unreachable_for: Duration = Duration(120)
    hold: Duration = Duration(300)
    resolved_retention: Duration = Duration(900)


class Metrics(_Section, frozen=True, kw_only=True):
    """What the page shows."""

    status_series: Literal["dense", "sparse"] = "dense"
    exclude: tuple[Pattern, ...] = ()


class State(_Section, frozen=True, kw_only=True):
    """Where counters and cursors survive a restart."""

    path: FilePath


class Sharding(_Section, frozen=True, kw_only=True):
    """Which part of the pipelines this process serves."""

    compared = frozenset({"index", "total"})

    index: int = 0
    total: int = 1

    def problems(self) -> list[tuple[str, str]]:
        """The index counts from 0."""
        return [] if 0 <= self.index < self.total else [("index", "must be from 0 to total - 1")]


class Config(_Section, frozen=True, kw_only=True):
    """The whole file."""

    compared = frozenset({"sources"})

    sources: tuple[SourceConfig, ...]
    alerting: Alerting | None = None
    metrics: Metrics = Metrics()
    state: State | None = None
    stale_after: Interval = Interval(300)
    sharding: Sharding = Sharding()

    def inactive(self) -> list[str]:
        """The sections that are set and do nothing yet."""
        alerting = ["alerting"] if self.alerting else []
        return [*alerting, "sharding"] if self.sharding.total > 1 else alerting

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


def _missing_file(key: str, path: FilePath | None) -> list[tuple[str, str]]:
    if path is None:
        return []
    try:
        with open(path, "rb"):
            return []
    except OSError as error:
        return [(key, f"cannot read {path}: {error.strerror}")]
