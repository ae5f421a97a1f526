"""Bounds for label values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.text import escape
from exporter.sources.labels import label_text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Running", "Running"),
        ("feldera/pipeline:0.337.1_rc-2", "feldera/pipeline:0.337.1_rc-2"),
        ("Runtime Error!", "Runtime_Error_"),
        ('a"b\\c\nd', "a_b_c_d"),
        ("größe 🚀", "gr__e__"),
        ("\ud800", "_"),
        ("", "unknown"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 64),
    ],
)
def test_a_text_becomes_a_label(text: str, label: str) -> None:
    """Unusual characters become ``_``, long texts are cut, and nothing is ``unknown``."""
    assert label_text(text) == label


@given(text=st.text(st.characters(), max_size=200))
def test_any_text_becomes_a_harmless_label(text: str) -> None:
    """It is never empty, never long, needs no escaping, and is its own label."""
    label = label_text(text)
    assert 1 <= len(label) <= 64
    assert escape(label) == label == label_text(label)
