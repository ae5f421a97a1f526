"""Backward paging: where it ends, what of a Link header is used, and that a failed page makes nothing disappear."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from exporter.demo.calyptia import World, create_app
from exporter.errors import BadResponse, ServerFailed, SourceError
from exporter.sources.calyptia.paging import body_page, link_page, next_cursor, read_pages
from exporter.sources.calyptia.wire import CoreInstance
from exporter.sources.http import Answer, Params
from tests.calyptia.harness import Open, Reading, config_of
from tests.e2e.harness import serving

LINKS = [
    (None, None),
    ("", None),
    ('</x?before=a>; rel="next"', "a"),
    ('</x>; rel="self", </x?before=b>; rel="next"', "b"),
    ('</x?before=a>; rel="prev"', None),
    ('</x?last=2&before=a%2Bb%3D>; title="x"; rel="next last"', "a+b="),
    ("</x?before=c>;rel=next", "c"),
    ('<https://evil.example/steal?before=d&x=1>; rel="next"', "d"),
    ('</x?other=1>; rel="next"', None),
    ('<http://[broken?before=e>; rel="next"', None),
    ('no link at all; rel="next"', None),
]


@pytest.mark.parametrize(("header", "cursor"), LINKS)
def test_only_the_cursor_is_taken_from_a_link(header: str | None, cursor: str | None) -> None:
    """RFC 8288 in all its forms: the ``before`` of the next page, and nothing else."""
    assert next_cursor(header) == cursor


class Server:
    """Answers with one prepared page after another, and remembers what it was asked."""

    def __init__(self, *pages: tuple[Sequence[str], str | None], count: int = 0) -> None:
        self.pages = list(pages)
        self.count = count
        self.asked: list[Params] = []

    async def __call__(self, params: Params) -> Answer:
        ids, cursor = self.pages[min(len(self.asked), len(self.pages) - 1)]
        self.asked.append(params)
        items = [{"id": each, "name": each} for each in ids]
        body = {"items": items, "endCursor": cursor, "count": self.count}
        return Answer(200, {}, msgspec.json.encode(body), 0.0)

    async def read(self, size: int = 2, most: int = 10) -> tuple[list[str], bool]:
        """The ids of all pages, and whether there was more."""
        pages = [page async for page in read_pages(self, body_page(CoreInstance, "/x"), [size] * most)]
        return [item.id for page in pages for item in page.items], pages[-1].more


ENDS = [
    ("no cursor", Server(("ab", "1"), ("cd", None)), "abcd", 2),
    ("an empty page", Server(("ab", "1"), ("", "2"), ("cd", "3")), "ab", 2),
    ("a short page", Server(("ab", "1"), ("c", "2"), ("de", "3")), "abc", 2),
    ("a short page of a longer list", Server(("a", "1"), ("b", "2"), ("c", None), count=3), "abc", 3),
    ("a cursor seen before", Server(("ab", "1"), ("cd", "1"), ("ef", "1")), "abcd", 2),
    ("nothing new", Server(("ab", "1"), ("ab", "2"), ("ab", "3")), "abab", 2),
]


@pytest.mark.parametrize(("server", "ids", "requests"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
async def test_where_paging_ends(server: Server, ids: str, requests: int) -> None:
    """Every sign of the end is one, and none is needed twice."""
    assert await server.read() == (list(ids), False)
    assert len(server.asked) == requests


async def test_an_overlap_is_not_the_end() -> None:
    """A page that begins with an element seen before still brings new ones."""
    assert await Server(("ab", "1"), ("bc", "2"), ("d", None)).read() == (list("abbcd"), False)


async def test_the_page_cap_is_told() -> None:
    """A list that never ends is read so far and no further, and known to be cut."""
    pages = [((f"{n}a", f"{n}b"), str(n)) for n in range(20)]
    ids, more = await Server(*pages).read(most=5)
    assert (len(ids), more) == (10, True)


async def test_the_request_is_our_own() -> None:
    """``last`` is always there and at least 1, although the server's links forget it."""
    server = Server(("ab", "1"), ("c", None))
    await server.read()
    assert server.asked == [{"last": 2}, {"last": 2, "before": "1"}]


def test_null_is_an_empty_list() -> None:
    """Go writes null for a list that was never made."""
    answer = Answer(200, {}, b'{"items": null, "endCursor": null, "count": 0}', 0.0)
    assert body_page(CoreInstance, "/x")(answer).items == []
    assert link_page(CoreInstance, "/x")(Answer(200, {}, b" null ", 0.0)).items == []


async def test_pages_join_to_the_whole(world: World, opened: Open) -> None:
    """With small pages all pipelines of all instances are there, each once."""
    names = {f"{instance}-{number}" for instance in ("a", "b", "c") for number in range(7)}
    for instance in ("a", "b", "c"):
        world.add_core_instance(instance)
    for name in sorted(names):
        world.add_pipeline(name, instance=name[0])
    async with opened(page_size=3) as reading:
        await reading.run()
    assert {name for (name,) in reading.values("pipeline_info", "pipeline_name")} == names
    assert not world.forbidden_queries


class Failing:
    """The simulator, whose second page of pipelines fails while ``answer`` is set."""

    def __init__(self, world: World) -> None:
        self.app = create_app(world)
        self.answer: Response | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fails = self.answer is not None and "before" in Request(scope).query_params
        await (self.answer if fails and self.answer else self.app)(scope, receive, send)


FAILURES: list[tuple[Response, type[SourceError]]] = [
    (JSONResponse({"error": "boom"}, 500), ServerFailed),
    (JSONResponse([]), BadResponse),
    (JSONResponse({"items": [{"id": 5}], "endCursor": None, "count": 1}), BadResponse),
]


@pytest.mark.parametrize(("answer", "error"), FAILURES)
async def test_a_failed_page_removes_nothing(world: World, answer: Response, error: type[SourceError]) -> None:
    """The poll fails as a whole; what was known stays, and the next good poll goes on."""
    for number in range(6):
        world.add_pipeline(f"p{number}")
    failing = Failing(world)
    async with serving(failing) as url:
        reading = Reading(config_of({"url": url, "project_token": world.project_token, "page_size": 3}))
        await reading.run()
        failing.answer = answer
        with pytest.raises(error):
            await reading.run()
        assert len(reading.facts.pipelines) == 6
        failing.answer = None
        world.delete("p0")
        await reading.run()
        await reading.source.aclose()
    assert len(reading.facts.pipelines) == 5


async def test_one_unreadable_pipeline_keeps_its_last_facts(world: World, opened: Open) -> None:
    """A pipeline of another shape is noted, still served, and costs the others nothing."""
    world.add_pipeline("good")
    bad = world.add_pipeline("bad", status="STARTED")
    async with opened() as reading:
        await reading.run()
        world.pipeline(bad).change(world.now(), image=7)
        world.change("good", replicas_count=3)
        await reading.run()
    assert reading.values("pipeline_replicas", "pipeline_name") == {("good",): 3, ("bad",): 1}
    assert [error.reason for error in reading.failures] == ["bad_response"]
