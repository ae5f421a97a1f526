"""Real processes for tests: the exporter's commands, a simulated control plane, a Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "exporter")

CONFIG = """
sources:
  - name: prod
    type: feldera
    url: {url}
    poll_interval: 500ms
"""


def command(*arguments: str, timeout: float = 60, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the exporter to its end, with these variables in its environment."""
    env = {**os.environ, **environ}
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout, env=env)


@contextlib.asynccontextmanager
async def process(
    *arguments: str, ready: Callable[[str], str | None]
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A running process; what ``ready`` found in a line of its output, and the process itself."""
    running = await asyncio.create_subprocess_exec(
        *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert running.stdout is not None
    try:
        found = None
        while found is None:
            line = await asyncio.wait_for(running.stdout.readline(), 60)
            assert line, "the process ended before it was ready"
            found = ready(line.decode())
        drain = asyncio.create_task(running.stdout.read())
        yield found, running
    finally:
        if running.returncode is None:
            running.terminate()
        await asyncio.wait_for(running.wait(), 20)
        with contextlib.suppress(UnboundLocalError):
            await drain


def after(mark: str) -> Callable[[str], str | None]:
    """What follows ``mark`` in a line."""
    return lambda line: line.partition(mark)[2].strip() or None


@contextlib.asynccontextmanager
async def simulated(kind: str = "feldera", *, pipelines: int = 12) -> AsyncIterator[str]:
    """A simulated control plane in a process of its own; its address."""
    arguments = ("demo-server", "--listen-address=127.0.0.1:0", f"--kind={kind}", f"--pipelines={pipelines}")
    async with process(*COMMAND, *arguments, ready=after(f"simulated {kind}: ")) as (url, _):
        yield url


@contextlib.asynccontextmanager
async def exporter(config: Path, *arguments: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The exporter as ``pipeline-exporter run``; the address of its metrics page, and the process."""
    run = (*COMMAND, "run", f"--config.file={config}", "--web.listen-address=127.0.0.1:0", *arguments)
    async with process(*run, ready=after("serving ")) as found:
        yield found


@contextlib.asynccontextmanager
async def prometheus(path: str, folder: Path, target: str, *options: str) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus that scrapes ``target`` every second; a client for its API."""
    port = _free_port()
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        f"  - {{job_name: pipeline-exporter, static_configs: [{{targets: ['{target}']}}]}}\n"
    )
    arguments = (
        path,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *options,
    )
    async with (
        process(*arguments, ready=after("Server is ready to receive web requests")),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield client


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
