"""The GET endpoints of the simulated API, except the log stream."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.demo.feldera import wire
from exporter.demo.feldera.answers import Handler, accepts_gzip, empty, encoded, json, json_bytes
from exporter.demo.feldera.cluster import ClusterEvent
from exporter.demo.feldera.errors import (
    invalid_selector,
    invalid_uuid,
    no_events,
    unknown_cluster_event,
    unknown_event,
)
from exporter.demo.feldera.listing import Listing
from exporter.demo.feldera.rows import Event
from exporter.demo.feldera.world import World

_PIPELINE_SELECTORS = ("all", "status", "status_with_connectors")
_EVENT_SELECTORS = ("status", "all")
_TENANT = "0191f6a4-5b1c-7000-8000-000000000001"
_COMMIT = "5c7931d09fc37e0976143e50a81169dbd98ec0cc"
_BUILD = {
    "build_timestamp": "2026-10-23T09:00:00Z", "build_cpu": "x86_64", "build_os": "linux",
    "cargo_dependencies": "", "cargo_features": "", "cargo_debug": "false", "cargo_opt_level": "3",
    "cargo_target_triple": "x86_64-unknown-linux-gnu", "rustc_version": "1.90.0",
}  # fmt: skip


class Reads:
    """The handlers, over one world."""

    def __init__(self, world: World, *, authenticated: bool) -> None:
        self._world = world
        self._authenticated = authenticated
        self._listings = {selector: Listing(world.ledger, selector) for selector in _PIPELINE_SELECTORS}

    def routes(self) -> list[Route]:
        """Where each handler answers."""
        pipeline = "/v0/pipelines/{name}"
        table: list[tuple[str, Handler]] = [
            ("/v0/pipelines", self.pipelines),
            (pipeline, self.pipeline),
            (f"{pipeline}/events", self.events),
            (f"{pipeline}/events/{{event_id}}", self.event),
            ("/v0/cluster/events", self.cluster_events),
            ("/v0/cluster/events/{event_id}", self.cluster_event),
            ("/v0/cluster_healthz", self.cluster_health),
            ("/v0/config", self.config),
            ("/v0/config/session", self.session),
            ("/config/authentication", self.authentication),
            ("/healthz", self.health),
        ]
        return [Route(path, handler, methods=["GET"]) for path, handler in table]

    async def pipelines(self, request: Request) -> Response:
        """All pipelines."""
        listing = self._listings[_selector(request, _PIPELINE_SELECTORS)]
        if accepts_gzip(request):
            return json_bytes(listing.gzipped(), zipped=True)
        return json_bytes(listing.plain())

    async def pipeline(self, request: Request) -> Response:
        """One pipeline."""
        selector = _selector(request, _PIPELINE_SELECTORS)
        return json(request, wire.pipeline(self._world.find(request.path_params["name"]), selector))

    async def events(self, request: Request) -> Response:
        """The retained events of a pipeline, newest first."""
        if not self._world.events_api:
            return empty(404)
        selector = _selector(request, _EVENT_SELECTORS)
        recorded = self._world.events(request.path_params["name"])
        return json(request, [wire.event(event, selector) for event in reversed(recorded)])

    async def event(self, request: Request) -> Response:
        """One event of a pipeline, by its id or the latest."""
        if not self._world.events_api:
            return empty(404)
        selector = _selector(request, _EVENT_SELECTORS)
        recorded = self._world.events(request.path_params["name"])
        return json(request, wire.event(_pick(recorded, request.path_params["event_id"]), selector))

    async def cluster_events(self, request: Request) -> Response:
        """The retained events of the cluster, newest first."""
        selector = _selector(request, _EVENT_SELECTORS)
        recorded = reversed(self._world.cluster.events)
        return json(request, [wire.cluster_event(event, selector) for event in recorded])

    async def cluster_event(self, request: Request) -> Response:
        """One event of the cluster, by its id or the latest."""
        selector = _selector(request, _EVENT_SELECTORS)
        return json(request, wire.cluster_event(self._cluster_event(request.path_params["event_id"]), selector))

    async def cluster_health(self, request: Request) -> Response:
        """The health of the services: 503 with the same body if one is not healthy."""
        health = wire.cluster_health(self._world.cluster)
        return json(request, health, 200 if health["all_healthy"] else 503)

    async def config(self, request: Request) -> Response:
        """What the platform says of itself."""
        return json(request, _config(self._world.version))

    async def session(self, request: Request) -> Response:
        """Whose data this is."""
        role = "read" if self._authenticated else "owner"
        session = {"tenant_id": _TENANT, "tenant_name": "default", "role": role, "memberships": []}
        return json(request, session)

    async def authentication(self, request: Request) -> Response:
        """How to authenticate: `{}` if there is no need."""
        provider = {"issuer": "https://login.example.com", "client_id": "feldera", "extra_oidc_scopes": []}
        return json(request, {"GenericOidc": provider} if self._authenticated else {})

    async def health(self, request: Request) -> Response:
        """Whether the API server reaches its database."""
        if self._world.database_down:
            return json(request, {"status": "unhealthy: unable to reach the database"}, 500)
        return encoded(request, b'{"status":"healthy"}')

    def _cluster_event(self, event_id: str) -> ClusterEvent:
        cluster = self._world.cluster
        if event_id == "latest":
            return cluster.latest()
        number = _uuid(event_id)
        for event in cluster.events:
            if event.id == number:
                return event
        raise unknown_cluster_event(event_id)


def _config(version: str) -> dict[str, Any]:
    return {
        "posthog": "", "conceptualhq": "", "product_fruits": "",
        "edition": "Open source", "version": version, "revision": _COMMIT, "runtime_revision": _COMMIT,
        "changelog_url": "https://docs.feldera.com/changelog", "license_validity": None, "update_info": None,
        "unstable_features": None, "build_info": _BUILD, "build_source": "ci",
    }  # fmt: skip


def _selector(request: Request, known: tuple[str, ...]) -> str:
    """The selector of a request; the first known one is the default."""
    selector = request.query_params.get("selector", known[0])
    if selector not in known:
        raise invalid_selector(selector)
    return selector


def _pick(events: list[Event], event_id: str) -> Event:
    if event_id == "latest":
        if not events:
            raise no_events()
        return events[-1]
    number = _uuid(event_id)
    for event in events:
        if event.id == number:
            return event
    raise unknown_event(event_id)


def _uuid(text: str) -> int:
    try:
        return UUID(text).int
    except ValueError:
        raise invalid_uuid(text) from None
