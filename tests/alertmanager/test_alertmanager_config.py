"""The shipped configuration of Alertmanager is valid, and sends every alert that can come to whom it should."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.alertmanager.pack import BRIDGE, CONFIG, MESSAGES, WATCHDOG, Known, config, known, matchers, ran, routes

RECEIVERS = {"critical": "pager,chat", "warning": "chat", "info": "mail", "none": "null"}
SWITCHES = {"bridge": "dead-man-bridge", "rules": "dead-man-rules"}
LINE = "# Nothing below needs to be changed."

Tool = Callable[[str], str]


def test_alertmanager_takes_the_configuration(tool: Tool) -> None:
    """The configuration and the templates that it names are accepted as they are."""
    code, output = ran(tool("amtool"), "check-config", CONFIG)
    assert code == 0, output
    assert " - 1 templates" in output


def verify(amtool: str, receivers: str, **labels: str) -> tuple[int, str]:
    """Ask amtool whether these labels lead to these receivers."""
    pairs = [f"{name}={value}" for name, value in labels.items()]
    arguments = ("config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receivers}")
    return ran(amtool, *arguments, *pairs)


@pytest.mark.parametrize("alert", known(), ids="-".join)
def test_every_alert_reaches_its_receivers(alert: Known, tool: Tool) -> None:
    """Each alert of the rules and of the bridge goes where its severity belongs; the watchdogs to their switches."""
    receivers = SWITCHES[alert.via] if alert.alertname == WATCHDOG else RECEIVERS[alert.severity]
    code, output = verify(tool("amtool"), receivers, **alert._asdict(), source="prod", cluster="eu-1")
    assert code == 0, output


@pytest.mark.parametrize("labels", [{"alertname": "Other"}, {"alertname": "Other", "severity": "page"}])
def test_what_no_route_knows_is_not_lost(labels: dict[str, str], tool: Tool) -> None:
    """An alert with an unknown severity, or with none, is said in the chat."""
    code, output = verify(tool("amtool"), "chat", **labels)
    assert code == 0, output


def test_amtool_can_say_no(tool: Tool) -> None:
    """A route that leads elsewhere fails the tests above."""
    code, _ = verify(tool("amtool"), "chat", alertname="PipelineUnavailable", severity="critical")
    assert code != 0


def test_every_severity_is_there() -> None:
    """The bridge alone covers the severities that wake or tell somebody."""
    assert {alert.severity for alert in BRIDGE} == {"critical", "warning", "none"}
    assert {alert.severity for alert in known()} <= RECEIVERS.keys()


def test_matchers_are_quoted() -> None:
    """Every matcher has its value in double quotes: the old and the new parser read it alike."""
    assert len(list(matchers())) > 10
    assert [text for text in matchers() if not re.fullmatch(r'[a-z_]+(?:=|!=|=~|!~)"[^"]+"', text)] == []


def patterns() -> list[str]:
    """The names and the patterns of names in all matchers, alternatives taken apart."""
    values = [re.fullmatch(r'alertname[=!~]+"([^"]+)"', text) for text in matchers()]
    return sorted({pattern for value in values if value for pattern in value[1].split("|")})


@pytest.mark.parametrize("pattern", patterns())
def test_every_alertname_in_a_matcher_exists(pattern: str) -> None:
    """No route and no inhibition waits for an alert that nobody sends."""
    assert [alert.alertname for alert in known() if re.fullmatch(pattern, alert.alertname)]


def test_only_matchers_are_used() -> None:
    """None of the old forms (match, match_re, source_match, target_match) is left."""
    inhibitions = {key for rule in config()["inhibit_rules"] for key in rule}
    assert inhibitions == {"source_matchers", "target_matchers", "equal"}
    assert {key for route in routes() for key in route if key.startswith("match")} == {"matchers"}


def test_what_is_to_be_changed_is_at_the_top() -> None:
    """Below the line there is no placeholder, no address and no secret; above it each has its mark."""
    above, line, below = CONFIG.read_text(encoding="utf-8").partition(LINE)
    assert line
    foreign = re.compile(r"https?://|example\.com|/etc/|_file:")
    assert [text for text in below.splitlines() if foreign.search(text)] == []
    values = [text for text in above.splitlines() if not text.lstrip().startswith("#")]
    assert [text for text in values if foreign.search(text) and "# CHANGE" not in text] == []


def test_secrets_come_from_files() -> None:
    """No secret stands in the configuration itself."""
    secret = re.compile(r"\b(?:slack_api_url|api_url|routing_key|service_key|smtp_auth_password|auth_password):")
    assert secret.findall(CONFIG.read_text(encoding="utf-8")) == []


def test_a_dead_man_is_called_in_time() -> None:
    """The switches are called at once, then each minute, alone and without an end."""
    switches = [route for route in routes() if route["receiver"].startswith("dead-man")]
    assert [route["receiver"] for route in switches] == ["dead-man-bridge", "dead-man-rules"]
    for route in switches:
        assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("0s", "10s", "1m")
        assert "continue" not in route
    hooks = [hook for receiver in config()["receivers"] for hook in receiver.get("webhook_configs", [])]
    assert [hook["send_resolved"] for hook in hooks] == [False, False]


def test_everybody_else_hears_the_end() -> None:
    """All other receivers are told that an alert is resolved."""
    kinds = ("pagerduty_configs", "slack_configs", "email_configs")
    entries = [receiver.get(kind, []) for receiver in config()["receivers"] for kind in kinds]
    assert [entry["send_resolved"] for some in entries for entry in some] == [True, True, True]


def test_information_waits_for_business_hours() -> None:
    """Only what informs has hours, and they are defined."""
    timed = [route for route in routes() if "active_time_intervals" in route]
    assert [route["receiver"] for route in timed] == ["mail"]
    assert timed[0]["active_time_intervals"] == [interval["name"] for interval in config()["time_intervals"]]


@pytest.mark.parametrize("path", [CONFIG, MESSAGES], ids=lambda path: path.name)
def test_every_template_is_used_and_exists(path: Path) -> None:
    """Each template that is called is defined, and each that is defined is called."""
    both = CONFIG.read_text(encoding="utf-8") + MESSAGES.read_text(encoding="utf-8")
    called = set(re.findall(r'\{\{-? *template "([^"]+)"', path.read_text(encoding="utf-8")))
    defined = set(re.findall(r'\{\{ define "([^"]+)"', both))
    assert called
    assert called - defined == set()
    assert defined - set(re.findall(r'template "([^"]+)"', both)) == set()
