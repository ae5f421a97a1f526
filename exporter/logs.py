"""The exporter's own log: logfmt or JSON on standard error, one line an event, other libraries' warnings included."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

LEVELS = ("debug", "info", "warn", "error")

_QUIET = {"httpx": logging.WARNING, "apscheduler": logging.ERROR, "uvicorn": logging.WARNING}
"""Libraries that tell too much: httpx logs every URL, APScheduler two lines a run."""


def configure(*, level: str = "info", format: Literal["logfmt", "json"] = "logfmt") -> None:
    """Set up logging for the process."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.EventRenamer("msg"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel("WARNING" if level == "warn" else level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def _renderers(format: Literal["logfmt", "json"]) -> list[structlog.typing.Processor]:
    if format == "json":
        return [structlog.processors.JSONRenderer()]
    return [_joined, structlog.processors.LogfmtRenderer(key_order=["ts", "level", "msg"])]


def _joined(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Lists as texts: logfmt has none."""
    return {key: "; ".join(map(str, value)) if isinstance(value, list) else value for key, value in event.items()}
