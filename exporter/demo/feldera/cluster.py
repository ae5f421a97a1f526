"""The simulated cluster monitor: health of the services api, compiler and runner, as events with retention."""

from __future__ import annotations

from msgspec import Struct

from exporter.demo.feldera.errors import no_cluster_events
from exporter.demo.feldera.identity import Ids
from exporter.demo.feldera.schedule import Schedule

SERVICES = ("api", "compiler", "runner")
CHECK_SECONDS, SLOWEST_SECONDS = 10.0, 600.0
_KEPT, _KEPT_US = 1000, 72 * 3600 * 1_000_000


class Service(Struct, frozen=True):
    """What a check found out about one service."""

    status: str = "Healthy"
    message: str = "The service is healthy"

    @property
    def healthy(self) -> bool:
        """Whether the service passed the check."""
        return self.status == "Healthy"


class ClusterEvent(Struct, frozen=True):
    """One check that was worth recording. `at_us` in microseconds since the epoch."""

    id: int
    at_us: int
    services: dict[str, Service]

    @property
    def all_healthy(self) -> bool:
        """Whether every service passed."""
        return all(service.healthy for service in self.services.values())


class Cluster:
    """Records a change at once, else every 10 minutes while healthy, more often at first while not."""

    def __init__(self, schedule: Schedule, ids: Ids) -> None:
        self._schedule = schedule
        self._ids = ids
        self._round = 0
        self.frozen = False
        self.events: list[ClusterEvent] = []
        self.services: dict[str, Service] = dict.fromkeys(SERVICES, Service())

    def begin(self) -> None:
        """The first check, and from then on the others."""
        self._record(SLOWEST_SECONDS)

    def set(self, name: str, status: str, message: str) -> None:
        """The next check finds this service so."""
        self.services = {**self.services, name: Service(status, message)}
        self._record(CHECK_SECONDS)

    def latest(self) -> ClusterEvent:
        """The newest event, or NoClusterMonitorEventsAvailable."""
        if not self.events:
            raise no_cluster_events()
        return self.events[-1]

    def unchanged_since_us(self, name: str) -> int:
        """When the oldest of the newest events that agree about a service was recorded."""
        healthy = self.latest().services[name].healthy
        since = self.events[-1].at_us
        for event in reversed(self.events):
            if event.services[name].healthy != healthy:
                break
            since = event.at_us
        return since

    def _record(self, pause: float) -> None:
        self._round += 1
        if not self.frozen:
            now = self._schedule.now_us()
            self.events.append(ClusterEvent(self._ids.next(now), now, self.services))
            self._prune(now)
        self._plan(pause, self._round)

    def _plan(self, pause: float, turn: int) -> None:
        wait = SLOWEST_SECONDS if self._healthy() else pause

        def run() -> None:
            if self._round == turn:
                self._record(min(2 * pause, SLOWEST_SECONDS))

        self._schedule.at(self._schedule.now() + wait, run)

    def _healthy(self) -> bool:
        return all(service.healthy for service in self.services.values())

    def _prune(self, now_us: int) -> None:
        while len(self.events) > _KEPT or now_us - self.events[0].at_us > _KEPT_US:
            del self.events[0]
