"""Pictures of the past: what lasted when, in bars whose number has a bound, and in words."""

from __future__ import annotations

import re
from itertools import pairwise

import msgspec
import pytest

from exporter.history import PipelineHistory
from exporter.model import Snapshot, Status
from exporter.web.picture import COLUMNS, RANGES, Span, Window, health_spans, lanes, seconds_back, status_spans, strip
from tests.web.boards import NOW, event, past, pipeline, source

HOUR = Window(NOW - 3600, NOW)


def spans(ago: float, *events: tuple[float, str | None], health: str = "healthy", window: Window = HOUR) -> list[Span]:
    """Healths of a pipeline with a history, polled ``ago`` seconds ago; events are given by age and status."""
    one = pipeline(health=health)
    told = [event(number, age, runtime) for number, (age, runtime) in enumerate(events, start=1)]
    history = past(source(one, ago=ago), one.id, *told)
    return health_spans(one, history, window, NOW - ago)


def test_each_health_lasts_to_the_next_and_the_last_to_the_poll() -> None:
    """What was before the window shows from its beginning; nothing is claimed after the last good poll."""
    found = spans(60, (7200, "Running"), (1800, "Unavailable"), (1500, "Running"))
    assert found == [
        Span(NOW - 3600, NOW - 1800, "healthy"),
        Span(NOW - 1800, NOW - 1500, "unhealthy"),
        Span(NOW - 1500, NOW - 60, "healthy"),
    ]


def test_the_present_counts_from_its_beginning_when_no_event_tells_of_it() -> None:
    """Without a history, the statuses of the list are known since they began."""
    one = pipeline(health="transitioning", statuses={"runtime": Status("Paused", NOW - 600)})
    empty = PipelineHistory(counts_from=None, initial=None)
    assert health_spans(one, empty, HOUR, NOW - 5) == [Span(NOW - 600, NOW - 5, "transitioning")]
    assert status_spans(one, empty, (1, "runtime"), HOUR, NOW - 5) == [Span(NOW - 600, NOW - 5, "Paused")]


def test_a_status_older_than_what_is_known_says_nothing_about_the_health() -> None:
    """A core instance was lost and is back: the status, which lasted all the time, does not hide it."""
    one = pipeline(statuses={"runtime": Status("Running", NOW - 3000)})
    shown = source(msgspec.structs.replace(one, health="unhealthy"), ago=900)
    for ago, health in ((600, "healthy"), (300, "unhealthy"), (5, "unhealthy")):
        shown.facts.apply(Snapshot(NOW - ago, (msgspec.structs.replace(one, health=health),)))
    history = shown.facts.history.pipelines[one.id]
    assert health_spans(shown.facts.pipelines[one.id], history, HOUR, NOW - 5) == [
        Span(NOW - 900, NOW - 600, "unhealthy"),
        Span(NOW - 600, NOW - 300, "healthy"),
        Span(NOW - 300, NOW - 5, "unhealthy"),
    ]


def test_an_event_younger_than_the_poll_is_newer_than_what_the_poll_said() -> None:
    """A history is read after the list: it has the last word."""
    assert spans(300, (1800, "Running"), (200, "Unavailable"))[-1] == Span(NOW - 200, NOW - 200, "unhealthy")


def test_a_health_that_no_event_has_is_known_from_the_poll() -> None:
    """A core instance that is lost shows in no event: since when is not known."""
    assert spans(60, (1800, "Running"), health="unhealthy")[-1] == Span(NOW - 60, NOW - 60, "unhealthy")


def test_a_null_status_is_no_bar() -> None:
    """While a pipeline has no process, its runtime status shows nothing."""
    one = pipeline()
    history = past(source(one), one.id, event(1, 3000, "Running"), event(2, 2000, None), event(3, 1000, "Running"))
    found = status_spans(one, history, (1, "runtime"), HOUR, NOW)
    assert [span.value for span in found] == ["Running", None, "Running", "Running"]
    assert [bars.value for bars in lanes(found, HOUR, ()).bars] == ["Running"]


def test_the_worst_of_a_column_shows() -> None:
    """A failure of a second in a window of an hour can be seen."""
    found = spans(0, (3600, "Running"), (1800, "Unavailable"), (1799, "Running"))
    by_health = {bars.value: bars.path for bars in strip(found, HOUR).bars}
    assert by_health["unhealthy"] == "M120 5h1v19h-1z"
    assert by_health["healthy"] == "M0 17h120v7h-120zM121 17h119v7h-119z"


def test_bars_stay_within_the_picture_and_their_number_within_a_bound() -> None:
    """Ten thousand changes cost no more than the columns there are."""
    edges = [NOW - 3600 + number * 0.3 for number in range(12_001)]
    found = [Span(*edge, ("failed", "healthy")[number % 2]) for number, edge in enumerate(pairwise(edges))]
    for picture in (strip(found, HOUR), lanes(found, HOUR, ())):
        for bars in picture.bars:
            places = [(int(x), int(width)) for x, width in re.findall(r"M(\d+) \d+h(\d+)", bars.path)]
            assert len(places) <= COLUMNS
            assert all(width > 0 and x + width <= COLUMNS for x, width in places)


def test_the_taller_a_bar_the_more_of_its_time() -> None:
    """A lane shows how much of a column a status filled, also when it came and went; a moment is seen."""
    quarter = Window(NOW - COLUMNS * 4, NOW)
    edges = [(NOW - COLUMNS * 4 + number * 4, number) for number in range(120)]
    flapping = [Span(at + 1, at + 2, "up") for at, _ in edges]
    lasting = [Span(NOW - 480, NOW - 2, "up"), Span(NOW, NOW, "down")]
    up, down = lanes([*flapping, *lasting], quarter, ()).bars
    assert up.path == "M0 13h120v4h-120zM239 10h1v7h-1zM120 3h119v14h-119z"
    assert down.path == "M239 33h1v4h-1z"


def test_lanes_have_an_order_and_a_bound() -> None:
    """Known statuses first, unknown ones behind; a flood of them does not flood the page."""
    found = [Span(NOW - 100 + i, NOW - 99 + i, f"S{i}") for i in range(100)]
    picture = lanes(found, HOUR, ("S50", "never", "S3"))
    assert [bars.value for bars in picture.bars][:3] == ["S50", "S3", "S0"]
    assert (len(picture.bars), picture.height) == (16, 320)


def test_words_say_what_the_bars_show() -> None:
    """Shares of the time that is known, the largest first."""
    found = spans(0, (3600, "Running"), (900, "Unavailable"), health="unhealthy")
    assert strip(found, HOUR).words == "Last 1 h: healthy 75 %, unhealthy 25 %."
    assert strip([], HOUR).words == "Last 1 h: nothing is known."


@pytest.mark.parametrize(
    ("name", "age", "seconds"),
    [("auto", 0, 900), ("auto", 7200, 7380), ("auto", 1e9, 604800), ("auto", -5, 900), ("4h", 1e9, 14400)],
)
def test_how_far_back(name: str, age: float, seconds: float) -> None:
    """By itself a picture reaches back to the oldest event, or as far as a picture may."""
    assert seconds_back(name, age) == seconds
    assert list(RANGES.values()) == sorted(RANGES.values())


def test_times_from_another_world() -> None:
    """Events of the future or of long ago, as a broken clock dates them, draw nothing impossible."""
    found = spans(0, (1e9, "Running"), (-1e9, "Unavailable"))
    assert all(HOUR.start <= span.start <= span.end <= HOUR.end for span in found)
