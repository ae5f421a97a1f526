"""The page: what stands on it, what leaves it, and that the clients of both formats can read it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.own import OwnMetrics
from exporter.metrics.page import families, unique
from exporter.metrics.publish import Publisher
from exporter.metrics.text import FORMATS
from exporter.model import (
    HEALTHS,
    DeploymentError,
    Dimension,
    Event,
    HistoryRead,
    Pipeline,
    PlatformRead,
    Service,
    Snapshot,
    Status,
)
from exporter.sources.feldera.translate import DIMENSIONS

ORDERS = Pipeline(
    id="pipeline-1",
    name="orders",
    statuses={
        "resources": Status("Provisioned", 1000.0),
        "runtime": Status("Running", 1010.5),
        "program": Status("Success", 900.0),
        "storage": Status("InUse"),
    },
    health="healthy",
    desired={"resources": "Provisioned", "runtime": "Running"},
    platform_version="0.337",
    created_at=890.0,
    connector_errors=3,
)
STARTING = ("Provisioned", None, "Success", "InUse")
RUNNING = ("Provisioned", "Running", "Success", "InUse")
FAILED = ("Provisioned", "Unavailable", "Success", "InUse")
STORY = (
    Snapshot(1100.0, changed=(ORDERS,), waiting=frozenset({"pipeline-1"})),
    HistoryRead("pipeline-1", (Event("e1", 1000.0, STARTING), Event("e2", 1010.5, RUNNING))),
    Snapshot(1115.0),
    HistoryRead("pipeline-1", (Event("e3", 1110.5, FAILED, has_error=True),), complete=False),
    PlatformRead(version="0.337", edition="OSS"),
    PlatformRead(services=(Service("api", True), Service("runner", False)), checked_at=1105.0),
    Snapshot(1130.25),
)

GOLDEN = """\
# HELP pipeline_info A pipeline, as the control plane knows it; always 1.
# TYPE pipeline_info gauge
pipeline_info{…,kind="feldera",platform_version="0.337"} 1
# HELP pipeline_resources_status Status of the compute and storage resources of a Feldera pipeline. 1 for the present status.
# TYPE pipeline_resources_status gauge
pipeline_resources_status{…,status="Provisioned"} 1
# HELP pipeline_runtime_status Status of the process of a Feldera pipeline; absent while it has none. 1 for the present status.
# TYPE pipeline_runtime_status gauge
pipeline_runtime_status{…,status="Running"} 1
# HELP pipeline_program_status Compilation status of a Feldera pipeline's program. 1 for the present status.
# TYPE pipeline_program_status gauge
pipeline_program_status{…,status="Success"} 1
# HELP pipeline_storage_status Status of the storage of a Feldera pipeline. 1 for the present status.
# TYPE pipeline_storage_status gauge
pipeline_storage_status{…,status="InUse"} 1
# HELP pipeline_resources_desired_status Wanted status of the resources; only the wanted one, with value 1.
# TYPE pipeline_resources_desired_status gauge
pipeline_resources_desired_status{…,status="Provisioned"} 1
# HELP pipeline_runtime_desired_status Wanted status of the process; only the wanted one, with value 1. Unavailable also when it cannot be reached.
# TYPE pipeline_runtime_desired_status gauge
pipeline_runtime_desired_status{…,status="Running"} 1
# HELP pipeline_deployment_has_error 1 while the deployment has an error.
# TYPE pipeline_deployment_has_error gauge
pipeline_deployment_has_error{…} 0
# HELP pipeline_health One reading of all statuses, the same across control planes. 1 for the present one.
# TYPE pipeline_health gauge
pipeline_health{…,health="healthy"} 1
# HELP pipeline_status_since_timestamp_seconds When the present status began, by the control plane's clock.
# TYPE pipeline_status_since_timestamp_seconds gauge
pipeline_status_since_timestamp_seconds{…,dimension="resources"} 1000
pipeline_status_since_timestamp_seconds{…,dimension="runtime"} 1010.5
pipeline_status_since_timestamp_seconds{…,dimension="program"} 900
# HELP pipeline_last_event_timestamp_seconds Time of the newest history entry.
# TYPE pipeline_last_event_timestamp_seconds gauge
pipeline_last_event_timestamp_seconds{…} 1110.5
# HELP pipeline_events_total History entries seen.
# TYPE pipeline_events_total counter
pipeline_events_total{…} 1
# HELP pipeline_status_transitions_total Changes of status, from the history: those between two polls too.
# TYPE pipeline_status_transitions_total counter
pipeline_status_transitions_total{…,dimension="runtime",to="Unavailable"} 1
# HELP pipeline_status_seconds_total Time spent in each status, from the history, up to the last good poll.
# TYPE pipeline_status_seconds_total counter
pipeline_status_seconds_total{…,dimension="runtime",status="Running"} 15.000
pipeline_status_seconds_total{…,dimension="resources",status="Provisioned"} 30.250
pipeline_status_seconds_total{…,dimension="runtime",status="Unavailable"} 15.250
pipeline_status_seconds_total{…,dimension="program",status="Success"} 30.250
pipeline_status_seconds_total{…,dimension="storage",status="InUse"} 30.250
# HELP pipeline_deployment_failures_total Deployments that failed, from the history.
# TYPE pipeline_deployment_failures_total counter
pipeline_deployment_failures_total{…} 1
# HELP pipeline_connector_errors Errors of all connectors of the pipeline since its process started.
# TYPE pipeline_connector_errors gauge
pipeline_connector_errors{…} 3
# HELP pipeline_status_duration_seconds How long a status lasted when it was left.
# TYPE pipeline_status_duration_seconds histogram
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="1.0"} 0
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="5.0"} 0
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="15.0"} 0
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="30.0"} 0
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="60.0"} 0
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="120.0"} 1
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="300.0"} 1
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="600.0"} 1
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="1800.0"} 1
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="3600.0"} 1
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="21600.0"} 1
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="86400.0"} 1
pipeline_status_duration_seconds_bucket{source="prod",kind="feldera",dimension="runtime",status="Running",le="+Inf"} 1
pipeline_status_duration_seconds_count{source="prod",kind="feldera",dimension="runtime",status="Running"} 1
pipeline_status_duration_seconds_sum{source="prod",kind="feldera",dimension="runtime",status="Running"} 100.0
# HELP pipeline_platform_info The control plane's version and edition; always 1.
# TYPE pipeline_platform_info gauge
pipeline_platform_info{source="prod",version="0.337",edition="OSS"} 1
# HELP pipeline_platform_service_healthy 1 if the control plane says that this service of its own is well.
# TYPE pipeline_platform_service_healthy gauge
pipeline_platform_service_healthy{source="prod",service="api"} 1
pipeline_platform_service_healthy{source="prod",service="runner"} 0
# HELP pipeline_platform_checked_timestamp_seconds When the control plane last checked itself; a frozen time means that nobody checks.
# TYPE pipeline_platform_checked_timestamp_seconds gauge
pipeline_platform_checked_timestamp_seconds{source="prod"} 1105
# HELP pipeline_exporter_history_gaps_total Pipelines whose history rolled over before it was read.
# TYPE pipeline_exporter_history_gaps_total counter
pipeline_exporter_history_gaps_total{source="prod"} 0
""".replace("…", 'source="prod",pipeline="pipeline-1",pipeline_name="orders"')  # noqa: E501
"""All of a sparse page after STORY."""

Show = Callable[..., Any]


def renamed(**values: object) -> Pipeline:
    """ORDERS with other values."""
    fields = {name: getattr(ORDERS, name) for name in ORDERS.__struct_fields__}
    return Pipeline(**(fields | values))


async def pages(shown: Any) -> list[str]:
    """The whole page in both formats, the exporter's own metrics and the end included."""
    publisher = Publisher(shown.page.body, OwnMetrics())
    await publisher.publish()
    return [b"".join(publisher.identity(format)[1]).decode() for format in FORMATS]


