"""Every query of every board, run by a real Prometheus on two replicas of the exporter, must answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.dashboards.boards import (
    NAMES,
    annotations,
    board,
    columns,
    every_panel,
    filled,
    label_values,
    query_variables,
    targets,
)
from tests.dashboards.live import Question, Setting, answered_now, places, setting, unanswered
from tests.dashboards.stir import stirred
from tests.dashboards.test_board_linter import WITHOUT_QUERY

PANELS = 102
"""How many panels the boards have; a board that loses some says so here."""

EMPTY: dict[str, str] = {}
"""Queries that cannot have data here (``board: panel reference``), with the reason."""

ANY = ".+"


async def test_every_query_answers(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """No panel is empty, whether both replicas, the dense one or the sparse one is chosen; nothing counts twice."""
    async with setting(tmp_path, tool("prometheus")) as live, stirred(live):
        left = await unanswered(live, questions(live), 60)
        silent = {asked.name for asked, _ in left}
        assert silent == EMPTY.keys(), sorted((asked.name, instance) for asked, instance in left)
        with_data = [panel for panel in every_panel() if not silent & queries_of(*panel) and queries_of(*panel)]
        without_query = [panel for _, panel in every_panel() if panel["type"] in WITHOUT_QUERY]
        print(f"{len(every_panel())} panels, {len(with_data)} with data, {len(without_query)} without a query")
        assert (len(every_panel()), len(with_data)) == (PANELS, PANELS - len(without_query))
        await variables_have_values(live)
        await replicas_count_once(live)
        await feldera_is_joined(live)
        await parts_make_a_whole(live)
        await nothing_scraped_is_no_number(live)
        await tables_show_their_columns_only(live)


def questions(live: Setting) -> list[Question]:
    """Every query, for both replicas and for each alone."""
    asked = [*targets(), *annotations()]
    return [Question(query, instance) for query in asked for instance in (ANY, live.dense, live.sparse)]


def queries_of(name: str, panel: dict[str, Any]) -> set[str]:
    """The names of a panel's queries."""
    return {f"{name}: {panel['title']} {target['refId']}" for target in panel.get("targets", ())}


async def variables_have_values(live: Setting) -> None:
    """The lists at the top of the boards are filled."""
    for name in NAMES:
        for variable in query_variables(board(name)):
            selector, label = label_values(variable["query"])
            answer = await live.prometheus.get(
                f"/api/v1/label/{label}/values", params={"match[]": filled(selector, places())}
            )
            assert answer.json()["data"], variable["name"]


async def replicas_count_once(live: Setting) -> None:
    """Two replicas that know the same pipelines do not make twice as many of them."""
    await settled(live, expr_of("fleet", "Pipelines A"), lambda found: value(found) == live.pipelines)
    by_health = expr_of("fleet", "Pipelines by health A")
    await settled(live, f"sum({by_health})", lambda found: value(found) == live.pipelines)
    for place in ("Health over time A", "Health over time, first 100 A", "All pipelines A", "First 100 pipelines A"):
        await settled(live, expr_of("fleet", place), lambda found: len(found) == live.pipelines)


async def feldera_is_joined(live: Setting) -> None:
    """Feldera's metrics get our source and name by the pipeline's id alone, those without a name too."""
    processed = expr_of("pipeline", "Records processed A")
    await settled(live, processed, lambda found: len({r["metric"]["pipeline_name"] for r in found}) == live.of_feldera)


async def parts_make_a_whole(live: Setting) -> None:
    """The shares of the statuses add up to all of the time."""
    share = expr_of("pipeline", "Share of time by status A")
    await settled(live, f"sum({share})", lambda found: abs(value(found) - 1) < 1e-6)


async def nothing_scraped_is_no_number(live: Setting) -> None:
    """Of a job that is not scraped no panel knows anything: none shows a 0."""
    unknown = places(job="another")
    ours = [asked for asked in targets() if "$job" in asked.expr]
    assert [a.name for a in ours if await answered_now(live.prometheus, filled(a.expr, unknown))] == []


async def tables_show_their_columns_only(live: Setting) -> None:
    """Labels that only the target has are in no table."""
    for name, panel in every_panel():
        if panel["type"] == "table":
            for target in panel["targets"]:
                found = await answered_now(live.prometheus, filled(target["expr"], places()))
                labels = {label for series in found for label in series["metric"]}
                assert labels <= columns(panel), (name, panel["title"])


async def settled(live: Setting, expr: str, wished: Callable[[Any], bool]) -> None:
    """Wait for an answer as wished: replicas may differ for the time between their polls."""
    for _ in range(100):
        answer = await live.prometheus.get("/api/v1/query", params={"query": filled(expr, places())})
        found = answer.json()["data"]["result"]
        if wished(found):
            return
        await asyncio.sleep(0.2)
    raise AssertionError((expr, found))


def expr_of(name: str, place: str) -> str:
    """A query of a board by its panel's title and its reference."""
    return next(asked.expr for asked in targets() if asked.board == name and asked.place == place)


def value(result: Any) -> float:
    """The value of a single sample."""
    return float(result[0]["value"][1]) if result else -1.0
