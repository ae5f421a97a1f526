"""Which format and compression a client asks for (RFC 9110, 12.5)."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.metrics.text import Format


def choose_format(accept: str) -> Format:
    """OpenMetrics if the client names a version of it that is served and prefers it; else the text format.

    >>> choose_format("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    'openmetrics'
    """
    quality: dict[Format, float] = {"text": 0.0, "openmetrics": 0.0}
    for name, parameters, q in _items(accept):
        if name == "application/openmetrics-text" and parameters.get("version", "1.0.0") in ("1.0.0", "0.0.1"):
            quality["openmetrics"] = max(quality["openmetrics"], q)
        elif name in ("text/plain", "text/*", "*/*"):
            quality["text"] = max(quality["text"], q)
    return "openmetrics" if quality["openmetrics"] > 0 and quality["openmetrics"] >= quality["text"] else "text"


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the client takes gzip."""
    qualities = {name: q for name, _, q in _items(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _items(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for item in header.split(","):
        name, *rest = (part.strip() for part in item.split(";"))
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in (p.partition("=") for p in rest)}
        yield name.lower(), parameters, _quality(parameters.pop("q", "1"))


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
