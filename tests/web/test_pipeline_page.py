"""The page of one pipeline: everything known of it, as text."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from exporter.model import DeploymentError, FailureRead, LogLine, Snapshot
from exporter.web.board import FiringAlert
from tests.web.boards import HOSTILE, NOW, FakeBoard, down, event, full, get, past, pipeline, source
from tests.web.markup import Page


async def page_of(board: FakeBoard, path: str = "/pipelines/prod/id-orders") -> Page:
    """The page, which must be served and well-formed."""
    response = await get(board, path)
    assert response.status_code == 200
    return Page(response.text)


async def test_everything_is_there() -> None:
    """Health, statuses, error with its whole message, alerts, log, notes, traces, facts."""
    text = "a message\nof two lines, 300 characters: " + "x" * 300
    page = await page_of(full(text), f"/pipelines/prod/{quote(text, safe='')}")
    for part in (
        "✖ failed",
        "Firing alerts PipelineDeploymentError critical 2027-01-15 07:59:00 UTC 1 min ago",
        "Error RuntimeError.WorkerPanic",
        "resources Provisioned – 2027-01-15 06:00:00 UTC 2 h ago",
        "runtime Running Running 2027-01-15 07:00:00 UTC 1 h ago",
        "Replicas 2",
        "Connector errors 3",
        "Created 2027-01-14 08:00:00 UTC 1 d ago",
        "Last event 2027-01-15 07:59:00 UTC 1 min ago",
        "Error lines of the log thread panicked 2027-01-15 07:58:59 UTC a message",
        "Kubernetes events 2027-01-15 07:59:10 UTC 50 s ago CrashLoopBackOff pod a message",
        "active, ends 2027-01-15 08:01:00 UTC in 1 min",
        "2 retained, newest first",
    ):
        assert part in page.text, part
    assert text in page.of("pre")


async def test_nothing_known_is_nothing_claimed() -> None:
    """Without history, alerts, log or traces the page says so, or has no such part."""
    page = await page_of(FakeBoard(source(pipeline())))
    assert "None is known yet: the history is read after the statuses" in page.text
    for part in ("Firing alerts", "Error lines of the log", "Kubernetes events", "Traces"):
        assert part not in page.text


async def test_watched_and_quiet_is_not_the_same_as_not_watched() -> None:
    """When somebody decides about alerts and reads the log, the page says that there is nothing."""
    board = FakeBoard(source(pipeline()))
    board.about, board.lines = (), ()
    page = await page_of(board)
    assert "Firing alerts None." in page.text
    assert "Error lines of the log None since the exporter began to read it." in page.text


async def test_newest_events_first_and_changes_marked() -> None:
    """What an event changed is marked, against the event before it, also across pages."""
    shown = source(pipeline())
    runtimes = ["Running", "Running", "Unavailable", None]
    past(shown, "id-orders", *(event(i, 1000 - i, runtimes[i % 4]) for i in range(1, 121)))
    page, second = await page_of(FakeBoard(shown)), await page_of(FakeBoard(shown), "/pipelines/prod/id-orders?page=2")
    assert page.text.index("14 min 40 s ago ") < page.text.index("14 min 41 s ago ")
    assert page.of("mark")[1:5] == ["Running", "–", "Unavailable", "Running"]
    assert "Page 1 of 3" in page.text
    assert second.of("mark")[1] == "Unavailable"
    assert "?page=3" in second.attributes("a", "href")


async def test_a_page_beyond_the_last_shows_the_last() -> None:
    """Events roll over while somebody reads them."""
    shown = source(pipeline())
    past(shown, "id-orders", *(event(i, 1000 - i, "Running") for i in range(1, 61)))
    assert "Page 2 of 2" in (await page_of(FakeBoard(shown), "/pipelines/prod/id-orders?page=99")).text


async def test_a_picture_for_each_dimension() -> None:
    """Lanes with names, and the same in words for those who do not see them."""
    shown = source(pipeline())
    past(shown, "id-orders", event(1, 800, "Running"), event(2, 400, "Unavailable"))
    page = await page_of(FakeBoard(shown), "/pipelines/prod/id-orders?range=15m")
    assert page.of("figcaption") == ["health", "resources", "runtime"]
    assert page.of("desc") == [
        "Last 15 min: unhealthy 50 %, healthy 50 %.",
        "Last 15 min: Provisioned 100 %.",
        "Last 15 min: Unavailable 50 %, Running 50 %.",
    ]
    assert "15m" in [a.get("aria-current") and "15m" for tag, a in page.elements if tag == "a"]


async def test_a_failure_found_in_the_history() -> None:
    """It is told with its times and reason, as something of the past."""
    shown = source(pipeline())
    error = DeploymentError("RuntimeError.WorkerPanic", "oops")
    shown.facts.apply(FailureRead("id-orders", NOW - 3700, error, NOW - 300))
    page = await page_of(FakeBoard(shown))
    assert (
        "Last failure, over RuntimeError.WorkerPanic , began 2027-01-15 06:58:20 UTC 1 h 1 min ago"
        " , ended 2027-01-15 07:55:00 UTC 5 min ago" in page.text
    )
    assert page.of("pre") == ["oops"]


async def test_why_a_pipeline_is_not_as_it_should_be() -> None:
    """In a sentence, whatever the statuses and the error say; none where there is nothing to say."""
    why = "its core instance edge-lab is not running (unreachable)"
    page = await page_of(FakeBoard(source(pipeline(health="unhealthy", why=why))))
    assert f"▲ unhealthy orders feldera · id-orders Why: {why}." in page.text
    assert "Why:" not in (await page_of(FakeBoard(source(pipeline())))).text


async def test_an_unhealthy_spell_without_an_event_is_drawn() -> None:
    """It lasted from the poll that saw it first to the one that saw it no more, and so says the picture."""
    shown = source(pipeline())
    past(shown, "id-orders", event(1, 860, "Running"))
    for ago, health in ((901, "healthy"), (451, "unhealthy"), (226, "healthy"), (1, "healthy")):
        shown.facts.apply(Snapshot(NOW - ago, (pipeline(health=health),)))
    page = await page_of(FakeBoard(shown), "/pipelines/prod/id-orders?range=15m")
    assert page.of("desc")[0] == "Last 15 min: unhealthy 26 %, healthy 74 %."
    assert "is drawn from the poll that saw it, the first at 2027-01-15 07:52:29 UTC." in page.text


async def test_an_alert_leads_to_its_runbook() -> None:
    """Whoever reads of an alert here finds what to do about it."""
    board = FakeBoard(source(pipeline()))
    board.about = [FiringAlert("A", "critical", NOW - 60, "text", "https://runbooks.example.com/A.md")]
    page = await page_of(board)
    assert "https://runbooks.example.com/A.md" in page.attributes("a", "href")


@pytest.mark.parametrize(("name", "seconds"), [("old", "15"), ("new", "15")])
async def test_what_passes_is_asked_for_again(name: str, seconds: str) -> None:
    """Facts that are too old or not read yet come (back): the page looks for them, unless it is told not to."""
    old = down(pipeline(), hidden=True)
    old.facts.name = "old"
    board = FakeBoard(old, source(name="new", up=None, age=None))
    response = await get(board, f"/pipelines/{name}/id-orders")
    assert (response.status_code, response.headers["retry-after"]) == (503, seconds)
    assert [a for tag, a in Page(response.text).elements if tag == "meta" and "http-equiv" in a] == [
        {"http-equiv": "refresh", "content": seconds}
    ]
    assert "http-equiv" not in (await get(board, f"/pipelines/{name}/id-orders?refresh=off")).text
    assert "http-equiv" not in (await get(board, "/nothing")).text


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_only_text(text: str) -> None:
    """Whatever the control plane sends is written out whole: names, messages, notes, log lines, plugins."""
    page = await page_of(full(text), f"/pipelines/prod/{quote(text, safe='')}")
    assert page.foreign == []
    assert not any(name.startswith("on") or name == "style" for _, attributes in page.elements for name in attributes)
    for tag in ("bdi", "pre", "code", "span"):
        assert text.strip() in page.of(tag), tag
    assert f"runtime of {text}".strip() in page.of("title")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/pipelines/nowhere/id-orders", 404, "There is no source 'nowhere' in the configuration."),
        ("/pipelines/prod/nothing", 404, "Source 'prod' has no pipeline 'nothing': it was deleted, is not selected"),
        ("/pipelines/prod/", 404, "Source 'prod' has no pipeline ''"),
        ("/pipelines/prod/%3Cscript%3E", 404, "has no pipeline '<script>'"),
        ("/pipelines/old/id-orders", 503, "What is known of source 'old' is too old to be shown (timeout)."),
        ("/pipelines/new/id-orders", 503, "Source 'new' has not been read yet; try again in a moment."),
        ("/pipelines/prod/id-orders?page=x", 400, "page must be a whole number"),
        ("/nothing", 404, "Not found"),
    ],
)
async def test_what_cannot_be_shown(path: str, status: int, says: str) -> None:
    """A page with the right code that says why."""
    old = down(pipeline(), hidden=True, reason="timeout")
    old.facts.name = "old"
    board = FakeBoard(source(pipeline()), old, source(name="new", up=None, age=None))
    response = await get(board, path)
    page = Page(response.text)
    assert response.status_code == status
    assert says in page.text
    assert page.foreign == []
    assert "/" in page.attributes("a", "href")


async def test_facts_of_a_source_that_cannot_be_read() -> None:
    """They are shown as what they are: of then."""
    page = await page_of(FakeBoard(down(pipeline())))
    assert "The source cannot be read: connection" in page.text
    assert "This is as of 2027-01-15 07:59:59 UTC , 3 min 20 s ago." in page.text


async def test_lines_without_a_time() -> None:
    """A panic has none; it is shown all the same, the newest line first."""
    board = FakeBoard(source(pipeline()))
    board.lines = [LogLine("first", NOW - 9), LogLine("second")]
    text = (await page_of(board)).text
    assert text.index("second") < text.index("first")