def test_a_small_page_in_full(show: Show) -> None:
    """The sparse page of one pipeline after a failure, word for word."""
    shown = show(dense=False)
    shown.tell(*STORY)
    assert shown.text() == GOLDEN


def test_openmetrics_differs_only_in_the_headers_of_counters(show: Show) -> None:
    """Every sample line is the same in both formats."""
    shown = show(dense=False)
    shown.tell(*STORY)
    assert shown.text("openmetrics") == re.sub(r"^(# (?:HELP|TYPE) \S+?)_total ", r"\1 ", GOLDEN, flags=re.MULTILINE)


def test_a_dense_page_has_each_known_status_once(show: Show) -> None:
    """Exactly one of the known statuses of each dimension is 1, the others are 0; the same for the health."""
    shown = show()
    shown.tell(*STORY)
    for name, label, known in [
        *((f"pipeline_{d.name}_status", "status", d.statuses) for d in DIMENSIONS),
        ("pipeline_health", "health", HEALTHS),
    ]:
        found = [re.search(rf'{label}="(.*?)"}} (\d)$', line) for line in shown.samples(name)]
        values = {match[1]: match[2] for match in found if match}
        assert tuple(values) == known
        assert Counter(values.values()) == {"1": 1, "0": len(known) - 1}


def test_a_dense_page_counts_transitions_from_zero(show: Show) -> None:
    """``increase()`` sees the first transition to any known status."""
    shown = show()
    shown.tell(*STORY)
    lines = shown.samples("pipeline_status_transitions_total")
    assert len(lines) == sum(len(dimension.statuses) for dimension in DIMENSIONS)
    assert [line for line in lines if not line.endswith(" 0")] == [
        'pipeline_status_transitions_total{source="prod",pipeline="pipeline-1",pipeline_name="orders",'
        'dimension="runtime",to="Unavailable"} 1'
    ]


