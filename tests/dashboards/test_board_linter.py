"""The rules of Grafana's dashboard-linter, on every kind of panel: its own leave out timelines and status histories."""

from __future__ import annotations

import re

import pytest
from grafana_foundation_sdk.models import units

from dashboards.generator.pipeline_feldera import METRICS as FELDERA
from tests.dashboards.boards import (
    NAMES,
    Asked,
    Json,
    board,
    columns,
    every_panel,
    filled,
    label_values,
    panel_id,
    query_variables,
    targets,
)
from tests.dashboards.promql import labels_of, selectors
from tests.dashboards.test_board_queries import exported

WITHOUT_QUERY = {"alertlist": "Grafana's own list asks Grafana"}
KNOWN_UNITS = {value for value in vars(units).values() if isinstance(value, str)}
BOARDS = pytest.mark.parametrize("name", NAMES)
PANELS = pytest.mark.parametrize(("name", "panel"), every_panel(), ids=panel_id)
QUERIES = pytest.mark.parametrize("asked", list(targets()), ids=panel_id)

MARK = {"$job": "JOB", "$instance": "INSTANCE", "$__rate_interval": "59s", "$__range": "6h"}
MARKED = {"$source": ".+", "$pipeline_name": ".+", "$__from": "0", "$__interval": "30s"} | MARK
"""Variables filled so that they are known again in the parsed query."""

NO_JOB = {"ALERTS": "alerts have the labels of their rules"} | dict.fromkeys(FELDERA, "another job's; joined to ours")
"""Metrics that are not the exporter's, with the reason why they are not chosen by its job."""


def variable(name: str, of: str) -> Json:
    """A variable of a board."""
    return next(v for v in board(of)["templating"]["list"] if v["name"] == name)


@BOARDS
def test_template_datasource(name: str) -> None:
    """There is a variable for the data source, called and labelled as people expect."""
    found = variable("datasource", name)
    assert (found["type"], found["query"], found["label"]) == ("datasource", "prometheus", "Data source")


