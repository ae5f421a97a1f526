"""What commands do as a process: load, listen, run until a signal, and say in a sentence why they cannot."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import click

from exporter import logs
from exporter.config import Config
from exporter.config.file import load
from exporter.errors import ConfigError, PipelineExporterError
from exporter.sources.kinds import KINDS
from exporter.web.server import listen

T = TypeVar("T")

CONFIG_TYPES = {name: kind.config for name, kind in KINDS.items()}


def load_config(path: Path) -> Config:
    """The config file; with problems the program ends."""
    return or_exit(lambda: load(path, CONFIG_TYPES))


def or_exit(configured: Callable[[], T]) -> T:
    """What a configuration gives; if it cannot be used every problem is told and the program ends."""
    try:
        return configured()
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(1)


def configure_logs(level: str, format: str) -> None:
    """Log as the options say."""
    logs.configure(level=level, format=cast(Literal["logfmt", "json"], format))


def listen_or_exit(address: str) -> socket.socket:
    """A listening socket; without one the program ends."""
    try:
        return listen(address)
    except ValueError as error:
        click.echo(str(error), err=True)
    except OSError as error:
        click.echo(f"cannot listen on {address}: {error.strerror}", err=True)
    sys.exit(1)


def run_to_the_end(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, which a signal asks for; a second Ctrl-C does not wait."""
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(main)
    except PipelineExporterError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def stop_on_signals() -> asyncio.Event:
    """What SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
