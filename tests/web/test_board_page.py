"""The start page: what it shows of every pipeline and source, and that nothing in a name is more than text."""

from __future__ import annotations

import pytest

from exporter.model import DeploymentError, FailureRead, Service, Snapshot, Status
from exporter.web.board import FiringAlert
from tests.web.boards import HOSTILE, NOW, FakeBoard, client, down, event, full, get, past, pipeline, source
from tests.web.markup import Page


async def page_of(board: FakeBoard, path: str = "/") -> Page:
    """The page, which must be served and well-formed."""
    response = await get(board, path)
    assert response.status_code == 200
    return Page(response.text)


async def test_a_row_has_everything() -> None:
    """Health, name, statuses, since when in both ways, the picture in words, the error."""
    error = DeploymentError("RuntimeError.OutOfMemory", "the process was killed")
    shown = source(pipeline(health="failed", error=error))
    past(shown, "id-orders", event(1, 3000, "Running"), event(2, 1500, None, error=True))
    page = await page_of(FakeBoard(shown))
    assert "✖ failed orders prod resources Provisioned runtime Running 2027-01-15 07:00:00 UTC 1 h ago" in page.text
    assert "Last 51 min: healthy 50 %, failed 50 %." in page.of("desc")
    assert "RuntimeError.OutOfMemory the process was killed" in page.text
    assert "/pipelines/prod/id-orders" in page.attributes("a", "href")
    assert page.attributes("time", "datetime") == ["2027-01-15T07:00:00.000Z"]


async def test_a_failure_that_is_over_is_told_as_such() -> None:
    """It stands there with the time since which it is over, as far as that is known."""
    shown = source(pipeline())
    error = DeploymentError("RuntimeError.WorkerPanic", "oops")
    shown.facts.apply(FailureRead("id-orders", NOW - 420, error))
    assert "RuntimeError.WorkerPanic over, 7 min ago oops" in (await page_of(FakeBoard(shown))).text
    shown.facts.apply(FailureRead("id-orders", NOW - 420, error, NOW - 300))
    assert "RuntimeError.WorkerPanic over, 5 min ago oops" in (await page_of(FakeBoard(shown))).text


async def test_a_failure_that_polls_saw_is_not_forgotten_when_it_is_over() -> None:
    """Who comes five minutes later still reads why."""
    shown = source(pipeline())
    failed = pipeline(health="failed", error=DeploymentError("RuntimeError.OutOfMemory", "killed"))
    for as_of, one in ((NOW - 400, failed), (NOW - 300, pipeline()), (NOW - 1, pipeline())):
        shown.facts.apply(Snapshot(as_of, (one,)))
    assert "RuntimeError.OutOfMemory over, 5 min ago killed" in (await page_of(FakeBoard(shown))).text


async def test_a_row_says_why() -> None:
    """A failure without an error of the deployment has a reason too; where there is an error its code says it."""
    why = "the program does not compile (SqlError)"
    page = await page_of(FakeBoard(source(pipeline("a", health="failed", why=why), pipeline("b"))))
    assert page.of("p").count(why) == 1
    assert page.of("span").count("none") == 1
    error = DeploymentError("RuntimeError.OutOfMemory", "killed")
    told = await page_of(FakeBoard(source(pipeline(health="failed", error=error, why="the deployment failed"))))
    assert "the deployment failed" not in told.text


async def test_rows_of_a_source_that_cannot_be_read_look_old() -> None:
    """Each says of when it is; those of a source that is read do not."""
    page = await page_of(FakeBoard(source(pipeline("new"), name="a"), down(pipeline("old"))))
    assert "● healthy as of 07:59 UTC old prod" in page.text
    assert page.text.count("as of 07:59 UTC") == 1
    assert page.attributes("tr", "class") == ["old"]


async def test_alerts_that_fire() -> None:
    """How many by name, and at each row; nothing is said where nobody decides about alerts."""
    board = FakeBoard(source(pipeline()))
    assert "alert" not in (await page_of(board)).text.lower()
    board.counted, board.about = {}, ()
    assert "No alert fires." in (await page_of(board)).text
    board.counted = {"PipelineUnavailable": 1, "PipelineDeploymentError": 2}
    board.about = [FiringAlert("PipelineDeploymentError", "critical", NOW - 60, "text")]
    page = await page_of(board)
    assert "▲ Alerts fire: PipelineDeploymentError 2 , PipelineUnavailable 1 ." in page.text
    assert "▲ 1 alert" in page.of("a")


async def test_pipelines_without_a_history_or_a_status() -> None:
    """Nothing is made up for them."""
    bare = pipeline("bare", statuses={}, desired={}, created_at=None, health="unknown")
    page = await page_of(FakeBoard(source(bare)))
    assert "? unknown bare prod not known" in page.text
    assert page.of("desc") == ["Last 15 min: unknown <1 %."]