@BOARDS
@pytest.mark.parametrize(("wanted", "label"), [("job", "Job"), ("instance", "Instance")])
def test_template_job_and_instance(name: str, wanted: str, label: str) -> None:
    """Jobs and instances can be chosen, several at a time, and all of them."""
    found = variable(wanted, name)
    assert (found["type"], found["label"], found["multi"], found["allValue"]) == ("query", label, True, ".+")
    assert found["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@BOARDS
def test_template_label_promql(name: str) -> None:
    """The query of a variable is label_values over a selector."""
    for found in query_variables(board(name)):
        selector, _ = label_values(found["query"])
        assert len(selectors(filled(selector))) == 1
        assert found["definition"] == found["query"]


@BOARDS
def test_template_on_time_change_reload(name: str) -> None:
    """Variables follow the time that is shown; each narrows the next."""
    found = query_variables(board(name))
    assert [v["name"] for v in found] == ["job", "instance", "source", "pipeline_name"]
    assert {(v["refresh"], v["multi"], v["includeAll"], v["sort"]) for v in found} == {(2, True, True, 1)}
    used = [re.findall(r'=~"\$(\w+)"', v["query"]) for v in found]
    assert used == [[], ["job"], ["job", "instance"], ["job", "instance", "source"]]


@PANELS
def test_panel_datasource(name: str, panel: Json) -> None:
    """A panel and its queries use the chosen data source."""
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == wanted
    assert [t["datasource"] for t in panel.get("targets", ()) if t["datasource"] != wanted] == []


@PANELS
def test_panel_title_description(name: str, panel: Json) -> None:
    """A panel says what it is, and what to make of it, in a sentence."""
    assert panel["title"]
    assert re.fullmatch(r"[A-Z0-9].*\.", panel["description"])


@PANELS
def test_panel_units(name: str, panel: Json) -> None:
    """A panel has a unit, and Grafana knows it; so have the columns of tables."""
    own = [p["value"] for o in panel["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "unit"]
    special = {"dateTimeFromNow"}
    assert {panel["fieldConfig"]["defaults"]["unit"], *own} <= KNOWN_UNITS | special


@PANELS
def test_panel_no_targets(name: str, panel: Json) -> None:
    """A panel asks something, and says what it means when nothing comes."""
    if panel["type"] not in WITHOUT_QUERY:
        assert panel["targets"]
        assert panel["fieldConfig"]["defaults"]["noValue"]
        assert panel["interval"] == ("2m" if draws_events(panel) else "30s")


def draws_events(panel: Json) -> bool:
    """Whether a panel has a bar for what happened in each step."""
    return panel["type"] == "timeseries" and panel["fieldConfig"]["defaults"]["custom"]["drawStyle"] == "bars"


@PANELS
@pytest.mark.parametrize("scrape", [15, 30])
def test_an_event_is_in_one_bar(name: str, panel: Json, scrape: int) -> None:
    """Where bars count events, ``$__rate_interval`` is a step and a scrape: each increase is in exactly one bar."""
    if draws_events(panel):
        step = 60 * int(panel["interval"].removesuffix("m"))
        assert max(step + scrape, 4 * scrape) == step + scrape
        assert all("$__rate_interval" in target["expr"] for target in panel["targets"])


@BOARDS
def test_marks_have_the_step_of_events(name: str) -> None:
    """What happened is marked once, too."""
    assert {mark["step"] for mark in board(name)["annotations"]["list"]} == {"2m"}


@PANELS
def test_now_is_asked_of_now(name: str, panel: Json) -> None:
    """Numbers, words, bars and tables show what is, or was in the whole range: none shows the last known as present."""
    instant = {target["instant"] for target in panel.get("targets", ())}
    assert instant <= {panel["type"] in ("stat", "bargauge", "table")}


@PANELS
def test_nothing_known_is_no_zero(name: str, panel: Json) -> None:
    """No query makes a number of nothing, and a number that is not there is said to be unknown."""
    assert not [target["expr"] for target in panel.get("targets", ()) if "vector(" in target["expr"]]
    if panel["type"] == "stat":
        assert panel["fieldConfig"]["defaults"]["noValue"].startswith("no data: ")


@PANELS
def test_only_what_needs_the_rules_asks_for_them(name: str, panel: Json) -> None:
    """The hint at the rules stands where recorded series are missing, and nowhere else."""
    needs = any(":" in s.metric for target in panel.get("targets", ()) for s in selectors(filled(target["expr"])))
    alerts = panel["title"] == "Firing in Prometheus"
    hint = "alerts/rules" in panel["fieldConfig"]["defaults"].get("noValue", "")
    assert hint <= (needs or alerts)
    assert hint or panel["type"] not in ("stat", "state-timeline", "table") or not needs


@PANELS
def test_single_samples_are_seen(name: str, panel: Json) -> None:
    """A line of one sample is a point, as when a pipeline was in a state for one scrape."""
    if panel["type"] == "timeseries":
        points = panel["fieldConfig"]["defaults"]["custom"]["showPoints"]
        assert points == ("never" if draws_events(panel) else "auto")


@PANELS
def test_tables_have_a_place_for_every_label(name: str, panel: Json) -> None:
    """What else a target's series carry (namespace, container, endpoint) makes no column and no second row."""
    if panel["type"] == "table":
        for target in panel["targets"]:
            labels = labels_of(filled(target["expr"]))
            assert labels is not None, target["expr"]
            assert labels <= columns(panel)


@PANELS
def test_queries_are_told_apart(name: str, panel: Json) -> None:
    """No two queries of a panel have the same reference, and every one of time series has a legend."""
    refs = [target["refId"] for target in panel.get("targets", ())]
    assert len(refs) == len(set(refs))
    drawn = {"timeseries", "state-timeline", "status-history"}
    bare = [t["refId"] for t in panel.get("targets", ()) if t["legendFormat"] == "__auto"]
    assert panel["type"] not in drawn or not bare


def test_no_query_for_logs() -> None:
    """target-logql, target-logql-auto: there is no Loki here, so every query is PromQL."""
    assert {t["datasource"]["type"] for _, p in every_panel() for t in p.get("targets", ())} == {"prometheus"}


@QUERIES
def test_target_promql(asked: Asked) -> None:
    """A query is not empty and parses."""
    assert selectors(filled(asked.expr))


@QUERIES
def test_target_rate_interval(asked: Asked) -> None:
    """A rate is taken over ``$__rate_interval``; an increase over that or over all that is shown."""
    for selector in selectors(filled(asked.expr, MARKED)):
        if selector.function in ("rate", "irate"):
            assert selector.window == 59
        elif selector.window:
            assert (selector.function, selector.window) in (("increase", 59), ("increase", 6 * 3600))


@QUERIES
def test_target_job(asked: Asked) -> None:
    """Every selector is narrowed to the chosen jobs."""
    for selector in selectors(filled(asked.expr, MARKED)):
        assert "job=~JOB" in selector.matchers or selector.metric in NO_JOB


@QUERIES
def test_target_instance(asked: Asked) -> None:
    """Every selector is narrowed to the chosen instances; a record has none: it is one of all replicas."""
    for selector in selectors(filled(asked.expr, MARKED)):
        free = ":" in selector.metric or selector.metric in NO_JOB
        assert ("instance=~INSTANCE" in selector.matchers) != free


@QUERIES
def test_source_and_pipeline(asked: Asked) -> None:
    """What pipelines have is narrowed to the chosen ones, what sources have to the chosen sources."""
    marked = MARKED | {"$source": "SOURCE", "$pipeline_name": "NAME"}
    for selector in selectors(filled(asked.expr, marked)):
        pipeline = selector.metric.startswith("pipeline") and not selector.metric.startswith(OF_SOURCES)
        assert ("pipeline_name=~NAME" in selector.matchers) or not pipeline
        source = selector.metric.startswith(OF_SOURCES) and not selector.metric.startswith(OF_EXPORTERS)
        assert ("source=~SOURCE" in selector.matchers) or not source


OF_SOURCES = ("pipeline_exporter_", "pipeline_platform_", "pipeline_status_duration_seconds")
OF_EXPORTERS = (
    "pipeline_exporter_alerts_firing",
    "pipeline_exporter_build_info",
    "pipeline_exporter_config_",
    "pipeline_exporter_event_loop_",
    "pipeline_exporter_exposition_",
    "pipeline_exporter_notifications_",
    "pipeline_exporter_render_",
    "pipeline_exporter_shard",
    "pipeline_exporter_part_",
    "pipeline_exporter_state_",
)


@QUERIES
def test_target_counter_agg(asked: Asked) -> None:
    """A counter is only ever seen through rate or increase."""
    for selector in selectors(filled(asked.expr)):
        named = selector.metric.endswith(("_total", "_bucket"))
        counter = named and exported().get(selector.metric) != "gauge"
        assert not counter or selector.function in ("rate", "irate", "increase")


@BOARDS
def test_uneditable_dashboard(name: str) -> None:
    """Boards are changed in the code, not in a browser."""
    assert board(name)["editable"] is False


@PANELS
def test_timelines_leave_gaps(name: str, panel: Json) -> None:
    """Where nothing was known a timeline shows nothing, rather than the last status drawn on."""
    if panel["type"] == "state-timeline":
        custom = panel["fieldConfig"]["defaults"]["custom"]
        assert (custom["spanNulls"], panel["options"]["mergeValues"], panel["options"]["perPage"]) == (False, True, 20)


def test_the_rules_see_every_kind_of_panel() -> None:
    """Tables, numbers, bars, graphs and timelines are all there."""
    kinds = {panel["type"] for _, panel in every_panel()}
    assert kinds == {"alertlist", "bargauge", "stat", "state-timeline", "table", "timeseries"}
