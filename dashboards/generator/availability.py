"""The board of availability: how much of the error budget is left, and how fast it burns."""

from __future__ import annotations

from grafana_foundation_sdk.builders import table, timeseries

from dashboards.generator import looks
from dashboards.generator.board import Board, Panels, Section
from dashboards.generator.codes import BAD, FAILED, GOOD
from dashboards.generator.columns import Column, with_columns
from dashboards.generator.links import AVAILABILITY, BOARD_OF_PIPELINE, PAGE_OF_PIPELINE
from dashboards.generator.panels import HALF, Size, Text, bounded, graph, listing, number
from dashboards.generator.queries import NAMED, PIPELINE, Query, now, or_zero, recorded

OBJECTIVE = 0.995
"""Also that of the alerts; another one is set in both places (docs/dashboards.md)."""

BURNS = ((14.4, "1h", "5m"), (6, "6h", "30m"), (3, "1d", "2h"), (1, "3d", "6h"))
"""Burn rates with their long and short windows: 14.4 spends 2 % of a month's budget in an hour."""

_BUDGET = f"(1 - {OBJECTIVE})"
_SHARE = f"{OBJECTIVE:.1%}".replace("%", " %")
_LEFT: looks.Steps = ((None, FAILED), (0, BAD), (0.25, GOOD))
_REACHED: looks.Steps = ((None, FAILED), (OBJECTIVE, GOOD))
_HINT = "no data: are the rules of alerts/rules loaded, and was a pipeline wanted?"
_WINDOWS = ("1h", "6h", "1d", "7d", "30d")


def board() -> Board:
    """The board."""
    return Board(
        uid=AVAILABILITY,
        title="Pipelines / Availability",
        description=f"How much of the time pipelines were wanted they were healthy; objective {_SHARE} in 30 days.",
        sections=(
            Section("All chosen pipelines, 30 days", _whole()),
            Section("Every pipeline", [_table(), *_over_time()]),
            Section("Burn rates: how many times faster than the budget allows", [_burn(*burn) for burn in BURNS]),
        ),
        time_from="now-7d",
    )


def _whole() -> Panels:
    wanted = f"(sum({_total('wanted')}) > 0)"
    healthy = f"(sum({_total('healthy')}) or 0 * {wanted})"
    over = recorded("pipeline:pipeline_unavailable:ratio_30d")
    return [
        number(
            Text(
                "Availability",
                f"Healthy by wanted time, both summed over the pipelines; objective {_SHARE}.",
            ),
            now(f"clamp_max({healthy} / {wanted}, 1)"),
            unit="percentunit",
            steps=_REACHED,
            size=Size(6, 4),
            none=_HINT,
        ),
        number(
            Text("Error budget left", "100 %: nothing is spent. 0 %: all is used up. Below: the objective is missed."),
            now(f"1 - clamp_min(1 - {healthy} / {wanted}, 0) / {_BUDGET}"),
            unit="percentunit",
            steps=_LEFT,
            size=Size(6, 4),
            none=_HINT,
        ),
        number(
            Text("Unavailable", "Time that pipelines were wanted and not healthy, in 30 days, summed over them."),
            now(f"clamp_min({wanted} - {healthy}, 0) * 30 * 86400"),
            unit="s",
            size=Size(6, 4),
            none=_HINT,
        ),
        number(
            Text("Over budget", "Pipelines that have used up their own error budget of 30 days."),
            now(or_zero(f"count({over} > {_BUDGET})", over)),
            steps=looks.BAD_IF_ANY,
            size=Size(6, 4),
            none=_HINT,
        ),
    ]


def _total(kind: str) -> str:
    return recorded(f"pipeline:pipeline_{kind}_seconds:rate_30d")


def _table() -> table.Panel:
    ratios = [recorded(f"pipeline:pipeline_available:ratio_{window}") for window in _WINDOWS]
    left = f"1 - {recorded('pipeline:pipeline_unavailable:ratio_30d')} / {_BUDGET}"
    panel = listing(
        Text("Availability by pipeline", "Of several windows, and what is left of the budget of 30 days."),
        *(now(f"max by ({PIPELINE}) ({expr})") for expr in (*ratios, left)),
        size=Size(24, 10),
        none=_HINT,
    )
    windows = [
        Column(f"Value #{ref}", window, "percentunit", steps=_REACHED)
        for ref, window in zip("ABCDE", _WINDOWS, strict=True)
    ]
    return with_columns(
        panel,
        Column("source"),
        Column("pipeline_name", links=(BOARD_OF_PIPELINE, PAGE_OF_PIPELINE)),
        *windows,
        Column("Value #F", "budget left", "percentunit", steps=_LEFT),
        hidden=("pipeline",),
    )


def _over_time() -> Panels:
    return [
        graph(
            Text("Availability, 1 h", "Of each pipeline, over the hour before."),
            Query(recorded("pipeline:pipeline_available:ratio_1h"), NAMED),
            unit="percentunit",
            size=HALF,
        ),
        bounded(
            graph(
                Text("Error budget left, 30 days", "Of each pipeline; below 0 the objective is missed."),
                Query(f"1 - {recorded('pipeline:pipeline_unavailable:ratio_30d')} / {_BUDGET}", NAMED),
                unit="percentunit",
                signed=True,
                size=HALF,
            ),
            _LEFT,
        ),
    ]


def _burn(rate: float, long: str, short: str) -> timeseries.Panel:
    def ratio(window: str) -> str:
        return f"{recorded(f'pipeline:pipeline_unavailable:ratio_{window}')} / {_BUDGET}"

    panel = graph(
        Text(f"Burn, {long} and {short}", f"Alarming where both windows are above {rate}."),
        Query(ratio(long), f"{NAMED} {long}"),
        Query(ratio(short), f"{NAMED} {short}"),
        size=HALF,
    )
    return bounded(panel, ((None, GOOD), (rate, FAILED)))