@pytest.mark.parametrize("dense", [True, False])
def test_a_status_nobody_knows_stands_beside_the_others(show: Show, dense: bool) -> None:
    """A new server's status is exported raw; the known ones are all 0."""
    shown = show(dense=dense)
    shown.tell(Snapshot(1.0, changed=(renamed(statuses={"runtime": Status("Dancing")}),)))
    lines = [line.partition("status=")[2] for line in shown.samples("pipeline_runtime_status")]
    zeros = [f'"{status}"}} 0' for status in DIMENSIONS[1].statuses] if dense else []
    assert lines == [*zeros, '"Dancing"} 1']


def test_a_null_status_has_no_series(show: Show) -> None:
    """While the API says null there is nothing to say, and what was said is gone."""
    shown = show()
    shown.tell(Snapshot(1.0, changed=(ORDERS,)))
    assert len(shown.samples("pipeline_runtime_status")) == 12
    stopped = renamed(statuses={"resources": Status("Stopped", 5.0)}, desired={}, connector_errors=None)
    shown.tell(Snapshot(6.0, changed=(stopped,)))
    gone = ("runtime_status", "runtime_desired_status", "resources_desired_status", "connector_errors")
    assert [shown.samples(f"pipeline_{name}") for name in gone] == [[], [], [], []]
    assert all(f"# TYPE pipeline_{name} " not in shown.text() for name in gone)


def test_an_error_is_named_by_its_code_only(show: Show) -> None:
    """The message is free text and stays off the page."""
    shown = show()
    shown.tell(Snapshot(1.0, changed=(renamed(error=DeploymentError("OutOfMemory", "the heap is full")),)))
    assert shown.samples("pipeline_deployment_has_error") == [
        'pipeline_deployment_has_error{source="prod",pipeline="pipeline-1",pipeline_name="orders"} 1'
    ]
    assert shown.samples("pipeline_deployment_error_info") == [
        'pipeline_deployment_error_info{source="prod",pipeline="pipeline-1",pipeline_name="orders",'
        'error_code="OutOfMemory"} 1'
    ]
    assert "heap" not in shown.text()


