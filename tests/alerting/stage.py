"""The engine on a clock of the test's own, with one source that says what the test wants."""

from __future__ import annotations

from typing import Any

from exporter.alerts.alert import Alert
from exporter.alerts.engine import Engine
from exporter.alerts.explain import Places
from exporter.alerts.memory import Memory
from exporter.config import Alerting, AlertmanagerConfig
from exporter.config.units import Url
from exporter.history.pipeline import PipelineHistory
from exporter.model import DeploymentError, Event, Fact, HistoryRead, Pipeline, Snapshot, Status
from exporter.sources.kinds import KINDS
from exporter.store import SourceFacts

ALERTMANAGER = "http://am:9093"
ERROR = "PipelineDeploymentError"
UNREACHABLE = "PipelineSourceUnreachable"
WATCHDOG = "PipelineExporterWatchdog"
BEGIN = 1_700_000_000.0
DIMENSIONS = KINDS["feldera"].dimensions
RUNNING = ("Provisioned", "Running", "Success", "InUse")
STOPPED = ("Stopped", None, "Success", "InUse")


def alerting(**keys: Any) -> Alerting:
    """Settings with one Alertmanager and these keys."""
    return Alerting(alertmanagers=(AlertmanagerConfig(url=Url(ALERTMANAGER)),), **keys)


def pipeline(name: str = "a", *, error: str = "", message: str = "", **statuses: str | Status) -> Pipeline:
    """A pipeline with this id and name, an error if there is a code, and these statuses."""
    shown = {key: value if isinstance(value, Status) else Status(value) for key, value in statuses.items()}
    failure = DeploymentError(error, message) if error else None
    return Pipeline(name, name, shown, "failed" if error else "healthy", error=failure)


def event(number: int, at: float, *, error: bool = False) -> Event:
    """An entry of a history: stopped by an error, or running."""
    return Event(f"{number:08d}-0000-0000-0000-000000000000", at, STOPPED if error else RUNNING, has_error=error)


def names(alerts: list[Alert]) -> list[str]:
    """The names of alerts without the watchdog, in order."""
    return sorted(alert.name for alert in alerts if alert.name != WATCHDOG)


class Stage:
    """One source ``prod``, the engine, and what would lie in the state file.

    ``now`` is everybody's time. ``receivers`` hear of the alerts.
    """

    def __init__(self, settings: Alerting | None = None, *, before: Stage | None = None, state: bool = True) -> None:
        self.settings: Alerting = settings or (before.settings if before else alerting())
        self.receivers = [ALERTMANAGER]
        self.now: float = before.now if before else BEGIN
        self.file: dict[tuple[str, str], bytes] = dict(before.file) if before and state else {}
        self.facts = SourceFacts("prod", kind="feldera", dimensions=DIMENSIONS)
        if before and state:
            _go_on(self.facts, before.facts)
        self.memory = Memory()
        self.memory.restore([(*key, row) for key, row in self.file.items()])
        self.engine = Engine(self.settings, Places("http://exporter", "http://books", ""), self.receivers, self.memory)
        self.engine.watch(self.facts)

    def restarted(self, *, state: bool = True) -> Stage:
        """The exporter's next life, with what was written last if there is a state file."""
        return Stage(before=self, state=state)

    def deliver(self, fact: Fact) -> None:
        """A fact of the source comes in."""
        self.engine.note("prod", fact, self.facts.apply(fact))

    def poll(self, *changed: Pipeline, gone: tuple[str, ...] = ()) -> list[Alert]:
        """A good poll, and what is sent then."""
        self.deliver(Snapshot(self.now, changed, gone))
        self.engine.ended("prod", "poll", self.now, success=True)
        return self.step()

    def fail(self, why: str = "timeout") -> list[Alert]:
        """A poll that does not work, and what is sent then."""
        self.engine.ended("prod", "poll", self.now, success=False, why=why)
        return self.step()

    def read(self, name: str, *events: Event) -> list[Alert]:
        """The history of a pipeline is read, and what is sent then."""
        self.deliver(HistoryRead(name, events))
        return self.step()

    def swept(self) -> list[Alert]:
        """All histories have been read, and what is sent then."""
        self.engine.ended("prod", "history", self.now, success=True)
        return self.step()

    def later(self, seconds: float) -> list[Alert]:
        """So many seconds later; what is sent then."""
        self.now += seconds
        return self.step()

    def step(self) -> list[Alert]:
        """Decide everything there is to decide and write it down; what is sent to the Alertmanager."""
        sent = self.engine.step(self.now)
        while self.engine.busy:
            sent += self.engine.step(self.now)
        for kind, key, row in self.memory.changes():
            self.file.pop((kind, key), None)
            if row is not None:
                self.file[kind, key] = row
        return [alert for alert in sent if alert.is_news_to(ALERTMANAGER, self.now)]

    def accept(self, name: str = ERROR, about: str = "a") -> None:
        """The Alertmanager takes in what was said of an alert."""
        self.engine.accepted(ALERTMANAGER, self.alert(name, about).notice(), self.now)

    def firing(self) -> set[tuple[str, str]]:
        """Names of the alerts that fire, and what they are about: a pipeline, else the source; not the watchdog."""
        found = ((alert.name, alert.subject) for alert in self.engine.all() if alert.fires and alert.name != WATCHDOG)
        return {(name, subject[1] or subject[0]) for name, subject in found}

    def alert(self, name: str = ERROR, about: str = "a") -> Alert:
        """The one alert of this name about a pipeline or the source."""
        (found,) = [alert for alert in self.engine.all() if alert.name == name and about in alert.subject]
        return found


def _go_on(facts: SourceFacts, before: SourceFacts) -> None:
    """Take over the history as the state file keeps it."""
    saved = {key: PipelineHistory.restored(history.saved()) for key, history in before.history.pipelines.items()}
    facts.history.restore(before.history.saved(), saved)
    facts.reopened()
