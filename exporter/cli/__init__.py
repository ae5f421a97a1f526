"""The command ``pipeline-exporter``: its options, its output and its exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path

import click
import structlog

from exporter import __version__, memory
from exporter.alerts import report
from exporter.app import Application
from exporter.backfill.command import backfill as write_past
from exporter.backfill.plan import plan
from exporter.backfill.report import progress, summary
from exporter.cli.demo import demo, demo_server
from exporter.cli.options import config_option, listen_option, log_options, shard_options
from exporter.cli.process import (
    CONFIG_TYPES,
    configure_logs,
    listen_or_exit,
    load_config,
    or_exit,
    run_to_the_end,
    stop_on_signals,
)
from exporter.config import Alerting, Config
from exporter.config.file import load
from exporter.config.shard import Shard
from exporter.errors import OutputError, StateError
from exporter.statefile import StateFile, open_state
from exporter.web.server import url_of
from exporter.web.watched import WatchedConfig

log = structlog.get_logger(__name__)

_TAKEN_PATHS = ("/-/", "/api/", "/config", "/pipelines", "/static")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="pipeline-exporter")
def main() -> None:
    """Prometheus exporter and alerting bridge for the control planes of data pipelines."""


main.add_command(demo)
main.add_command(demo_server)


@main.command()
@config_option
@listen_option(":10777")
@click.option("--web.telemetry-path", "telemetry_path", default="/metrics", show_default=True, help="Metrics' path.")
@click.option("--web.config.file", "web_config_file", type=click.Path(path_type=Path), help="TLS and passwords (YAML).")
@click.option("--web.enable-lifecycle", "lifecycle", is_flag=True, help="Serve POST /-/reload.")
@shard_options
@log_options
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
    memory.spare_survivors()
    configure_logs(log_level, log_format)
    if not telemetry_path.startswith("/") or telemetry_path == "/" or telemetry_path.startswith(_TAKEN_PATHS):
        hint = f"must begin with /, name more than that, and not begin with {', '.join(_TAKEN_PATHS)}"
        raise click.BadParameter(hint, param_hint="--web.telemetry-path")
    config = load_config(config_file)
    shard_of = partial(_shard_of, index=shard_index, total=shard_total)
    or_exit(lambda: shard_of(config))
    if shard_index is not None and shard_total is None and config.sharding.total == 1:
        log.warning("--shard.index without a total: this exporter serves all pipelines; give --shard.total")
    watched = or_exit(lambda: WatchedConfig(web_config_file))
    sock = listen_or_exit(address)
    application = Application(
        config, load=lambda: load(config_file, CONFIG_TYPES), state=_state(config), shard_of=shard_of
    )
    run_to_the_end(_serve(application, sock, watched, telemetry_path=telemetry_path, enable_lifecycle=lifecycle))


@main.command("check-config")
@config_option
def check_config(config_file: Path) -> None:
    """Check the config file: exit 0, or 1 with every error, one sentence a line."""
    config = load_config(config_file)
    names = ", ".join(f"{source.name} ({source.type})" for source in config.sources)
    click.echo(f"{config_file}: valid; sources: {names}")
    if config.sharding.total > 1 and config.sharding.index is None:
        click.echo("sharding.index: to be told by --shard.index, or by the ordinal at the end of POD_NAME")


@main.command()
@config_option
@shard_options
@log_options
def once(config_file: Path, shard_index: int | None, shard_total: int | None, log_level: str, log_format: str) -> None:
    """Read every source once and print the metrics page; exit 1 if a source failed."""
    configure_logs(log_level, log_format)
    application = _application(load_config(config_file), shard_index, shard_total)
    worked = asyncio.run(application.read_once())
    _, pieces = application.publisher.identity("text")
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.exit(0 if worked else 1)


@main.command()
@config_option
@shard_options
@log_options
def alerts(
    config_file: Path, shard_index: int | None, shard_total: int | None, log_level: str, log_format: str
) -> None:
    """Read every source once and print which alerts would fire now; nothing is sent. Exit 1 if a source failed."""
    configure_logs(log_level, log_format)
    config = load_config(config_file)
    settings = config.alerting or Alerting(alertmanagers=())
    application = _application(config, shard_index, shard_total)
    worked = asyncio.run(application.read_once())
    boards = application.sources()
    reads = [report.Read(board.facts, bool(board.up), dict(board.problems)) for board in boards]
    report.show(report.would_fire(settings, reads, time.time()), reads, settings, report.console())
    sys.exit(0 if worked else 1)


@main.command()
@config_option
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The file to write; replaced if there.")
@click.option("--step", default="1m", show_default=True, help="Longest time between two samples, 5m at most.")
@click.option("--max-age", default="1y", show_default=True, help="How far back; what is older is left out.")
@click.option("--label", "labels", multiple=True, help="name=value: one more label for every series; repeatable.")
@log_options
def backfill(
    config_file: Path, output: Path, step: str, max_age: str, labels: tuple[str, ...], log_level: str, log_format: str
) -> None:
    """Write what the control planes remember as OpenMetrics text for promtool; exit 1 if a source failed."""
    configure_logs(log_level, log_format)
    config = load_config(config_file)
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


def _application(config: Config, shard_index: int | None, shard_total: int | None) -> Application:
    shard_of = partial(_shard_of, index=shard_index, total=shard_total)
    or_exit(lambda: shard_of(config))
    return Application(config, shard_of=shard_of)


def _shard_of(config: Config, *, index: int | None = None, total: int | None = None) -> Shard:
    return config.sharding.shard(os.environ, index=index, total=total)


def _state(config: Config) -> StateFile | None:
    try:
        return open_state(Path(config.state.path)) if config.state else None
    except StateError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


async def _serve(
    application: Application,
    sock: socket.socket,
    watched: WatchedConfig,
    *,
    telemetry_path: str = "/metrics",
    enable_lifecycle: bool = False,
) -> None:
    stop = stop_on_signals()
    reloads: set[asyncio.Task[str]] = set()

    def reload() -> None:
        reloads.add(task := asyncio.ensure_future(application.reload()))
        task.add_done_callback(reloads.discard)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    click.echo(f"serving {url_of(sock, tls=watched.tls)}{telemetry_path}", err=True)
    await application.serve(
        [sock], stop, watched=watched, telemetry_path=telemetry_path, enable_lifecycle=enable_lifecycle
    )
