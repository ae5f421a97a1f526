"""Prints docs/metrics.md, from the tables that also make the page: ``python -m exporter.metrics.document``."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from exporter.metrics.families import PIPELINE_LABELS, SOURCE_FAMILIES, pipeline_families
from exporter.metrics.own import OwnMetrics
from exporter.metrics.page import unique
from exporter.sources.kinds import KINDS

Row = tuple[str, str, tuple[str, ...], str]

_HEAD = """# Metrics

Printed by `python -m exporter.metrics.document` from the tables in the code; `make docs` writes it anew.
Names of counters are those of the text format; OpenMetrics writes their `# TYPE` line without `_total`."""

_NOTES = """## What the numbers mean

- **Identity.** `pipeline` is what a pipeline is for ever (Feldera: `pipeline-<uuid>`, as in Feldera's own metrics, so
  the two join; Calyptia: the id); `pipeline_name` may change. A deleted pipeline has no series from the next page on.
- **Statuses** are gauges. With `status_series: dense` each known status has a series, 1 for the present one and 0 for
  the others; with `sparse` only the present one. A status this version does not know is exported all the same (at
  most 64 characters, unusual ones replaced by `_`) and counted in `pipeline_exporter_unknown_status_total`.
- **Null is no status**: no series while it lasts. Becoming null ends a stay and is no transition; leaving null is a
  transition to the new status.
- **What counts.** What the control plane remembers from before the exporter's first good poll of a source is read, for
  `since`, and not counted: counters start at 0 with the process. Everything later counts once, between two polls too;
  of a pipeline that appears later, everything. A history that rolled over unread is one gap per pipeline.
- **Time in a status** (`pipeline_status_seconds_total`) advances to the last good poll, by the control plane's clock,
  and never goes back: it stands still while nothing is known. If an event read later says that a stay ended before
  that, the next stay begins where the advance ended.
- **Errors.** Feldera: `deployment_error`, with its code. Calyptia: `FAILED`; `CHECKS_FAILED` if the pipeline waits for
  its checks before it deploys; `RENDER_ERROR`. The message is never a label; nor is any other free text.
- **Health**, the first rule that fits. Feldera: an error, or program SqlError, RustError or SystemError: `failed`; a
  status not known: `unknown`; resources Stopped: `idle`; Provisioning or Stopping: `transitioning`; then, by the
  runtime, Running: `healthy`; Unavailable: `unhealthy`; Paused or Standby: `healthy` where that is wanted; others:
  `transitioning`. Calyptia, STARTED: `healthy`, or `unhealthy` if its core instance does not run; NEW, STARTING,
  SCALING, CHECKS_OK: `transitioning`; FAILED: `failed`; CHECKS_FAILED: `failed` if it waits for its checks, else
  `unhealthy`; a status not known: `unknown`.
- **Freshness.** `pipeline_exporter_source_up` is 0 after a read of the statuses that failed. The last facts are served
  for `stale_after`; then the source's series are gone. One pipeline that cannot be read, or a history that cannot, is
  not a source that is down: it shows in `pipeline_exporter_task_failures_total`. No sample has a timestamp."""


def markdown() -> str:
    """The whole document."""
    dimensions = unique(dimension for kind in KINDS.values() for dimension in kind.dimensions)
    pipelines = [(f.name, f.type, f.labels, f.help) for f in pipeline_families(dimensions)]
    sources = [(f.name, f.type, ("source", *f.labels), f.help) for f in SOURCE_FAMILIES]
    own = [(name, type, labels, help) for name, type, help, labels in OwnMetrics().families]
    shared = ", ".join(f"`{label}`" for label in PIPELINE_LABELS)
    parts = (_HEAD, f"## Pipelines\n\nEach series also has the labels {shared}.", _table(pipelines), _statuses())
    return "\n\n".join((*parts, "## Sources", _table(sources), "## The exporter itself", _table(own), _NOTES)) + "\n"


def _table(rows: Iterable[Row]) -> str:
    lines = (f"| `{name}` | {type} | {_names(labels)} | {help} |" for name, type, labels, help in rows)
    return "\n".join(("| family | type | labels | meaning |", "|---|---|---|---|", *lines))


def _statuses() -> str:
    rows = ((k.name, d.name, _names(d.statuses)) for k in KINDS.values() for d in k.dimensions)
    lines = (f"| {kind} | `{dimension}` | {statuses} |" for kind, dimension, statuses in rows)
    return "\n".join(("The statuses that are known:\n", "| kind | dimension | statuses |", "|---|---|---|", *lines))


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(markdown())
