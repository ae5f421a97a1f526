"""Which format and compression a client gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.text import FORMATS
from exporter.web.negotiate import accepts_gzip, choose_format

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        (PROMETHEUS_2_42, "openmetrics"),
        (PROMETHEUS_3, "openmetrics"),
        (BROWSER, "text"),
        ("", "text"),
        ("*/*", "text"),
        ("text/plain", "text"),
        ("text/plain;version=0.0.4", "text"),
        ("text/*", "text"),
        ("application/json", "text"),
        ("application/openmetrics-text", "openmetrics"),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", "openmetrics"),
        ('application/openmetrics-text; version="1.0.0"', "openmetrics"),
        ("APPLICATION/OpenMetrics-Text;Version=1.0.0", "openmetrics"),
        ("application/openmetrics-text;version=0.0.1", "openmetrics"),
        ("application/openmetrics-text;version=2.0.0", "text"),
        ("application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.1", "openmetrics"),
        ("application/openmetrics-text;version=1.0.0;q=0", "text"),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", "text"),
        ("text/plain;q=0.5,application/openmetrics-text;q=0.5", "openmetrics"),
        ("application/openmetrics-text;q=0.5,*/*;q=0.8", "text"),
        ("application/openmetrics-text;q=high,text/plain;q=0.1", "text"),
        ("application/openmetrics-text;q=nan", "text"),
        (",;,=;q", "text"),
    ],
)
def test_the_format_a_client_prefers(accept: str, format: str) -> None:
    """OpenMetrics for those who ask for a version that is served and like no other better, text for all others."""
    assert choose_format(accept) == format


@pytest.mark.parametrize(
    ("accept_encoding", "gzip"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("gzip, deflate, br, zstd", True),
        ("deflate", False),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("identity", False),
        ("identity;q=1, *;q=0", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*;q=0.5, gzip;q=0", False),
        ("*;q=0, gzip", True),
        ("gzip;q=nonsense", False),
        ("notgzip", False),
    ],
)
def test_whether_a_client_takes_gzip(accept_encoding: str, gzip: bool) -> None:
    """Only a client that names gzip, or anything, and does not weigh it 0."""
    assert accepts_gzip(accept_encoding) is gzip


@given(
    header=st.text(max_size=60)
    | st.lists(st.sampled_from([PROMETHEUS_3, ";", ",", "q=", "=", '"', "1e9"])).map("".join)
)
def test_no_header_is_an_error(header: str) -> None:
    """Nonsense is answered as if nothing was asked for."""
    assert choose_format(header) in FORMATS
    assert accepts_gzip(header) in (True, False)