async def test_a_config_file_that_cannot_be_loaded_is_told() -> None:
    """Whoever tried to change the configuration sees that the old one goes on, and why."""
    board = FakeBoard(source(pipeline()))
    assert "config file" not in (await page_of(board)).text
    board.refused = "sources[0].url: 'a<b' is not a URL"
    told = "The config file cannot be used; the old configuration goes on: sources[0].url: 'a<b' is not a URL"
    assert told in (await page_of(board)).text


async def test_counts_lead_to_what_they_count() -> None:
    """Each health is a link that keeps the other filters and forgets the page."""
    board = FakeBoard(source(*(pipeline(f"p{i}", health=("failed", "idle")[i % 2]) for i in range(5))))
    page = await page_of(board, "/?q=p&page=1&range=4h")
    links = page.attributes("a", "href")
    assert "?q=p&health=failed&range=4h" in links
    assert (
        "all 5 ✖ failed 3 ▲ unhealthy 0 ? unknown 0 ◐ transitioning 0 ● healthy 0 ○ idle 2 with an error 0" in page.text
    )
    narrowed = await page_of(board, "/?q=p&health=failed&range=4h")
    assert "3 pipelines, those that want attention first." in narrowed.text
    current = [found["href"] for tag, found in narrowed.elements if tag == "a" and "aria-current" in found]
    assert current == ["?q=p&health=failed&range=4h"]


async def test_pages_of_a_hundred() -> None:
    """Never more rows than a hundred; a page that has gone shows the last one."""
    board = FakeBoard(source(*(pipeline(f"p{number:03}") for number in range(250))))
    for asked, rows, place in (("1", 100, "Page 1 of 3"), ("3", 50, "Page 3 of 3"), ("99", 50, "Page 3 of 3")):
        page = await page_of(board, f"/?page={asked}")
        assert (len([e for e in page.elements if e[0] == "svg"]), place in page.text) == (rows, True)
    first, last = await page_of(board), await page_of(board, "/?page=3")
    assert "?page=2" in first.attributes("a", "href")
    assert ("Previous" in first.text, "Next" in first.text) == (False, True)
    assert ("Previous" in last.text, "Next" in last.text) == (True, False)


async def test_ten_thousand_pipelines() -> None:
    """The page is as large as its rows, however many pipelines there are."""
    board = FakeBoard(source(*(pipeline(f"pipeline-{number:05}") for number in range(10_000))))
    response = await get(board, "/")
    assert response.text.count("<svg") == 100
    assert len(response.content) < 150_000
    assert "10000 pipelines" in response.text


async def test_the_form_shows_what_was_asked() -> None:
    """Whoever filters again starts from the present filter; what the form cannot show is kept."""
    page = await page_of(FakeBoard(source(pipeline())), '/?q="ord&source=prod&health=healthy&range=7d&refresh=off')
    inputs = {attributes.get("name"): attributes.get("value") for tag, attributes in page.elements if tag == "input"}
    assert inputs == {"q": '"ord', "refresh": "off"}
    assert page.text.count("No pipeline matches") == 1
    assert len([a for tag, a in page.elements if tag == "option" and "selected" in a]) == 3


@pytest.mark.parametrize(
    ("path", "content", "link"),
    [("/", "30", "?refresh=off"), ("/?refresh=10&q=o", "10", "?q=o&refresh=off"), ("/?refresh=off", None, "?")],
)
async def test_it_loads_itself_until_paused(path: str, content: str | None, link: str) -> None:
    """The script and, where there is none, the browser are told when; the URL pauses it, as do all links then."""
    page = await page_of(FakeBoard(source(pipeline())), path)
    told = [a["content"] for tag, a in page.elements if tag == "meta" and a.get("http-equiv") == "refresh"]
    assert told == ([content] if content else [])
    assert page.attributes("script", "data-seconds") == told
    assert link in page.attributes("a", "href")


async def test_a_source_that_cannot_be_read() -> None:
    """It stands first, with the reason, the mend and how old its facts are; they are still shown."""
    broken = down(pipeline("old"), reason="unauthorized")
    page = await page_of(FakeBoard(source(pipeline("new"), name="a"), broken))
    assert "prod feldera ▲ cannot be read: unauthorized – the credentials were refused" in page.text
    assert "What is shown of it is as of 2027-01-15 07:59:59 UTC , 3 min 20 s ago." in page.text
    assert page.text.index("cannot be read") < page.text.index("1 pipeline, read 1 s ago")
    assert "old" in page.of("bdi")


