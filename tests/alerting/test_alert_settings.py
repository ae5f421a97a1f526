"""The section ``alerting``: what may stand in it, and the sentence for what may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import Alerting, Config
from exporter.config.file import parse
from exporter.errors import ConfigError
from exporter.sources.kinds import KINDS

KINDS_OF_CONFIG = {name: kind.config for name, kind in KINDS.items()}
ONE = [{"url": "http://am:9093"}]


def config_of(alerting: dict[str, Any]) -> Config:
    """A config with this section beside a good source."""
    source = {"name": "prod", "type": "feldera", "url": "http://feldera"}
    text = yaml.safe_dump({"sources": [source], "alerting": alerting})
    return parse(text, KINDS_OF_CONFIG, environ={}, folder=Path())


def alerting_of(**keys: Any) -> Alerting:
    """The section with one Alertmanager and these keys."""
    alerting = config_of({"alertmanagers": ONE, **keys}).alerting
    assert alerting is not None
    return alerting


def problems_of(alerting: dict[str, Any]) -> list[str]:
    """What is wrong with the section."""
    with pytest.raises(ConfigError) as caught:
        config_of(alerting)
    return caught.value.problems


def test_everything_can_be_set() -> None:
    """Labels are kept as they are written, addresses lose the slash at their end."""
    alerting = alerting_of(
        external_labels={"cluster": "eu-1", "_team": "Größe 2"}, external_url="https://e.example.com/",
        runbooks_url="http://books/pages", grafana_url="http://g:3000",
    )  # fmt: skip
    assert alerting.external_labels == {"cluster": "eu-1", "_team": "Größe 2"}
    found = (alerting.external_url, alerting.runbooks_url, alerting.grafana_url)
    assert found == ("https://e.example.com", "http://books/pages", "http://g:3000")


def test_fifty_labels_are_as_many_as_there_can_be() -> None:
    """One more is refused with the number."""
    labels = {f"l{number}": "x" for number in range(50)}
    assert len(alerting_of(external_labels=labels).external_labels) == 50
    assert problems_of({"alertmanagers": ONE, "external_labels": {**labels, "more": "x"}}) == [
        "alerting.external_labels: has 51 labels; at most 50 can be added"
    ]


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["cluster"], "expected names and texts, as in {cluster: prod}"),
        ({"a-b": "x"}, "'a-b' is not a label name; use letters, digits and _, and no digit or __ in front"),
        ({"1a": "x"}, "'1a' is not a label name; use letters, digits and _, and no digit or __ in front"),
        ({"__a": "x"}, "'__a' is not a label name; use letters, digits and _, and no digit or __ in front"),
        ({"größe": "x"}, "'größe' is not a label name; use letters, digits and _, and no digit or __ in front"),
        ({5: "x"}, "5 is not a label name; use letters, digits and _, and no digit or __ in front"),
        ({"cluster": 5}, "the value of cluster is not a text; quote it"),
        ({"cluster": None}, "the value of cluster is not a text; quote it"),
        ({"cluster": ""}, "the value of cluster must have 1 to 1024 printable characters"),
        ({"cluster": "a\nb"}, "the value of cluster must have 1 to 1024 printable characters"),
        ({"cluster": "x" * 1025}, "the value of cluster must have 1 to 1024 printable characters"),
    ],
)
def test_a_wrong_external_label_gets_a_sentence(labels: Any, sentence: str) -> None:
    """The sentence names the label and what to do."""
    assert problems_of({"alertmanagers": ONE, "external_labels": labels}) == [f"alerting.external_labels: {sentence}"]


@pytest.mark.parametrize("name", ["alertname", "severity", "source", "pipeline", "pipeline_name", "via"])
def test_a_label_of_ours_cannot_be_an_external_one(name: str) -> None:
    """It would make one alert of several, or hide what it is about."""
    assert problems_of({"alertmanagers": ONE, "external_labels": {name: "x"}}) == [
        f"alerting.external_labels: {name} is a label that every alert has by itself; choose another name"
    ]


def test_there_is_at_least_one_alertmanager_and_none_twice() -> None:
    """An empty list posts nothing, and one named twice would get everything twice."""
    assert problems_of({"alertmanagers": []}) == ["alerting.alertmanagers: is empty; give at least one"]
    assert problems_of({"alertmanagers": [*ONE, {"url": "http://other"}, {"url": "http://am:9093/"}]}) == [
        "alerting.alertmanagers[2].url: 'http://am:9093' is that of alertmanagers[0]; name each one once"
    ]


def test_addresses_are_checked() -> None:
    """A link that leads nowhere would be found out at night."""
    keys = ("external_url", "runbooks_url", "grafana_url")
    wrong = problems_of({"alertmanagers": ONE, **dict.fromkeys(keys, "nowhere")})
    sentence = "'nowhere' is not a URL; write it as http://host:port or https://host"
    assert wrong == [f"alerting.{key}: {sentence}" for key in keys]
