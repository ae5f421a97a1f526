"""The commands ``demo`` and ``demo-server``: simulated control planes, with or without the exporter on them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import click
import yaml

from exporter.app import Application
from exporter.cli.options import listen_option, log_options
from exporter.cli.process import CONFIG_TYPES, configure_logs, listen_or_exit, run_to_the_end, stop_on_signals
from exporter.config.file import parse
from exporter.demo.servers import KINDS as SIMULATORS
from exporter.web.server import Server, listen, url_of

_DEMO_SOURCE = {"poll_interval": "5s"}


@click.command()
@listen_option("127.0.0.1:10777")
@click.option("--duration", type=click.FloatRange(min=0), help="Stop by itself after so many seconds.")
@click.option("--pipelines", type=click.IntRange(1, 100_000), default=24, show_default=True, help="Pipelines to play.")
@log_options
def demo(address: str, duration: float | None, pipelines: int, log_level: str, log_format: str) -> None:
    """Run the exporter on simulated control planes that always have something to see."""
    configure_logs(log_level, log_format)
    run_to_the_end(_demo(listen_or_exit(address), duration, pipelines))


@click.command("demo-server")
@click.option("--listen-address", "address", required=True, help="host:port; port 0 is a free one, which is printed.")
@click.option("--kind", type=click.Choice(sorted(SIMULATORS)), required=True, help="Which control plane to simulate.")
@click.option("--pipelines", type=click.IntRange(1, 100_000), default=24, show_default=True, help="Pipelines to play.")
@click.option("--seed", default=0, show_default=True, help="Another seed, another story.")
def demo_server(address: str, kind: str, pipelines: int, seed: int) -> None:
    """Run only a simulated control plane."""
    configure_logs("info", "logfmt")
    sock = listen_or_exit(address)
    simulated = SIMULATORS[kind](pipelines, seed)
    click.echo(f"simulated {kind}: {url_of(sock)}")
    for key, value in simulated.keys.items():
        click.echo(f"{key}: {value}")
    run_to_the_end(_simulate(Server(simulated.app), sock))


async def _simulate(server: Server, sock: socket.socket) -> None:
    stop = stop_on_signals()
    async with _serving(server, sock):
        await stop.wait()


@contextlib.asynccontextmanager
async def _serving(server: Server, sock: socket.socket) -> AsyncIterator[str]:
    """A server beside us, on ``sock``, while the block runs."""
    task = asyncio.create_task(server.serve([sock]))
    try:
        yield url_of(sock)
    finally:
        server.should_exit = True
        server.force_exit = True  # log streams have no end to wait for
        await task


async def _demo(sock: socket.socket, duration: float | None, pipelines: int) -> None:
    stop = stop_on_signals()
    if duration is not None:
        asyncio.get_running_loop().call_later(duration, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        urls, sources = {}, []
        for kind, simulate in SIMULATORS.items():
            simulated = simulate(pipelines, 0)
            urls[kind] = await stack.enter_async_context(_serving(Server(simulated.app), _free_port()))
            sources.append(_DEMO_SOURCE | {"name": f"demo-{kind}", "type": kind, "url": urls[kind], **simulated.keys})
        text = yaml.safe_dump({"sources": sources, "stale_after": "1m"})
        config = parse(text, CONFIG_TYPES, environ={}, folder=Path())
        _announce(url_of(sock), urls)
        await Application(config).serve([sock], stop)


def _free_port() -> socket.socket:
    return listen("127.0.0.1:0")


def _announce(url: str, simulated: dict[str, str]) -> None:
    click.echo(f"exporter:             {url}/")
    click.echo(f"metrics:              {url}/metrics")
    for kind, address in simulated.items():
        click.echo(f"simulated {kind + ':':<12}{address}/")
    click.echo("Ctrl-C stops it.")
    sys.stdout.flush()