def test_a_removed_pipeline_is_gone(show: Show) -> None:
    """After a removal no line names the pipeline, and the page is what it was without it."""
    shown = show()
    shown.tell(Snapshot(1.0, changed=(ORDERS,)))
    before, series = shown.text(), shown.page.body().series
    other = renamed(id="pipeline-2", name="payments")
    shown.tell(Snapshot(1.0, changed=(other,)))
    assert "payments" in shown.text()
    shown.tell(Snapshot(1.0, removed=("pipeline-2",)))
    assert (shown.text(), shown.page.body().series) == (before, series)


def test_a_renamed_pipeline_keeps_one_set_of_series(show: Show) -> None:
    """All series of a pipeline are replaced together: none stays under the old name."""
    shown = show()
    shown.tell(*STORY)
    before = shown.text()
    shown.tell(Snapshot(1130.25, changed=(renamed(name="payments"),)))
    assert shown.text() == before.replace('pipeline_name="orders"', 'pipeline_name="payments"')


def test_a_hidden_section_has_no_samples(show: Show) -> None:
    """What is too old is not served; it comes back as it was when the source does."""
    shown = show()
    shown.tell(*STORY)
    before = shown.text()
    shown.section.hidden = True
    assert (shown.text(), shown.page.body().series) == ("", 0)
    shown.section.hidden = False
    assert shown.text() == before


def test_excluded_families_are_gone(show: Show) -> None:
    """A family that is left out has neither lines nor headers, and does not count."""
    excluded = frozenset({"pipeline_info", "pipeline_status_seconds_total", "pipeline_platform_info"})
    whole, part = show(), show(exclude=excluded)
    for shown in (whole, part):
        shown.tell(*STORY)
    lines = whole.text().splitlines(keepends=True)
    names = "|".join(excluded)
    assert part.text() == "".join(line for line in lines if not re.match(rf"(# (HELP|TYPE) )?({names})[ {{]", line))
    assert part.page.body().series == len(part.samples())


def test_series_are_the_sample_lines(show: Show) -> None:
    """The number of series is kept up to date through every kind of change."""
    shown = show()
    for fact in (*STORY, Snapshot(1200.0, changed=(renamed(id="b", statuses={}),)), Snapshot(1201.0, removed=("b",))):
        shown.tell(fact)
        assert shown.page.body().series == len(shown.samples())


def test_open_stays_grow_with_good_polls_and_stand_still_without(show: Show) -> None:
    """Time in a status is that of the last good poll; a history that is behind freezes its pipeline."""
    shown = show(dense=False)

    def running() -> list[str]:
        lines = shown.samples("pipeline_status_seconds_total")
        return [line.rpartition(" ")[2] for line in lines if 'status="Running"' in line]

    seen = []
    read = HistoryRead("pipeline-1", (Event("e2", 1010.5, RUNNING),))
    waiting = Snapshot(1140.0, changed=(ORDERS,), waiting=frozenset({"pipeline-1"}))
    for fact in (STORY[0], read, Snapshot(1110.0), Snapshot(1110.0), Snapshot(1105.0), Snapshot(1120.5), waiting,
                 Snapshot(1155.0), read, Snapshot(1170.0)):  # fmt: skip
        shown.tell(fact)
        seen.append(*running())
    assert seen == ["0.000", "0.000", "10.000", "10.000", "10.000", "20.500", "20.500", "20.500", "55.000", "70.000"]


def test_a_body_is_a_value(show: Show) -> None:
    """A page that is being sent does not change under the reader's hands."""
    shown = show()
    shown.tell(*STORY)
    body, text = shown.page.body(), shown.text()
    shown.tell(Snapshot(2000.0, removed=("pipeline-1",)))
    assert b"".join(body.texts("text")).decode() == text
    assert "pipeline-1" not in shown.text()


