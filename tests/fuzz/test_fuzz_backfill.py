"""Any ``--label``, ``--step`` and ``--max-age`` of ``backfill``: a plan, or a sentence that names the option."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.backfill.plan import Plan, plan
from exporter.metrics.text import label_pairs
from tests.fuzz.budget import fuzz

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.sampled_from(["a", "b", "cluster", "status", "__x", "é", "1"])
LABELS = st.one_of(TEXTS, st.builds("{}={}".format, NAMES, TEXTS))
LENGTHS = st.one_of(TEXTS, st.sampled_from(["1m", "15s", "1ms", "1y", "0", "9" * 400 + "y", "5m1s"]))


def planned(labels: list[str], step: str, max_age: str) -> Plan | str:
    """The plan, or why there is none."""
    try:
        return plan(Path("out.om"), step=step, max_age=max_age, labels=labels)
    except ValueError as error:
        return str(error)


@fuzz(5)
@given(labels=st.lists(LABELS, max_size=3), step=LENGTHS, max_age=LENGTHS)
def test_any_options_are_a_plan_or_a_sentence(labels: list[str], step: str, max_age: str) -> None:
    """What is accepted can be written and is read back unchanged; what is not names its option."""
    found = planned(labels, step, max_age)
    if isinstance(found, str):
        assert found.startswith(("--step: ", "--max-age: ", "--label: "))
        return
    assert 1 <= found.step <= 300
    assert found.max_age > 0
    text = f"# TYPE x gauge\nx{{{label_pairs(found.labels)}}} 1\n# EOF\n"
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == dict(label.split("=", 1) for label in labels)
