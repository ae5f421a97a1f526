"""docs/notifications.md does what it says: its configurations agree, its commands work, its examples are real."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from exporter.config.file import parse
from exporter.sources.kinds import KINDS
from tests.alertmanager.golden import texts
from tests.alertmanager.pack import CONFIG, MESSAGES, ROOT, config, known, ran
from tests.alertmanager.server import Alertmanager, Sink, eventually

DOCUMENT = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
SOURCES = "sources: [{name: prod, type: feldera, url: 'https://feldera.example.com'}]\n"

Tool = Callable[[str], str]


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def test_prometheus_and_exporter_agree() -> None:
    """The two configurations that are shown add the same labels and post to the same places."""
    prometheus, exporter, _ = map(yaml.safe_load, blocks("yaml"))
    kinds = {name: kind.config for name, kind in KINDS.items()}
    taken = parse(SOURCES + yaml.safe_dump(exporter), kinds, environ={}, folder=ROOT)
    assert taken.alerting is not None
    assert taken.alerting.external_labels == prometheus["global"]["external_labels"] != {}
    ((static,),) = [entry["static_configs"] for entry in prometheus["alerting"]["alertmanagers"]]
    posted = [entry["url"] for entry in exporter["alerting"]["alertmanagers"]]
    assert posted == [f"http://{target}" for target in static["targets"]]


def test_prometheus_takes_its_configuration(tool: Tool, tmp_path: Path) -> None:
    """What is shown of prometheus.yml is valid."""
    (tmp_path / "prometheus.yml").write_text(blocks("yaml")[0])
    code, output = ran(tool("promtool"), "check", "config", "--syntax-only", tmp_path / "prometheus.yml")
    assert code == 0, output


@pytest.mark.parametrize("command", blocks("sh"), ids=lambda text: " ".join(text.split()[1:4]))
def test_commands_work(command: str, tool: Tool, manager: Alertmanager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that is shown ends well."""
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(command.replace("http://localhost:9093", manager.url))
    code, output = ran(tool(program), *arguments)
    assert code == 0, output


def test_the_test_alert_arrives(tool: Tool, manager: Alertmanager, receivers: Sink) -> None:
    """The alert that the document sends by hand is said in the chat."""
    (command,) = [text for text in blocks("sh") if text.startswith("amtool alert add")]
    program, *arguments = shlex.split(command.replace("http://localhost:9093", manager.url))
    ran(tool(program), *arguments)
    (message, *_) = eventually(lambda: receivers.at("/slack"))
    assert message["attachments"][0]["title"] == "[FIRING:1] PipelineTest of test"


@pytest.mark.parametrize(("case", "number"), [("bridge", 0), ("three", 1)])
def test_examples_are_what_is_sent(case: str, number: int, tool: Tool, tmp_path: Path) -> None:
    """The messages that are shown are those of the templates."""
    made = texts(tool("amtool"), case, tmp_path)
    assert blocks("text")[number] == f"{made['pipeline.title']}\n\n{made['pipeline.text'].strip()}\n"


def test_limits_are_those_of_the_templates() -> None:
    """The lengths that the document names are the ones at which the templates cut."""
    said = re.search(r"at (\d+) characters, sentences at (\d+), messages of the control plane at ([\d,]+)", DOCUMENT)
    assert said
    cuts = set(re.findall(r'printf "%\.(\d+)s"', MESSAGES.read_text(encoding="utf-8")))
    assert {number.replace(",", "") for number in said.groups()} <= cuts


def test_alerts_and_receivers_exist() -> None:
    """Names of alerts and receivers in the document are real; the alert for trying is not one of ours."""
    named = set(re.findall(r"\bPipeline[A-Z]\w+", DOCUMENT)) - {"PipelineTest"}
    assert named <= {alert.alertname for alert in known()}
    assert "PipelineTest" not in {alert.alertname for alert in known()}
    receivers = {receiver["name"] for receiver in config()["receivers"]}
    assert set(re.findall(r"`(dead-man-\w+)`", DOCUMENT)) == {name for name in receivers if name.startswith("dead-man")}


def test_times_are_those_of_the_configuration() -> None:
    """When messages come, as the document says it."""
    said = (
        "first comes after 30 seconds, changes after five minutes (critical: after one minute), "
        "repeats after 12 hours (critical 4, info 24)"
    )
    assert said in DOCUMENT.replace("\n", " ")
    root = config()["route"]
    assert (root["group_wait"], root["group_interval"], root["repeat_interval"]) == ("30s", "5m", "12h")
    repeats = {route["receiver"]: route["repeat_interval"] for route in root["routes"] if "repeat_interval" in route}
    assert (repeats["pager"], repeats["mail"]) == ("4h", "24h")
    critical = [route for route in root["routes"] if 'severity="critical"' in route["matchers"]]
    assert [(route["receiver"], route["group_interval"]) for route in critical] == [("pager", "1m"), ("chat", "1m")]


def test_the_line_for_a_pager_is_that_of_the_configuration(tool: Tool, tmp_path: Path) -> None:
    """The configuration has it in a comment; taken out of that it is valid, and changes the pager's route alone."""
    line = blocks("yaml")[2].strip()
    text = CONFIG.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^ *# .*{re.escape(line)}$", text, re.MULTILINE)
    changed = text.replace(found, f"      {line}")
    (tmp_path / CONFIG.name).write_text(changed, encoding="utf-8")
    (tmp_path / MESSAGES.name).write_bytes(MESSAGES.read_bytes())
    code, output = ran(tool("amtool"), "check-config", tmp_path / CONFIG.name)
    assert code == 0, output
    grouped = [route for route in yaml.safe_load(changed)["route"]["routes"] if "group_by" in route]
    assert [(route["receiver"], route["group_by"][-1]) for route in grouped] == [("pager", "pipeline")]