def test_sources_share_families(show: Show) -> None:
    """Two sources stand under one header each; a source that is dropped is gone."""
    shown = show()
    shown.tell(*STORY)
    alone = shown.text()
    other = show("edge").facts
    section = shown.page.add(other)
    section.update(other.apply(Snapshot(1.0, changed=(ORDERS,))))
    headers = [line for line in shown.text().splitlines() if line.startswith("# TYPE")]
    assert len(headers) == len(set(headers))
    assert shown.page.body().series == len(shown.samples())
    assert {line.split('source="')[1].split('"')[0] for line in shown.samples("pipeline_info")} == {"prod", "edge"}
    shown.page.drop("edge")
    assert shown.text() == alone


def test_kinds_may_share_a_dimension() -> None:
    """Dimensions of one name become one family with the statuses of both."""
    second = Dimension("a", ("Y", "W"), "Second.")
    merged = unique([Dimension("a", ("X", "Y"), "First."), Dimension("b", ("Z",), "B."), second])
    assert merged == [Dimension("a", ("X", "Y", "W"), "First."), Dimension("b", ("Z",), "B.")]
    names = [family.name for family in families(merged)]
    assert len(names) == len(set(names))
    assert names[:3] == ["pipeline_info", "pipeline_a_status", "pipeline_b_status"]


async def test_both_parsers_read_the_whole_page(show: Show) -> None:
    """prometheus_client finds the same samples in both formats, as many as there are lines."""
    shown = show()
    shown.tell(*STORY)
    text, openmetrics = await pages(shown)
    in_text = Counter(s.name for family in parse_text(text) for s in family.samples)
    in_openmetrics = Counter(s.name for family in parse_openmetrics(openmetrics) for s in family.samples)
    assert in_text == in_openmetrics
    assert sum(in_text.values()) == len([line for line in text.splitlines() if not line.startswith("#")])


HOSTILE = st.text(st.characters(), min_size=1, max_size=15) | st.sampled_from(
    [
        '"',
        "\\",
        "\n",
        '\\"',
        '"} 1\nevil{a="',
        "# EOF",
        "\r\n",
        "\ud800",
        "{}",
        "a,b=c",
        " ",
        "é",
        "\u2028",
        "\x00",
        "\x85",
    ]
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.tuples(*[HOSTILE] * 7))
def test_no_name_breaks_the_exposition(show: Show, values: tuple[str, ...]) -> None:
    """Whatever a control plane calls its things, both parsers read back what was written."""
    source, id, name, version, code, service, edition = values
    shown = show(source, dense=False)
    pipeline = renamed(id=id, name=name, platform_version=version, error=DeploymentError(code))
    platform = PlatformRead(version=version, edition=edition, services=(Service(service, True),))
    shown.tell(Snapshot(1.0, changed=(pipeline,)), platform)
    s, i, n, v, c, w, e = (value.encode("utf-8", "replace").decode() for value in values)
    identity = {"source": s, "pipeline": i, "pipeline_name": n}
    expected = [
        ("pipeline_info", identity | {"kind": "feldera", "platform_version": v}),
        ("pipeline_deployment_error_info", identity | {"error_code": c}),
        ("pipeline_platform_info", {"source": s, "version": v, "edition": e}),
        ("pipeline_platform_service_healthy", {"source": s, "service": w}),
    ]
    for found in (parse_text(shown.text()), parse_openmetrics(shown.text("openmetrics") + "# EOF\n")):
        samples = [sample for family in found for sample in family.samples]
        assert [(x.name, x.labels) for x in samples if x.name in dict(expected)] == expected
        assert len(samples) == shown.page.body().series


@pytest.mark.parametrize("dense", [True, False])
async def test_promtool_finds_nothing_to_say(show: Show, dense: bool, tool: Callable[[str], str]) -> None:
    """Prometheus' own linter accepts the whole page, names and help texts included."""
    shown = show(dense=dense)
    shown.tell(*STORY, Snapshot(1140.0, changed=(renamed(id="b", name='"hostile\\\n', error=DeploymentError("X")),)))
    text, _ = await pages(shown)
    command = [tool("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