async def test_facts_that_are_too_old_are_not_shown() -> None:
    """Only the warning is there: neither the row nor its numbers."""
    page = await page_of(FakeBoard(down(pipeline("old"), hidden=True)))
    assert "Its facts are too old to be shown: nothing of it is in the list." in page.text
    assert "Nothing to show" in page.text
    assert "all 0" in page.text
    assert "old" not in page.of("bdi")


async def test_parts_that_are_not_well() -> None:
    """A task that fails beside the poll, and what the control plane says of itself."""
    shown = source(pipeline(), problems={"history": "forbidden"})
    services = (Service("runner", healthy=False), Service("api", healthy=True))
    shown.facts.platform = shown.facts.platform.__class__(services=services)
    page = await page_of(FakeBoard(shown))
    assert "The control plane says that these are not well: runner." in page.text
    assert "Task history failed: forbidden – the credentials do not allow it" in page.text


@pytest.mark.parametrize(
    ("board", "path", "says"),
    [
        (FakeBoard(), "/", "No source is configured Add a control plane under sources"),
        (FakeBoard(source(up=None, age=None)), "/", "Reading for the first time"),
        (FakeBoard(source()), "/", "The control planes have no pipelines Create one there"),
        (FakeBoard(source(pipeline())), "/?q=zzz", "No pipeline matches Change the filter, or show all of them"),
        (FakeBoard(down()), "/", "Nothing to show A source cannot be read"),
    ],
)
async def test_an_empty_page_says_what_to_do(board: FakeBoard, path: str, says: str) -> None:
    """Nobody is left before an empty table."""
    page = await page_of(board, path)
    assert says in page.text
    assert "table" not in page.tags


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_only_text(text: str) -> None:
    """Names and messages are written out, in the picture too; long ones are cut."""
    page = await page_of(full(text))
    assert page.foreign == []
    assert not any(name.startswith("on") or name == "style" for _, attributes in page.elements for name in attributes)
    cut = text if len(text) <= 120 else f"{text[:119]}…"
    assert cut.strip() in page.of("bdi")
    assert f"Health of {cut}".strip() in page.of("title")
    assert max(len(found) for found in page.of("span")) <= 200


@pytest.mark.parametrize("text", HOSTILE)
async def test_every_link_to_a_pipeline_leads_there(text: str) -> None:
    """Slashes, question marks and what not in an identity are quoted, and understood again."""
    async with await client(full(text)) as browser:
        page = Page((await browser.get("/")).text)
        link, alerts = [link for link in page.attributes("a", "href") if link.startswith("/pipelines/")]
        assert alerts == f"{link}#alerts"
        answer = await browser.get(link)
    assert answer.status_code == 200
    assert text.strip() in Page(answer.text).of("bdi")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("page=0", "page must be a whole number from 1 to 999999999."),
        ("health=nonsense", "health=nonsense is not possible; choose from"),
        ("source=%3Cb%3E", "There is no source '<b>'; configured: prod."),
        ("colour=red", "There is no parameter 'colour' here"),
    ],
)
async def test_a_wrong_parameter_is_400_with_a_sentence(query: str, sentence: str) -> None:
    """The page says what is wrong and leads back."""
    response = await get(FakeBoard(source(pipeline())), f"/?{query}")
    page = Page(response.text)
    assert response.status_code == 400
    assert sentence in page.text
    assert "/" in page.attributes("a", "href")
    assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_a_search_is_quoted_in_every_link() -> None:
    """What was searched for stays what it is in links and in the form."""
    q = '"><script>&a=b #é'
    page = await page_of(FakeBoard(source(pipeline(q))), f"/?q={'%22%3E%3Cscript%3E%26a%3Db%20%23%C3%A9'}")
    assert page.foreign == []
    assert q in page.attributes("input", "value")
    assert "?q=%22%3E%3Cscript%3E%26a%3Db+%23%C3%A9&health=failed" in page.attributes("a", "href")
    assert "1 pipeline, those" in page.text


async def test_it_can_be_read_without_seeing_it() -> None:
    """Landmarks, one heading of the first order, heads of columns and rows, labels, a way past the header."""
    board = FakeBoard(source(pipeline(), pipeline("billing", statuses={"runtime": Status("Paused")})))
    page = await page_of(board)
    assert {"header", "main", "nav", "footer", "h1", "caption"} <= page.tags
    assert len(page.of("h1")) == 1
    assert page.attributes("th", "scope").count("col") == 6
    assert page.attributes("th", "scope").count("row") == 2
    assert page.attributes("a", "href")[0] == "#main"
    assert "en" in page.attributes("html", "lang")
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {part for value in page.attributes("svg", "aria-labelledby") for part in value.split()}
    assert labelled <= set(ids)
