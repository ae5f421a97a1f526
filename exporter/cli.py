"""The command ``pipeline-exporter``: its options, its output and its exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import click
import structlog
import yaml

from exporter import __version__, logs, memory
from exporter.alerts import report
from exporter.app import Application
from exporter.backfill.command import backfill as write_past
from exporter.backfill.plan import plan
from exporter.backfill.report import progress, summary
from exporter.config import Alerting, Config
from exporter.config.file import load, parse
from exporter.config.shard import Shard
from exporter.demo.servers import KINDS as SIMULATORS
from exporter.errors import ConfigError, OutputError, PipelineExporterError, StateError
from exporter.sources.kinds import KINDS
from exporter.statefile import StateFile, open_state
from exporter.web.server import Server, listen, url_of
from exporter.web.watched import WatchedConfig

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

log = structlog.get_logger(__name__)

_TAKEN_PATHS = ("/-/", "/api/", "/config", "/pipelines", "/static")
_CONFIG_TYPES = {name: kind.config for name, kind in KINDS.items()}


def _config_option(function: F) -> F:
    option = click.option(
        "--config.file", "config_file", type=click.Path(path_type=Path), required=True, help="The config file (YAML)."
    )
    return option(function)


def _log_options(function: F) -> F:
    level = click.option(
        "--log.level", "log_level", type=click.Choice(logs.LEVELS), default="info", show_default=True,
        help="Least severity that is logged.",
    )  # fmt: skip
    format = click.option(
        "--log.format", "log_format", type=click.Choice(["logfmt", "json"]), default="logfmt", show_default=True,
        help="How log lines are written.",
    )  # fmt: skip
    return level(format(function))


def _shard_options(function: F) -> F:
    index = click.option(
        "--shard.index", "shard_index", type=click.IntRange(min=0),
        help="Which part of the pipelines to serve, from 0; goes before the config file's.",
    )  # fmt: skip
    total = click.option(
        "--shard.total", "shard_total", type=click.IntRange(min=1),
        help="How many processes share the pipelines; goes before the config file's.",
    )  # fmt: skip
    return index(total(function))


def _listen_option(default: str) -> Callable[[F], F]:
    return click.option(
        "--web.listen-address", "address", default=default, show_default=True,
        help="Address to serve on; port 0 is a free one, which is printed.",
    )  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="pipeline-exporter")
def main() -> None:
    """Prometheus exporter and alerting bridge for the control planes of data pipelines."""


@main.command()
@_config_option
@_listen_option(":10777")
@click.option("--web.telemetry-path", "telemetry_path", default="/metrics", show_default=True, help="Metrics' path.")
@click.option(
    "--web.config.file", "web_config_file", type=click.Path(path_type=Path), help="TLS and passwords (YAML)."
)
@click.option("--web.enable-lifecycle", "lifecycle", is_flag=True, help="Serve POST /-/reload.")
@_shard_options
@_log_options
def run(
    config_file: Path,
    address: str,
    telemetry_path: str,
    web_config_file: Path | None,
    lifecycle: bool,
    shard_index: int | None,
    shard_total: int | None,
    log_level: str,
    log_format: str,
) -> None:
    """Read the control planes and serve /metrics until SIGTERM; SIGHUP loads the config file again."""
    memory.give_back()
    _configure_logs(log_level, log_format)
    if not telemetry_path.startswith("/") or telemetry_path == "/" or telemetry_path.startswith(_TAKEN_PATHS):
        hint = f"must begin with /, name more than that, and not begin with {', '.join(_TAKEN_PATHS)}"
        raise click.BadParameter(hint, param_hint="--web.telemetry-path")
    config = _load(config_file)
    shard_of = partial(_shard_of, index=shard_index, total=shard_total)
    _or_exit(lambda: shard_of(config))
    watched = _or_exit(lambda: WatchedConfig(web_config_file))
    sock = _listen(address)
    application = Application(
        config, load=lambda: load(config_file, _CONFIG_TYPES), state=_state(config), shard_of=shard_of
    )
    _run(_serve(application, sock, watched, telemetry_path=telemetry_path, enable_lifecycle=lifecycle))


@main.command("check-config")
@_config_option
def check_config(config_file: Path) -> None:
    """Check the config file: exit 0, or 1 with every error, one sentence a line."""
    config = _load(config_file)
    names = ", ".join(f"{source.name} ({source.type})" for source in config.sources)
    click.echo(f"{config_file}: valid; sources: {names}")


@main.command()
@_config_option
@_log_options
def once(config_file: Path, log_level: str, log_format: str) -> None:
    """Read every source once and print the metrics page; exit 1 if a source failed."""
    _configure_logs(log_level, log_format)
    application = _application(_load(config_file))
    worked = asyncio.run(application.read_once())
    _, pieces = application.publisher.identity("text")
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.exit(0 if worked else 1)


@main.command()
@_config_option
@_log_options
def alerts(config_file: Path, log_level: str, log_format: str) -> None:
    """Read every source once and print which alerts would fire now; nothing is sent. Exit 1 if a source failed."""
    _configure_logs(log_level, log_format)
    config = _load(config_file)
    settings = config.alerting or Alerting(alertmanagers=())
    application = _application(config)
    worked = asyncio.run(application.read_once())
    boards = application.sources()
    reads = [report.Read(board.facts, bool(board.up), dict(board.problems)) for board in boards]
    report.show(report.would_fire(settings, reads, time.time()), reads, settings, report.console())
    sys.exit(0 if worked else 1)


@main.command()
@_config_option
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The file to write; replaced if there.")
@click.option("--step", default="1m", show_default=True, help="Longest time between two samples, 5m at most.")
@click.option("--max-age", default="1y", show_default=True, help="How far back; what is older is left out.")
@click.option("--label", "labels", multiple=True, help="name=value: one more label for every series; repeatable.")
@_log_options
def backfill(
    config_file: Path, output: Path, step: str, max_age: str, labels: tuple[str, ...], log_level: str, log_format: str
) -> None:
    """Write what the control planes remember as OpenMetrics text for promtool; exit 1 if a source failed."""
    _configure_logs(log_level, log_format)
    config = _load(config_file)
    try:
        planned = plan(output, step=step, max_age=max_age, labels=labels)
        with progress() as tell:
            done = write_past(config, planned, tell)
    except (ValueError, OutputError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    click.echo(summary(done.written, planned) if done.written else f"nothing to write: {output} is as it was")
    for failure in done.failures:
        click.echo(f"not everything could be read: {failure}", err=True)
    sys.exit(1 if done.failures else 0)


@main.command()
@_listen_option("127.0.0.1:10777")
@click.option("--duration", type=click.FloatRange(min=0), help="Stop by itself after so many seconds.")
@click.option("--pipelines", type=click.IntRange(1, 100_000), default=24, show_default=True, help="Pipelines to play.")
@_log_options
def demo(address: str, duration: float | None, pipelines: int, log_level: str, log_format: str) -> None:
    """Run the exporter on simulated control planes that always have something to see."""
    _configure_logs(log_level, log_format)
    _run(_demo(_listen(address), duration, pipelines))


@main.command("demo-server")
@click.option("--listen-address", "address", required=True, help="host:port; port 0 is a free one, which is printed.")
@click.option("--kind", type=click.Choice(sorted(SIMULATORS)), required=True, help="Which control plane to simulate.")
@click.option("--pipelines", type=click.IntRange(1, 100_000), default=24, show_default=True, help="Pipelines to play.")
@click.option("--seed", default=0, show_default=True, help="Another seed, another story.")
def demo_server(address: str, kind: str, pipelines: int, seed: int) -> None:
    """Run only a simulated control plane."""
    _configure_logs("info", "logfmt")
    sock = _listen(address)
    simulated = SIMULATORS[kind](pipelines, seed)
    click.echo(f"simulated {kind}: {url_of(sock)}")
    _run(_simulate(Server(simulated.app), sock))


def _load(path: Path) -> Config:
    return _or_exit(lambda: load(path, _CONFIG_TYPES))


def _application(config: Config) -> Application:
    _or_exit(lambda: _shard_of(config))
    return Application(config, shard_of=_shard_of)


def _shard_of(config: Config, *, index: int | None = None, total: int | None = None) -> Shard:
    return config.sharding.shard(os.environ, index=index, total=total)


def _or_exit(configured: Callable[[], T]) -> T:
    """What a configuration gives; if it cannot be used every problem is told and the program ends."""
    try:
        return configured()
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(1)


def _state(config: Config) -> StateFile | None:
    try:
        return open_state(Path(config.state.path)) if config.state else None
    except StateError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _configure_logs(level: str, format: str) -> None:
    logs.configure(level=level, format=cast(Literal["logfmt", "json"], format))


def _listen(address: str) -> socket.socket:
    try:
        return listen(address)
    except ValueError as error:
        click.echo(str(error), err=True)
    except OSError as error:
        click.echo(f"cannot listen on {address}: {error.strerror}", err=True)
    sys.exit(1)


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, which a signal asks for; a second Ctrl-C does not wait."""
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(main)
    except PipelineExporterError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _serve(
    application: Application,
    sock: socket.socket,
    watched: WatchedConfig,
    *,
    telemetry_path: str = "/metrics",
    enable_lifecycle: bool = False,
) -> None:
    stop = _stop_on_signals()
    reloads: set[asyncio.Task[str]] = set()

    def reload() -> None:
        reloads.add(task := asyncio.ensure_future(application.reload()))
        task.add_done_callback(reloads.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    click.echo(f"serving {url_of(sock, tls=watched.tls)}{telemetry_path}", err=True)
    await application.serve(
        [sock], stop, watched=watched, telemetry_path=telemetry_path, enable_lifecycle=enable_lifecycle
    )


async def _simulate(server: Server, sock: socket.socket) -> None:
    stop = _stop_on_signals()
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
    stop = _stop_on_signals()
    if duration is not None:
        asyncio.get_running_loop().call_later(duration, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        urls, sources = {}, []
        for kind, simulate in SIMULATORS.items():
            simulated = simulate(pipelines, 0)
            urls[kind] = await stack.enter_async_context(_serving(Server(simulated.app), _free_port()))
            sources.append(_DEMO_SOURCE | {"name": f"demo-{kind}", "type": kind, "url": urls[kind], **simulated.keys})
        text = yaml.safe_dump({"sources": sources, "stale_after": "1m"})
        config = parse(text, _CONFIG_TYPES, environ={}, folder=Path())
        _announce(url_of(sock), urls)
        await Application(config).serve([sock], stop)


def _free_port() -> socket.socket:
    return listen("127.0.0.1:0")


_DEMO_SOURCE = {"poll_interval": "5s"}


def _announce(url: str, simulated: dict[str, str]) -> None:
    click.echo(f"exporter:             {url}/")
    click.echo(f"metrics:              {url}/metrics")
    for kind, address in simulated.items():
        click.echo(f"simulated {kind + ':':<12}{address}/")
    click.echo("Ctrl-C stops it.")
    sys.stdout.flush()
