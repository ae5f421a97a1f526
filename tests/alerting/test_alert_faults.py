"""Faults of our own: one pipeline that cannot be decided about takes no other with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from structlog.testing import capture_logs

from exporter.alerts.bridge import Bridge
from exporter.alerts.memory import Row
from exporter.config import Alerting, AlertmanagerConfig
from exporter.config.units import Url
from exporter.metrics.own import OwnMetrics
from exporter.model import FailureRead, Snapshot
from exporter.persistence import Saver
from exporter.store import SourceFacts
from exporter.supervise import Supervisor
from tests.alerting.receivers import Fake, until
from tests.alerting.stage import BEGIN, DIMENSIONS, ERROR, WATCHDOG, Stage, alerting, names, pipeline
from tests.e2e.harness import serving

FAILED = [pipeline(f"p{number}", error="E") for number in range(600)]


class Poison(dict[str, FailureRead]):
    """Failures, those of one pipeline of which nobody can look at."""

    guilty: str | None = "p3"

    def get(self, key: str, default: Any = None) -> Any:
        """How a pipeline failed."""
        if key == self.guilty:
            raise ValueError("a fault of ours")
        return super().get(key, default)


def poisoned(facts: SourceFacts) -> Poison:
    """Put the poison into a source."""
    facts.failures = poison = Poison()
    return poison


def test_the_others_are_decided() -> None:
    """Of six hundred failed pipelines all but the one are told at once."""
    stage = Stage()
    poisoned(stage.facts)
    assert names(stage.poll(*FAILED)) == [ERROR] * 599
    assert (ERROR, "p3") not in stage.firing()


def test_it_stays_as_it_was_and_is_looked_at_again() -> None:
    """What fires goes on firing; once it can be decided about it is, without a change."""
    stage = Stage()
    stage.poll(*FAILED[:5])
    poison = poisoned(stage.facts)
    stage.now += 60
    stage.poll(*(pipeline(f"p{number}") for number in range(5)))
    assert stage.firing() == {(ERROR, "p3")}
    stage.later(60)
    assert stage.firing() == {(ERROR, "p3")}
    poison.guilty = None
    stage.later(60)
    assert stage.firing() == set()


async def test_it_is_counted_each_time_and_logged_once_in_a_row() -> None:
    """With source, pipeline and traceback; again after it was fine in between."""
    now, metrics, facts = [BEGIN], OwnMetrics(), SourceFacts("prod", kind="feldera", dimensions=DIMENSIONS)
    bridge = Bridge(Saver(None, written=lambda worked: None), metrics, clock=lambda: now[0])
    await bridge.configure(alerting(), "http://exporter")
    bridge.watch(facts)
    poison = poisoned(facts)
    with capture_logs() as logs:
        for guilty in ("p3", "p3", None, "p3"):
            poison.guilty = guilty
            now[0] += 60
            bridge.note("prod", fact := Snapshot(now[0], tuple(FAILED[:5])), facts.apply(fact))
            bridge.ended("prod", "poll", success=True)
            await bridge._turn()
    await bridge.aclose()
    said = [(line["source"], line["pipeline"], str(line["exc_info"])) for line in logs]
    assert said == [("prod", "p3", "a fault of ours")] * 2
    assert 'pipeline_exporter_part_restarts_total{part="alerts"} 3.0' in metrics.render("text").decode()


class Stumbling(Saver):
    """Cannot take what is to be written, the first time."""

    stumbled = False

    def note_alerts(self, rows: Iterable[Row]) -> None:
        """Rows to write."""
        if not self.stumbled:
            self.stumbled = True
            raise OSError("a fault of ours")
        super().note_alerts(rows)


async def test_a_fault_of_the_bridge_itself_is_a_new_beginning() -> None:
    """It is counted and logged as that of any other part; what was to be sent is sent all the same."""
    fake, restarted = Fake(), list[str]()
    bridge, supervisor = (
        Bridge(Stumbling(None, written=lambda worked: None), OwnMetrics()),
        Supervisor(restarted.append),
    )
    async with serving(fake.app) as url:
        await bridge.configure(Alerting(alertmanagers=(AlertmanagerConfig(url=Url(url)),)), "http://exporter")
        with capture_logs() as logs:
            supervisor.start("alerts", bridge.run)
            await until(lambda: fake.taken() and restarted)
            await supervisor.stop()
            await bridge.aclose()
    assert restarted == ["alerts"]
    assert [line["log_level"] for line in logs] == ["error"]
    assert {alert["labels"]["alertname"] for alert in fake.taken()} == {WATCHDOG}
