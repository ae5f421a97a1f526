"""An exporter between two simulated control planes and two Alertmanagers, with a proxy before all but the last."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.demo.calyptia import World as CalyptiaWorld
from exporter.demo.calyptia import create_app as calyptia_app
from exporter.demo.feldera.api import create_app as feldera_app
from exporter.demo.feldera.logs import LogLimits
from tests.alerting.receivers import Fake
from tests.e2e.harness import immediate_world, serving
from tests.faults.plays import crowd, listing
from tests.faults.proxy import Proxy
from tests.faults.table import SOURCES, Certificate, Fault, Stage
from tests.faults.vitals import Page, Watched, launched

POLL_SECONDS: Mapping[Stage, float] = {"plain": 0.2, "secure": 0.2, "lasting": 0.2, "large": 1.0}
_AHEAD_SECONDS = 65.0  # an event may be a minute younger than the last poll, and there is rounding
BYSTANDER = "bystander"
FOLLOWED = ("feldera", BYSTANDER)
NAMES = ("orders", "clicks", "fraud", "stock", "tax")
_NEEDED = "pipeline_(exporter_.*|info|events|deployment_failures|status_transitions|status_seconds|last_event.*)"

_LOG_LIMITS = LogLimits(max_lines=200)  # few, so that there are gaps
_LIMITS: Mapping[Stage, dict[str, Any]] = {
    "plain": {"timeout": "1s", "max_response_bytes": "8MiB"},
    "secure": {"timeout": "1s"},
    "lasting": {"timeout": "1s", "max_response_bytes": "8MiB", "history_interval": "10s"},
    "large": {"timeout": "20s", "max_response_bytes": "64MiB"},
}
_ALERTING = {"resend_interval": "1s", "hold": "1s", "unavailable_for": "1s", "unreachable_for": "1s"}


class Certificates:
    """What servers can prove themselves with, and the CA that the exporter trusts."""

    def __init__(self, folder: Path) -> None:
        ca, past = trustme.CA(), datetime.now(UTC) - timedelta(days=1)
        self.ca_file = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(self.ca_file))
        old = ca.issue_cert("127.0.0.1", not_before=past - timedelta(days=1), not_after=past)
        self.contexts: dict[Certificate, ssl.SSLContext] = {
            "": _context(ca.issue_cert("127.0.0.1")),
            "expired": _context(old),
            "of a stranger": _context(trustme.CA().issue_cert("127.0.0.1")),
            "of another host": _context(ca.issue_cert("other.example")),
        }


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def _without_cursor(app: ASGIApp) -> ASGIApp:
    """A Feldera of before 0.351: its log streams begin with all that is there."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "query_string": b""} if scope["path"].endswith("/logs") else scope, receive, send)

    return answer


