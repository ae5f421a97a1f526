"""Things that happen on the control planes while the boards are watched: failures, traces, an outage, events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx

from tests.dashboards.live import Setting

_RECORDS = [{"type": kind, "plugin": f"{name}.0", "alias": name} for kind, name in ((1, "in"), (2, "grep"), (4, "out"))]


@contextlib.asynccontextmanager
async def stirred(live: Setting) -> AsyncIterator[None]:
    """Keep both control planes busy."""
    tasks = [asyncio.create_task(_feldera(live.feldera)), asyncio.create_task(_calyptia(live.calyptia))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [error for error in ended if not isinstance(error, asyncio.CancelledError)] == []


async def _feldera(client: httpx.AsyncClient) -> None:
    """A pipeline that runs dies; connectors have errors; for some seconds nothing answers."""
    await asyncio.sleep(3)
    found = (await client.get("/v0/pipelines", params={"selector": "status"})).json()
    running = [row["name"] for row in found if row["deployment_status"] == "Running"]
    await _post(client, f"/demo/pipelines/{running[0]}/fail", {"error_code": "RuntimeError.WorkerPanic"})
    await _post(client, f"/demo/pipelines/{running[1]}/connector_errors", {"count": 3})
    while True:
        await _post(client, "/demo/switches", {"outage_status": 500})
        await asyncio.sleep(3)
        await _post(client, "/demo/switches", {"outage_status": None})
        await asyncio.sleep(12)


async def _calyptia(client: httpx.AsyncClient) -> None:
    """A pipeline is traced, and another one fails again and again with an event of Kubernetes."""
    known = (await client.get("/demo/facts")).json()["pipelines"]
    names = [name for name in known if not name.startswith("health-check-")]
    session = (await _post(client, "/demo/start_trace", {"pipeline": names[0], "lifespan": 600}))["result"]
    while True:
        for record in _RECORDS:
            await _post(client, "/demo/emit_record", {"session": session, "record": record})
        events = [{"reason": "BackOff", "source": "k8s:pod"}]
        for status in ("FAILED", "STARTED"):
            await _post(client, "/demo/report", {"pipeline": names[2], "status": status, "events": events})
            await asyncio.sleep(0.7)


async def _post(client: httpx.AsyncClient, path: str, body: object) -> dict[str, str]:
    answer = await client.post(path, json=body)
    answer.raise_for_status()
    return answer.json()  # type: ignore[no-any-return]
