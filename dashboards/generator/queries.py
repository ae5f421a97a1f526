"""PromQL with the boards' variables: selectors, and what makes one number of what several replicas say."""

from __future__ import annotations

from typing import NamedTuple

PIPELINE = "source, pipeline, pipeline_name"
NAMED = "{{source}} / {{pipeline_name}}"

EVENT_STEP = "2m"
"""The step in which events are counted, enough for scrape intervals up to 40 s: a step of three of them or more makes
``$__rate_interval`` one step and one scrape, so that neighbours share one sample and each increase is in one step."""

_SCRAPED = 'job=~"$job",instance=~"$instance"'
_PIPELINE = 'source=~"$source",pipeline_name=~"$pipeline_name"'


class Query(NamedTuple):
    """A query of a panel; ``instant`` ones fill tables, bars and numbers of the whole range."""

    expr: str
    legend: str = ""
    instant: bool = False


def now(expr: str, legend: str = "") -> Query:
    """A query of the end of the range alone."""
    return Query(expr, legend, instant=True)


def pipelines(family: str, *matchers: str) -> str:
    """A selector of a family that pipelines have."""
    return _selector(family, _SCRAPED, _PIPELINE, *matchers)


def sources(family: str, *matchers: str) -> str:
    """A selector of a family that sources have."""
    return _selector(family, _SCRAPED, 'source=~"$source"', *matchers)


def exporters(family: str, *matchers: str) -> str:
    """A selector of a family that an exporter has once."""
    return _selector(family, _SCRAPED, *matchers)


def recorded(record: str, *matchers: str) -> str:
    """A selector of a recorded series, which has no instance: the rules make one of all replicas."""
    return _selector(record, 'job=~"$job"', _PIPELINE, *matchers)


def known_pipelines() -> str:
    """A series for each pipeline of which anything is known."""
    return pipelines("pipeline_info")


def known_sources() -> str:
    """A series for each source of which anything is known."""
    return sources("pipeline_exporter_source_up")


def once(expr: str) -> str:
    """One series for all replicas that say the same; before anything is counted or summed."""
    return f"max without (instance, pod) ({expr})"


def rate(selector: str) -> str:
    """Per second."""
    return once(f"rate({selector}[$__rate_interval])")


def increase(selector: str, window: str = "$__rate_interval") -> str:
    """How much more in the window; of two replicas the one that saw more."""
    return once(f"increase({selector}[{window}])")


def increase_in_range(selector: str) -> str:
    """How much more in the time shown."""
    return increase(selector, "$__range")


def age(selector: str) -> str:
    """Seconds since a timestamp; of two replicas the younger."""
    return f"time() - {once(selector)}"


def or_zero(expr: str, known: str) -> str:
    """0 where nothing fits; nothing while ``known`` has no series either, as nobody can tell then."""
    return f"{expr} or 0 * count({known})"


def _selector(family: str, *matchers: str) -> str:
    return f"{family}{{{','.join(matchers)}}}"