class Theatre:
    """The exporter and everybody around it. ``since`` is the time from which on all that happens is counted."""

    def __init__(self, kind: Stage, folder: Path, certificates: Certificates | None) -> None:
        self.kind = kind
        self.feldera = immediate_world(names=NAMES)
        self.feldera.logbook.limits = _LOG_LIMITS
        self.feldera.restart_runner()  # the logs begin anew, with these limits
        self.calyptia = CalyptiaWorld(journal=True)
        for name in NAMES:
            self.calyptia.add_pipeline(name, status="STARTED", events=[])
        self.heard, self.witness = Fake(), Fake()
        self.proxies: dict[str, Proxy] = {}
        self.exporter: Watched
        self.opened = self.since = 0.0
        self._witness_url = ""
        self._certificates = certificates
        self._behind: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._lines_before = {row.id: self.feldera.logbook.of(row).last for row in self.feldera.rows()}
        self._config = folder / "config.json"
        self._limits = {"poll_interval": f"{POLL_SECONDS[kind] * 1000:.0f}ms", **_LIMITS[kind]}
        self._turn = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Theatre]:
        """Everything runs, and the exporter knows all there is."""
        apps = {
            "feldera": feldera_app(self.feldera),
            "calyptia": calyptia_app(self.calyptia),
            "alertmanager": self.heard.app,
        }
        context = self._certificates.contexts[""] if self._certificates else None
        async with contextlib.AsyncExitStack() as stack:
            self._witness_url = await stack.enter_async_context(serving(self.witness.app))
            older = _without_cursor(feldera_app(self.feldera))
            self._behind[BYSTANDER] = await stack.enter_async_context(serving(older))
            for name, app in apps.items():
                self._behind[name] = await stack.enter_async_context(serving(app))
                proxy = Proxy(self._behind[name], context=context)
                self.proxies[name] = await stack.enter_async_context(proxy.running())
            self._write()
            self.opened = time.time()
            await self.launch()
            try:
                await self._settle()
                yield self
            finally:
                await self.exporter.end()

    async def launch(self) -> None:
        """Start the exporter; one that keeps its state goes on where another one ended."""
        module = "tests.faults.counted" if self.kind == "lasting" else "exporter"
        self.exporter = await launched(self._config, module=module)

    async def _settle(self) -> None:
        for source in SOURCES:
            await self.exporter.until(
                lambda page, source=source: (  # type: ignore[misc]
                    len(page.samples("pipeline_last_event_timestamp_seconds", source=source)) == len(NAMES)
                )
            )
        if self.kind == "lasting":
            await self._begin_logs()
        self.since = time.time()

    async def _begin_logs(self) -> None:
        """Have a line of each log counted, after which the reading goes on by the server's own numbers."""
        for row in self.feldera.rows():
            self.feldera.log(row.name, f"[{row.name}] {datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}  INFO target: first")
        await self.exporter.until(lambda page: all(lines[0] for key in FOLLOWED for lines in self.lines(page, key)))

    def _url(self, name: str) -> str:
        scheme = "https" if self._certificates else "http"
        return f"{scheme}://{self.address(name)}"

    def address(self, name: str) -> str:
        """Where the exporter finds a target, as host:port."""
        return f"{self._hosts.get(name, '127.0.0.1')}:{self.proxies[name].port}"

    def _write(self) -> None:
        tls = {"tls_config": {"ca_file": str(self._certificates.ca_file)}} if self._certificates else {}
        keys = {"feldera": {}, "calyptia": {"project_token": self.calyptia.project_token}}
        sources = [
            {"name": name, "type": name, "url": self._url(name), **self._limits, **tls, **keys[name]}
            for name in SOURCES
        ]
        members = [{"url": self._url("alertmanager"), "timeout": "1s", **tls}, {"url": self._witness_url}]
        config = {"sources": sources, "alerting": {"alertmanagers": members, **_ALERTING}}
        if self.kind == "large":  # the reading is what is tried here, not the length of the page
            config["metrics"] = {"status_series": "sparse", "exclude": [f"(?!{_NEEDED}).*"]}
        if self.kind == "lasting":
            sources[0]["logs"] = {"include": [".*"]}
            bystander = {**sources[0], "name": BYSTANDER, "url": self._behind[BYSTANDER]}
            config |= {"sources": [*sources, bystander], "state": {"path": str(self._config.with_name("state.db"))}}
        self._config.write_text(json.dumps(config))

    async def enter(self, fault: Fault, target: str) -> None:
        """Put a fault in the way."""
        if fault.host:
            await self._move(target, fault.host)
            return
        contexts = self._certificates.contexts if self._certificates else {}
        await self.proxies[target].fault(
            fault.play, door=fault.door, context=contexts[fault.certificate] if fault.certificate else "usual"
        )

    async def leave(self, fault: Fault, target: str) -> None:
        """Take it away again."""
        await (self._move(target, "127.0.0.1") if fault.host else self.proxies[target].mend())

    async def _move(self, target: str, host: str) -> None:
        """Have the exporter look for a target elsewhere."""
        self._hosts[target] = host
        self._write()
        self.exporter.send(signal.SIGHUP)
        await asyncio.sleep(0)

    async def usually(self, target: str, pipelines: int | None) -> None:
        """Have a source show so many pipelines, most of them made up, while there is no fault."""
        self.proxies[target].usual = listing(crowd(pipelines)) if pipelines else None
        size = pipelines or len(NAMES)
        await self.exporter.until(
            lambda page: page.value("pipeline_exporter_source_pipelines", source=target) == size, seconds=120
        )

    def stir(self, target: str, message: str, *, mend: bool = True) -> None:
        """A pipeline fails and, if it is to, runs again."""
        self._turn += 1
        name = NAMES[self._turn % len(NAMES)]
        if target == "calyptia":
            self.calyptia.report(name, "FAILED")
            self.calyptia.report(name, "STARTED")
            return
        self.feldera.fail(name, "RuntimeError.WorkerPanic", message)
        if mend:
            self.feldera.start(name)

    def restart(self) -> None:
        """Whatever failed runs again."""
        for row in self.feldera.rows():
            if row.error is not None:
                self.feldera.start(row.name)

    def lacking(self, page: Page, source: str) -> str:
        """What a page does not tell of a source as the simulator's own record has it; empty: it tells all."""
        labels = {"source": source}
        if page.value("pipeline_exporter_source_up", **labels) != 1:
            return "it is not up"
        wanted = self.recorded()[source]
        found = page.label("pipeline_info", "pipeline", **labels)
        if missing := wanted.keys() - found:
            return f"{len(missing)} pipelines are missing"
        return self._miscounted(page, source, wanted)

    def _miscounted(self, page: Page, source: str, wanted: Mapping[str, tuple[int, ...]]) -> str:
        names = ("pipeline_events_total", "pipeline_deployment_failures_total", "pipeline_status_transitions_total")
        for pipeline, counts in wanted.items():
            told = tuple(page.value(name, source=source, pipeline=pipeline) for name in names)
            if told != counts:
                return f"{pipeline}: events, failures, transitions are {told} and should be {counts}"
            if not 0 <= self.seconds(page, source, pipeline) <= time.time() - self.opened + _AHEAD_SECONDS:
                return f"{pipeline}: {self.seconds(page, source, pipeline)} s passed, says the time in its statuses"
        return ""

    def misread(self, page: Page, source: str) -> str:
        """A log whose lines a page does not tell, each once, as counted or lost; empty: none.

        Without a cursor, lines that came while nobody read may be left out: in doubt a line is not counted.
        """
        for counted, lost, written in self.lines(page, source):
            if counted + lost > written or (counted + lost < written and source != BYSTANDER):
                return f"{counted:.0f} lines of a log are counted and {lost:.0f} lost, {written} were written"
        return ""

    def lines(self, page: Page, source: str) -> Iterator[tuple[float, float, int]]:
        """Of each log the lines that are counted, those that are lost, and those that were written."""
        for row in self.feldera.rows():
            labels = {"source": source, "pipeline": f"pipeline-{row.id}"}
            counted = page.value("pipeline_log_lines_total", **labels)
            written = self.feldera.logbook.of(row).last - self._lines_before.get(row.id, 0)
            yield counted, page.value("pipeline_log_lines_lost_total", **labels), written

    def seconds(self, page: Page, source: str, pipeline: str) -> float:
        """The time that a pipeline has been watched, as the time in its statuses has it."""
        dimension = {"feldera": "resources", "calyptia": "deployment"}[source]
        return page.value("pipeline_status_seconds_total", source=source, pipeline=pipeline, dimension=dimension)

    def recorded(self) -> dict[str, dict[str, tuple[int, ...]]]:
        feldera = {row.id: self.feldera.counts(row.id, self.since) for row in self.feldera.rows()}
        assert self.calyptia.journal is not None
        living = {pipeline.body.id for pipeline in self.calyptia.pipelines()}
        calyptia = {key: c for key, c in self.calyptia.journal.counts(self.since).items() if key in living}
        return {
            "feldera": {
                f"pipeline-{key}": (c.events, c.failures, sum(c.transitions.values())) for key, c in feldera.items()
            },
            "calyptia": {key: (c.rows, c.failures, sum(c.transitions.values())) for key, c in calyptia.items()},
        }
