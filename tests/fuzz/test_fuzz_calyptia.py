"""Whatever a Calyptia Core answers: facts or a SourceError, a page to be read, and nothing lost but the bad row."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.demo.calyptia import KubeEvent, Tap, World, create_app
from exporter.sources.calyptia.kubernetes import REASONS
from tests.fuzz.bench import Answer, Bench, bench, values_of, without_seconds
from tests.fuzz.budget import fuzz
from tests.fuzz.trees import TEXTS, VALUES, bodies, mutated, written

NAMES = ("orders", "billing", "ads")


@pytest.fixture(scope="module")
def calyptia(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Three pipelines: one with trace records, one with notes of Kubernetes."""
    world = World(seed=3)
    for name in NAMES:
        world.add_pipeline(name, status="STARTING")
    world.report("orders", "STARTED")
    world.report("ads", "FAILED", events=[KubeEvent("k8s:pod", "CrashLoopBackOff", "back-off 5m0s")])
    session = world.start_trace("orders", plugins=["http.0"])
    for kind in (1, 2, 3, 4):
        world.emit_record(session, Tap(type=kind, plugin="http.0", return_code=1))
    keys = {"type": "calyptia", "project_token": world.project_token, "traces": {}, "max_concurrency": 2}
    with bench(create_app(world), keys, tmp_path_factory.mktemp("ca")) as found:
        yield found


@pytest.fixture(scope="module")
def documents(calyptia: Bench) -> dict[str, Any]:
    """Its valid answers: core instances, pipelines, status histories, trace sessions and records."""
    found = calyptia.documents()
    for part in ("/core_instances", "/pipelines", "/status_history", "/trace_sessions", "/records"):
        assert any(path.endswith(part) for path in found), (part, sorted(found))
    return found


LINKS = st.one_of(
    st.sampled_from(["", '</x?before=a>; rel="next"', "<http://[::1>; rel=next", "<?before=%ff>; rel=next"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
)


@fuzz(1.5)
@given(data=st.data(), link=LINKS)
def test_any_answer_is_facts_or_a_source_error(
    calyptia: Bench, documents: dict[str, Any], data: st.DataObject, link: str
) -> None:
    """No answer of any endpoint, however wrong, ends in another exception, a page nobody can read, or an error page."""
    path = data.draw(st.sampled_from(sorted(documents)))
    reading = calyptia.read({path: Answer(data.draw(bodies(documents[path])), (("link", link),))}, show=True)
    reading.samples()


def list_of(documents: dict[str, Any], part: str) -> tuple[str, dict[str, Any]]:
    """The path and the document of the pipelines of the one core instance, or another one by the end of its path."""
    return next((path, found) for path, found in sorted(documents.items()) if path.endswith(part) and found)


@fuzz()
@given(data=st.data())
def test_a_bad_row_costs_only_itself(calyptia: Bench, documents: dict[str, Any], data: st.DataObject) -> None:
    """Whatever one row of the list says, the other pipelines' facts are the same."""
    path, listed = list_of(documents, "/pipelines")
    rows = listed["items"]
    bad = data.draw(st.integers(0, len(rows) - 1))
    row = data.draw(mutated(rows[bad]).filter(lambda row: isinstance(row, dict)))
    body = written({**listed, "items": [row if index == bad else good for index, good in enumerate(rows)]})
    reading = calyptia.read({path: Answer(body.encode())})
    if any("not JSON" in str(error) for error in reading.failures):
        return  # the row broke the JSON of the whole list
    before, after = calyptia.read({}).samples(), reading.samples()
    for index, good in enumerate(rows):
        if index != bad:
            expected = without_seconds(values_of(before, pipeline=good["id"]))
            assert without_seconds(values_of(after, pipeline=good["id"])) == expected != []


@fuzz()
@given(source=VALUES, reason=TEXTS, message=TEXTS, logged_at=TEXTS)
def test_any_note_of_kubernetes_is_counted_under_a_known_reason(
    calyptia: Bench, documents: dict[str, Any], source: Any, reason: str, message: str, logged_at: str
) -> None:
    """Whatever Kubernetes is said to have said, the labels stay within their lists, and the message is none."""
    path, rows = list_of(documents, "/status_history")
    note = {"source": source, "reason": reason, "message": f"the-message {message}", "loggedAt": logged_at}
    body = written([{**row, "events": [note]} for row in rows])
    reading = calyptia.read({path: Answer(body.encode())}, show=True)
    labels = [sample.labels for sample in reading.samples()]
    assert {found["origin"] for found in labels if "origin" in found} <= {"deployment", "pod", "other"}
    assert {found["reason"] for found in labels if "reason" in found} <= {*REASONS, "other"}
    assert not any("the-message" in value for found in labels for value in found.values())


@fuzz()
@given(data=st.data(), lifespan=VALUES, begun=TEXTS)
def test_any_trace_is_counted_or_malformed(
    calyptia: Bench, documents: dict[str, Any], data: st.DataObject, lifespan: Any, begun: str
) -> None:
    """Each record that has an id and comes after the first look is counted once: under its stage, or as malformed."""
    sessions, (session, *_) = list_of(documents, "/trace_sessions")
    path, rows = list_of(documents, "/records")
    names = sorted(rows[0].keys() - {"id", "createdAt"})
    fields = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=4))
    later = time.time() + 3600
    body = written([{**row, "createdAt": later, **fields} for row in rows])
    at = data.draw(st.sampled_from([session["createdAt"], begun]))
    before = {path: Answer(b"[]")}
    told = written([{**session, "lifespan": lifespan, "createdAt": at}])
    after = {path: Answer(body.encode()), sessions: Answer(told.encode())}
    reading = calyptia.read(before, after, show=True)
    counted = {"pipeline_trace_records_total", "pipeline_trace_malformed_total"}
    total = sum(sample.value for sample in reading.samples() if sample.name in counted)
    assert total == len(rows) or (total == 0 and reading.failures)
