"""Simulated control planes in processes of their own, and how a test makes their pipelines fail and recover."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.e2e.processes import COMMAND, after, process

NAME = "delivered"
"""The pipeline that a test plays with."""


class Plane:
    """A simulated control plane; ``keys`` are what its section in the exporter's config needs beside its address."""

    code: str
    message: str

    def __init__(self, url: str, running: Process, client: httpx.AsyncClient) -> None:
        self.url = url
        self.keys: dict[str, Any] = {}
        self._process = running
        self._client = client

    async def tell(self, path: str, body: dict[str, Any] | None = None) -> bool:
        """Steer it; whether it could do what was asked for."""
        return (await self._client.post(f"/demo/{path}", json=body or {})).is_success

    async def look(self, path: str) -> Any:
        """Read something of it."""
        return (await self._client.get(path)).raise_for_status().json()

    async def fail(self) -> None:
        """The pipeline fails, with ``code`` and ``message``."""
        raise NotImplementedError

    async def recover(self) -> None:
        """It works again."""
        raise NotImplementedError

    async def stumble(self) -> None:
        """Both, within a moment."""
        await self.fail()
        await self.recover()

    @contextlib.asynccontextmanager
    async def gone(self) -> AsyncIterator[None]:
        """It answers nobody: the process stands still, and its connections with it."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


class Feldera(Plane):
    """A simulated Feldera with a pipeline that was added to it."""

    code, message = "RuntimeError.OutOfMemory", "it used more than 4096 MB"

    async def add(self, name: str, *, start: bool) -> None:
        """Another pipeline, compiled, and on its way to run if it is started."""
        assert await self.tell(f"pipelines/{name}/create", {"outcome": None, "program": "Success"})
        if start:
            assert await self.tell(f"pipelines/{name}/start")

    async def act(self, action: str, name: str = NAME, **body: Any) -> None:
        """Do something to a pipeline as soon as that is possible."""
        async with asyncio.timeout(60):
            while not await self.tell(f"pipelines/{name}/{action}", body):
                await asyncio.sleep(0.05)

    async def fail(self) -> None:
        """The pipeline dies."""
        await self.act("fail", error_code=self.code, message=self.message)

    async def recover(self) -> None:
        """It is started again."""
        await self.act("start")

    async def stumble(self) -> None:
        """A start fails, and the next one does not; all at once."""
        await self.act("fail_early", error_code=self.code, message=self.message)
        await self.act("start")


class Calyptia(Plane):
    """A simulated Calyptia Core with a pipeline that was added to it."""

    code, message = "FAILED", "back-off restarting failed container"

    async def fail(self) -> None:
        """The pipeline's deployment fails."""
        crash = {"reason": "CrashLoopBackOff", "source": "k8s:pod", "message": self.message}
        assert await self.tell("report", {"pipeline": NAME, "status": "FAILED", "events": [crash]})

    async def recover(self) -> None:
        """It is started again."""
        assert await self.tell("report", {"pipeline": NAME, "status": "STARTED", "events": []})


@contextlib.asynccontextmanager
async def _simulated(kind: str) -> AsyncIterator[tuple[str, Process, httpx.AsyncClient]]:
    command = (*COMMAND, "demo-server", "--listen-address=127.0.0.1:0", f"--kind={kind}", "--pipelines=1")
    async with (
        process(*command, ready=after(f"simulated {kind}: ")) as (url, running),
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield url, running, client


@contextlib.asynccontextmanager
async def feldera(*, start: bool = True) -> AsyncIterator[Feldera]:
    """A simulated Feldera with a pipeline of the test's own, on its way to run if it is started."""
    async with _simulated("feldera") as parts:
        plane = Feldera(*parts)
        await plane.add(NAME, start=start)
        yield plane


@contextlib.asynccontextmanager
async def calyptia() -> AsyncIterator[Calyptia]:
    """A simulated Calyptia Core, with a pipeline of the test's own that runs."""
    async with _simulated("calyptia") as parts:
        plane = Calyptia(*parts)
        look = {"name": NAME, "instance": "prod-eu-west", "status": "STARTED", "events": []}
        assert await plane.tell("add_pipeline", look)
        plane.keys = {"project_token": (await plane.look("/demo/facts"))["projectToken"]}
        yield plane
