"""The words of the exposition formats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.text import FORMATS, Header, ending, escape, label_pairs, lines, number, plain_ending

ANY_TEXT = st.text(st.characters(), max_size=30)
"""Every code point, lone surrogates among them."""


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", ""),
        ("orders", "orders"),
        ('say "hi"', r"say \"hi\""),
        ("C:\\new", r"C:\\new"),
        ("a\nb", r"a\nb"),
        ('\\\n"', r"\\\n\""),
        (r"\n", r"\\n"),
        ("a\rb\tc", "a\rb\tc"),
        ("größe 測試 🚀", "größe 測試 🚀"),
        ("\ud800x\udfff", "?x?"),
    ],
)
def test_a_value_is_escaped(value: str, written: str) -> None:
    """Backslash, quote and newline are escaped once; what UTF-8 cannot write is a question mark."""
    assert escape(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"), (1, "1"), (-3, "-3"), (1.0, "1"), (1.5, "1.5"), (0.1, "0.1"), (1e-07, "1e-07"),
        (1767225600.25, "1767225600.25"), (1767225600.0, "1767225600"), (2**60, "1152921504606846976"),
    ],
)  # fmt: skip
def test_a_number_is_written_in_full(value: float, written: str) -> None:
    """Whole numbers have no fraction, others lose nothing."""
    assert number(value) == written
    assert float(written) == value


def test_lines_share_their_labels() -> None:
    """A sample line is name, shared labels, own labels, value."""
    shared = label_pairs([("source", "prod"), ("pipeline", 'a"b')])
    endings = (ending((("status", "Running"), ("x", "\n")), 1), ending((), 2), plain_ending(2.5))
    assert lines("up", shared, endings) == (
        'up{source="prod",pipeline="a\\"b",status="Running",x="\\n"} 1\n'
        'up{source="prod",pipeline="a\\"b"} 2\n'
        'up{source="prod",pipeline="a\\"b"} 2.5\n'
    )
    assert lines("up", shared, ()) == ""


@pytest.mark.parametrize(
    ("header", "text", "openmetrics"),
    [
        (
            Header("pipeline_info", "gauge", "It's there."),
            b"# HELP pipeline_info It's there.\n# TYPE pipeline_info gauge\n",
            b"# HELP pipeline_info It's there.\n# TYPE pipeline_info gauge\n",
        ),
        (
            Header("pipeline_events_total", "counter", 'Say "hi"\\\nthere.'),
            b'# HELP pipeline_events_total Say "hi"\\\\\\nthere.\n# TYPE pipeline_events_total counter\n',
            b'# HELP pipeline_events Say \\"hi\\"\\\\\\nthere.\n# TYPE pipeline_events counter\n',
        ),
    ],
)
def test_a_header_in_both_formats(header: Header, text: bytes, openmetrics: bytes) -> None:
    """OpenMetrics names a counter without ``_total`` and escapes quotes in help texts; the text format does not."""
    assert [header.render(format) for format in FORMATS] == [text, openmetrics]


@given(value=ANY_TEXT, other=ANY_TEXT)
def test_any_label_value_is_read_back(value: str, other: str) -> None:
    """prometheus_client's parsers of both formats find the value that was written."""
    labels = {"a": value, "b": other}
    text = lines("up", label_pairs([("a", value)]), (ending((("b", other),), 1),))
    readable = {name: value.encode("utf-8", "replace").decode() for name, value in labels.items()}
    header = Header("up", "gauge", "Help.").render("text").decode()
    for families in (parse_text(header + text), parse_openmetrics(f"{header}{text}# EOF\n")):
        assert [sample.labels for family in families for sample in family.samples] == [readable]


@given(help=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_help_text_is_read_back(help: str) -> None:
    """A help text stays on its line, whatever is in it."""
    header = Header("up", "gauge", f"H{help}.")
    (text,) = parse_text(header.render("text").decode() + "up 1\n")
    (openmetrics,) = parse_openmetrics(header.render("openmetrics").decode() + "up 1\n# EOF\n")
    assert openmetrics.documentation == f"H{help}."
    assert len(text.samples) == 1
