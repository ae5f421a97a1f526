"""When data vanish, no alert about a pipeline ends before the alert that says why they are gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.pack import RULES, alerts, ran

KEPT_BY_THEIR_WINDOWS = {
    "PipelineDeploymentError",
    "PipelineDeploymentFailed",
    "PipelineExporterHistoryGap",
    "PipelineExporterUnknownStatus",
    "PipelineLogLinesLost",
    "PipelineLogPanic",
    "PipelineTraceSessionLong",
}
"""Alerts whose expression itself goes on for long enough without data."""

BEFORE_MINUTES, AFTER_MINUTES, SERVED_MINUTES = 40, 40, 5
PIPELINE = 'source="s",pipeline="p",pipeline_name="n"'
FIRING = {
    f'pipeline_program_status{{{PIPELINE},status="SqlError"}}': "1",
    f'pipeline_runtime_status{{{PIPELINE},status="Unavailable"}}': "1",
    f'pipeline_deployment_status{{{PIPELINE},status="CHECKS_FAILED"}}': "1",
    f"pipeline_deployment_has_error{{{PIPELINE}}}": "1",
    f'pipeline_resources_status{{{PIPELINE},status="Provisioning"}}': "1",
    f'pipeline_status_since_timestamp_seconds{{{PIPELINE},dimension="resources"}}': "0",
    f"pipeline_log_stream_up{{{PIPELINE}}}": "0",
}
"""Series that make one alert of each shape fire."""
FIRING_ALERTS = 6
INTERVALS = ("15s", "30s", "1m")


def series(name: str, *parts: tuple[str, int], instance: str = "a", every: str) -> dict[str, str]:
    """A series of one exporter: values, each for so many minutes, and its end."""
    each = {"15s": 4, "30s": 2, "1m": 1}[every]
    values = " ".join(f"{value}x{minutes * each - 1}" for value, minutes in parts)
    labels = f'{{job="pipeline-exporter",instance="{instance}",'
    named = name.replace("{", labels) if "{" in name else f"{name}{labels[:-1]}}}"
    return {"series": named, "values": f"{values} stale"}


def pipelines(minutes: int, *, instance: str = "a", every: str) -> list[dict[str, str]]:
    """The series of a pipeline about which alerts fire, for so long."""
    return [series(name, (value, minutes), instance=instance, every=every) for name, value in FIRING.items()]


def exporter(
    minutes: int, *, instance: str = "a", shard: str = "0", shards: str = "1", every: str
) -> list[dict[str, str]]:
    """What an exporter says of itself, and that it can read its source, for so long."""
    told = {"shard_index": shard, "shards": shards, 'source_up{source="s"}': "1"}
    return [
        series(f"pipeline_exporter_{name}", (value, minutes), instance=instance, every=every)
        for name, value in told.items()
    ]


def died(every: str) -> list[dict[str, str]]:
    """The only exporter cannot be scraped any more."""
    up = series("up", ("1", BEFORE_MINUTES), ("0", AFTER_MINUTES), every=every)
    return [up, *exporter(BEFORE_MINUTES, every=every), *pipelines(BEFORE_MINUTES, every=every)]


def removed(every: str) -> list[dict[str, str]]:
    """The only exporter is no target any more."""
    return [series("up", ("1", BEFORE_MINUTES), every=every), *died(every)[1:]]


def shard_removed(every: str) -> list[dict[str, str]]:
    """One of two shards is no target any more."""
    whole = BEFORE_MINUTES + AFTER_MINUTES
    return [
        series("up", ("1", whole), instance="b", every=every),
        *exporter(whole, instance="b", shards="2", every=every),
        *exporter(BEFORE_MINUTES, shard="1", shards="2", every=every),
        *pipelines(BEFORE_MINUTES, every=every),
    ]


def source_lost(every: str) -> list[dict[str, str]]:
    """The source cannot be read any more; a minute before that it was read last, and that is served for a while."""
    up = 'pipeline_exporter_source_up{source="s"}'
    return [
        series("up", ("1", BEFORE_MINUTES + AFTER_MINUTES), every=every),
        series(up, ("1", BEFORE_MINUTES), ("0", AFTER_MINUTES), every=every),
        *pipelines(BEFORE_MINUTES - 1 + SERVED_MINUTES, every=every),
    ]


def source_lost_by_one_shard(every: str) -> list[dict[str, str]]:
    """One of two shards cannot read the source any more."""
    whole = BEFORE_MINUTES + AFTER_MINUTES
    ours = [one for one in exporter(whole, shard="1", shards="2", every=every) if "source_up" not in one["series"]]
    return [*ours, *exporter(whole, instance="b", shards="2", every=every), *source_lost(every)]


@pytest.mark.parametrize("every", INTERVALS)
@pytest.mark.parametrize(
    ("vanishing", "told_by"),
    [
        (died, "PipelineExporterDown"),
        (removed, "PipelineExporterAbsent"),
        (shard_removed, "PipelineExporterShardMissing"),
        (source_lost, "PipelineSourceUnreachable"),
        (source_lost_by_one_shard, "PipelineSourceShardUnreachable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_alert_ends_before_it_is_told_why(
    vanishing: Callable[[str], list[dict[str, str]]],
    told_by: str,
    every: str,
    tmp_path: Path,
    tool: Callable[[str], str],
) -> None:
    """What fires when the data vanish goes on firing until the alert about that fires, at usual scrape intervals."""
    last = f'max_over_time(timestamp(ALERTS{{alertstate="firing",pipeline="p"}})[{AFTER_MINUTES * 2}m:{every}])'
    told = f'ALERTS{{alertstate="firing",alertname="{told_by}"}}'
    first = f"scalar(min(min_over_time(timestamp({told})[{AFTER_MINUTES * 2}m:{every}])))"
    end = f"{BEFORE_MINUTES + AFTER_MINUTES - 1}m"
    test = {
        "interval": every,
        "input_series": vanishing(every),
        "promql_expr_test": [
            {"expr": f"count({last} > {first})", "eval_time": end, "exp_samples": [sample(FIRING_ALERTS)]},
            {"expr": 'count(ALERTS{alertstate="firing",pipeline="p"})', "eval_time": end},
        ],
    }
    document = {"rule_files": [str(path) for path in RULES], "evaluation_interval": every, "tests": [test]}
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    code, output = ran(tool("promtool"), "test", "rules", path)
    assert code == 0, output


def sample(value: int) -> dict[str, Any]:
    """A sample without labels."""
    return {"labels": "{}", "value": value}


def test_every_other_alert_is_kept_as_long() -> None:
    """All alerts but those about an exporter are kept firing for 7 minutes or longer, or look back themselves."""
    about_sources = [rule for rule in alerts() if of_a_source(rule["alert"])]
    short = {rule["alert"] for rule in about_sources if rule.get("keep_firing_for") not in ("7m", "15m")}
    assert short == KEPT_BY_THEIR_WINDOWS


def of_a_source(name: str) -> bool:
    """Whether an alert is about pipelines or a source, and not about the exporter itself."""
    return not name.startswith("PipelineExporter") or name in KEPT_BY_THEIR_WINDOWS
