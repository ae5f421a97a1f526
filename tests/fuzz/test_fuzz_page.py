"""The page, whatever names, statuses, codes, versions, services and plugins there are: both clients read them back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.page import Page
from exporter.metrics.text import number
from exporter.model import (
    DeploymentError,
    Event,
    Fact,
    HistoryRead,
    LogRead,
    Note,
    Pipeline,
    PlatformRead,
    Service,
    Snapshot,
    Status,
    TraceRead,
    TraceRecord,
    TraceSession,
)
from exporter.sources.feldera.translate import DIMENSIONS
from exporter.store import SourceFacts
from tests.fuzz.budget import fuzz

TEXT = st.text(st.characters(), max_size=25)
TIME = st.one_of(st.floats(min_value=-1e11, max_value=1e15), st.integers(0, 2**40))
COUNT = st.integers(0, 2**63 - 1)
READABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=25)


def page_of(source: str, *facts: Fact) -> Page:
    """A page with one source on it that delivered these facts."""
    known = SourceFacts(source, kind="feldera", dimensions=DIMENSIONS)
    page = Page(DIMENSIONS)
    section = page.add(known)
    for fact in facts:
        section.update(known.apply(fact))
    return page


def samples_of(page: Page) -> list[Any]:
    """The samples, as the clients of both formats read them: the same ones."""
    text = b"".join(page.body().texts("text")).decode()
    openmetrics = b"".join(page.body().texts("openmetrics")).decode() + "# EOF\n"
    found = [sample for family in parse_text(text) for sample in family.samples]
    again = [sample for family in parse_openmetrics(openmetrics) for sample in family.samples]
    key = [(sample.name, sorted(sample.labels.items()), sample.value) for sample in found]
    assert sorted(key) == sorted((sample.name, sorted(sample.labels.items()), sample.value) for sample in again)
    return found


def labels_of(samples: list[Any], label: str) -> set[str]:
    """The values of a label on the page."""
    return {sample.labels[label] for sample in samples if label in sample.labels}


@fuzz(2)
@given(data=st.data(), source=READABLE.filter(bool), name=READABLE, status=READABLE, code=READABLE, version=READABLE)
def test_every_label_value_is_read_back(
    data: st.DataObject, source: str, name: str, status: str, code: str, version: str
) -> None:
    """Names, statuses, error codes, versions and services stand on the page as they are, in both formats."""
    identity, service = data.draw(READABLE), data.draw(READABLE)
    pipeline = Pipeline(
        identity,
        name,
        {"runtime": Status(status, data.draw(TIME))},
        "unknown",
        desired={"runtime": status},
        platform_version=version,
        created_at=data.draw(TIME),
        error=DeploymentError(code, "not on the page"),
        connector_errors=data.draw(COUNT),
    )
    events = (
        Event("a", data.draw(TIME), (None, status, None, None)),
        Event("b", data.draw(TIME), (None, "Running", None, None)),
    )
    page = page_of(
        source,
        PlatformRead(version=version, edition=version, services=(Service(service, True),)),
        Snapshot(data.draw(TIME), changed=(pipeline,)),
        HistoryRead(identity, events),
    )
    samples = samples_of(page)
    assert labels_of(samples, "source") == {source}
    assert labels_of(samples, "pipeline") == {identity}
    assert labels_of(samples, "pipeline_name") == {name}
    assert status in labels_of(samples, "status")
    assert labels_of(samples, "error_code") == {code}
    assert labels_of(samples, "platform_version") == labels_of(samples, "edition") == {version}
    assert labels_of(samples, "service") == {service}
    assert sum(sample.name == "pipeline_info" for sample in samples) == 1


@fuzz(1)
@given(data=st.data(), plugin=TEXT, result=st.sampled_from(["ok", "zero", "retry", "other"]))
def test_traces_and_notes_are_read_back(data: st.DataObject, plugin: str, result: Any) -> None:
    """Plugins of trace records, and origins and reasons of notes, too; what UTF-8 cannot write becomes ``?``."""
    pipeline = Pipeline("p", "p", {}, "unknown")
    records = tuple(
        TraceRecord(str(key), data.draw(TIME), data.draw(TIME), "output", plugin, result) for key in range(3)
    )
    session = TraceSession("s", data.draw(TIME), active=True)
    note = Note(data.draw(TEXT), data.draw(TEXT), data.draw(TIME), "not on the page")
    page = page_of(
        "edge",
        Snapshot(0.0, changed=(pipeline,)),
        HistoryRead("p", (Event("a", data.draw(TIME), (None,) * 4, notes=(note,)),)),
        TraceRead("p", session, records),
        LogRead("p", up=True, lines={"error": data.draw(COUNT)}, last_line_at=data.draw(TIME)),
    )
    samples = samples_of(page)
    assert labels_of(samples, "plugin") <= {plugin.encode("utf-8", "replace").decode()}
    assert "not on the page" not in str(samples)


@fuzz(5)
@given(value=st.one_of(st.floats(), st.integers(-(2**64), 2**64)))
def test_every_number_is_read_back(value: float) -> None:
    """A sample's value loses nothing, NaN and infinities included."""
    assert type(value)(number(value)) == value or value != value
    assert number(float("nan")) == "NaN"
