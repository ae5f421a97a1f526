"""The configuration as text: what the exporter would load again, without a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from exporter.config.file import parse
from exporter.sources.kinds import KINDS
from exporter.web.configtext import config_text, duration
from tests.web.boards import FakeBoard, get

KIND_CONFIGS = {name: kind.config for name, kind in KINDS.items()}
TEXT = """
sources:
  - name: prod
    type: feldera
    url: https://feldera.example.com
    proxy_url: http://proxy:3128
    poll_interval: 1m30s
    history_interval: 1d
    max_response_bytes: 512KiB
    pipelines: {include: ['orders-.*'], exclude: ['.*-"x"']}
  - name: 'yes: #1'
    type: calyptia
    url: https://cloud-api.calyptia.com
    project_token: %s
    project_id: 8a7c1f0e-3b5d-4c2a-9e6f-0123456789ab
    traces: {include: ['.*']}
alerting:
  alertmanagers: [{url: 'http://alertmanager-0:9093', authorization: {credentials: %s}}]
  external_labels: {cluster: "0123"}
  hold: 0s
metrics: {status_series: sparse, exclude: [pipeline_storage_status]}
stale_after: 250ms
"""
SECRETS = ("a-very-secret-project-token", "another-secret")


def test_what_is_shown_can_be_loaded_and_is_the_same() -> None:
    """Every key, also those left at their defaults, in the words of the config file."""
    first = parse(TEXT % ("<secret>", "<secret>"), KIND_CONFIGS, environ={}, folder=Path())
    again = parse(config_text(first), KIND_CONFIGS, environ={}, folder=Path())
    assert again == first
    assert yaml.safe_load(config_text(first))["sources"][0]["poll_interval"] == "1m30s"


async def test_secrets_are_hidden() -> None:
    """No secret is on the page, wherever in the file it stands; that there is one is."""
    config = parse(TEXT % SECRETS, KIND_CONFIGS, environ={}, folder=Path())
    response = await get(FakeBoard(config=config), "/config")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.text.count("<secret>") == 2
    assert [secret for secret in SECRETS if secret in response.text] == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.001, "1ms"), (90, "1m30s"), (86400, "1d"), (31_536_000, "365d"), (3e8, "3472d5h20m")],
)
def test_duration(seconds: float, text: str) -> None:
    """As Prometheus writes it, however long."""
    assert duration(seconds) == text
