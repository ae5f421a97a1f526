"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from exporter import logs

F = TypeVar("F", bound=Callable[..., Any])


def config_option(function: F) -> F:
    """Give a command its config file."""
    option = click.option(
        "--config.file", "config_file", type=click.Path(path_type=Path), required=True, help="The config file (YAML)."
    )
    return option(function)


def log_options(function: F) -> F:
    """Give a command a say in what is logged, and how."""
    level = click.option(
        "--log.level", "log_level", type=click.Choice(logs.LEVELS), default="info", show_default=True,
        help="Least severity that is logged.",
    )  # fmt: skip
    format = click.option(
        "--log.format", "log_format", type=click.Choice(["logfmt", "json"]), default="logfmt", show_default=True,
        help="How log lines are written.",
    )  # fmt: skip
    return level(format(function))


def shard_options(function: F) -> F:
    """Give a command its part of the pipelines."""
    index = click.option(
        "--shard.index", "shard_index", type=click.IntRange(min=0),
        help="Which part of the pipelines to serve, from 0; goes before the config file's.",
    )  # fmt: skip
    total = click.option(
        "--shard.total", "shard_total", type=click.IntRange(min=1),
        help="How many processes share the pipelines; goes before the config file's.",
    )  # fmt: skip
    return index(total(function))


def listen_option(default: str) -> Callable[[F], F]:
    """Give a command the address to serve on."""
    return click.option(
        "--web.listen-address", "address", default=default, show_default=True,
        help="Address to serve on; port 0 is a free one, which is printed.",
    )  # fmt: skip
