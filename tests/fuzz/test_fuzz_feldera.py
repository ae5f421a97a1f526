"""Whatever a Feldera answers: facts or a SourceError, a page that can be read, and nothing lost but the bad row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.demo.feldera.api import create_app
from exporter.errors import BadResponse
from tests.e2e.harness import immediate_world
from tests.fuzz.bench import Answer, Bench, bench, values_of, without_seconds
from tests.fuzz.budget import fuzz
from tests.fuzz.trees import TEXTS, VALUES, bodies, mutated, paths, written

LIST = "/v0/pipelines"
NAMES = ("orders", "billing", "ads")


@pytest.fixture(scope="module")
def feldera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Three pipelines: two run, one failed."""
    world = immediate_world(names=NAMES)
    world.fail("ads", error_code="RuntimeError.WorkerPanic", message="panicked")
    world.advance(world.now())
    with bench(create_app(world), {"type": "feldera", "max_concurrency": 2}, tmp_path_factory.mktemp("ca")) as found:
        yield found


@pytest.fixture(scope="module")
def documents(feldera: Bench) -> dict[str, Any]:
    """Its valid answers: the list, the events of each pipeline, its own health and version."""
    found = feldera.documents()
    assert len(found) >= 5
    return found


@fuzz(1.5)
@given(data=st.data())
def test_any_answer_is_facts_or_a_source_error(feldera: Bench, documents: dict[str, Any], data: st.DataObject) -> None:
    """No answer of any endpoint, however wrong, ends in another exception, a page nobody can read, or an error page."""
    path = data.draw(st.sampled_from(sorted(documents)))
    answer = Answer(data.draw(bodies(documents[path])))
    reading = feldera.read({path: answer}, show=True)
    reading.samples()


@fuzz()
@given(data=st.data())
def test_a_bad_row_costs_only_itself(feldera: Bench, documents: dict[str, Any], data: st.DataObject) -> None:
    """Whatever one row of the list says, the other pipelines' facts are the same."""
    rows = documents[LIST]
    bad = data.draw(st.integers(0, len(rows) - 1))
    row = data.draw(mutated(rows[bad]).filter(lambda row: isinstance(row, dict)))
    body = written([row if index == bad else good for index, good in enumerate(rows)])
    reading = feldera.read({LIST: Answer(body.encode())})
    if any("not JSON" in str(error) for error in reading.failures):
        return  # the row broke the JSON of the whole list
    before = feldera.read({}).samples()
    after = reading.samples()
    for index, good in enumerate(rows):
        if index != bad:
            identity = {"pipeline": f"pipeline-{good['id']}"}
            assert without_seconds(values_of(after, **identity)) == without_seconds(values_of(before, **identity))


@fuzz()
@given(name=TEXTS, status=TEXTS, code=TEXTS, message=TEXTS)
def test_any_text_of_a_row_is_served(
    feldera: Bench, documents: dict[str, Any], name: str, status: str, code: str, message: str
) -> None:
    """Any name, status and error code stands on the page, a name unchanged; a message never does."""
    row = dict(documents[LIST][0]) | {"name": name, "deployment_runtime_status": status}
    row["deployment_error"] = {"error_code": code, "message": f"the-message {message}"}
    body = written([row, documents[LIST][1]]).encode()
    reading = feldera.read({LIST: Answer(body)}, show=True)
    labels = [sample.labels for sample in reading.samples()]
    identity = f"pipeline-{row['id']}"
    names = {found["pipeline_name"] for found in labels if found.get("pipeline") == identity}
    assert names in ({name}, set())
    assert names or not name or any("\ud800" <= c <= "\udfff" for c in name + status + code + message)
    codes = [found["error_code"] for found in labels if "error_code" in found and found["pipeline"] == identity]
    assert all(0 < len(found) <= 64 for found in codes)
    assert not any("the-message" in value for found in labels for value in found.values())


@fuzz()
@given(data=st.data())
def test_a_bad_event_costs_only_itself(feldera: Bench, documents: dict[str, Any], data: st.DataObject) -> None:
    """Events beside one that cannot be read are known; the run says that something failed."""
    path = next(path for path in sorted(documents) if path.endswith("/events") and len(documents[path]) > 1)
    events = documents[path]
    bad = data.draw(st.integers(0, len(events) - 1))
    field = data.draw(st.sampled_from([p for p in paths(events[bad]) if len(p) == 1]))
    event = {**events[bad], field[0]: data.draw(VALUES)}
    body = written([event if index == bad else good for index, good in enumerate(events)])
    reading = feldera.read({path: Answer(body.encode())})
    reading.samples()
    name = path.split("/")[-2]
    history = next(h for key, h in reading.facts.history.pipelines.items() if reading.facts.pipelines[key].name == name)
    if not any("not JSON" in str(error) for error in reading.failures):
        assert len(history.timeline) >= len(events) - 1
    if len(history.timeline) < len(events):
        assert any(isinstance(error, BadResponse) for error in reading.failures)
