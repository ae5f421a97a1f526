"""What a person receives: compared with golden files, within what receivers take, and harmless whatever it quotes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.alertmanager.golden import CASES, CODE, FAILED, GOLDEN, HOSTILE, MESSAGE, TEMPLATES, files, mail, texts

AGAIN = "if it is meant: python -m tests.alertmanager.golden"
MARKUP = {"html", "head", "meta", "title", "body", "h3", "p", "b", "table", "tr", "td", "pre", "a", "ul", "li", "br"}
HARD = ("hostile", "hostile-forty")

Tool = Callable[[str], str]


@pytest.mark.parametrize("case", CASES)
def test_messages_are_the_golden_ones(case: str, tool: Tool, tmp_path: Path) -> None:
    """Every message of the case is, to the character, what its golden files say."""
    for path, text in files(tool("amtool"), case, tmp_path).items():
        assert text == path.read_bytes().decode(), AGAIN


def test_every_golden_file_has_a_case() -> None:
    """No golden file is left over from a case that is gone."""
    assert {path.name for path in GOLDEN.iterdir()} == {f"{case}.{kind}" for case in CASES for kind in ("txt", "html")}


@pytest.mark.parametrize("case", CASES)
def test_receivers_take_the_messages_whole(case: str, tool: Tool, tmp_path: Path) -> None:
    """Titles are one line; nothing is longer than Slack and PagerDuty take, so neither cuts or refuses it."""
    made = texts(tool("amtool"), case, tmp_path)
    for name in ("pipeline.title", "pipeline.slack.title", "pipeline.pagerduty.summary"):
        assert 0 < len(made[name]) <= 1024
        assert made[name].isprintable()
    assert len(made["pipeline.slack.text"]) < 40_000
    details = json.dumps({name: made[name] for name in ("pipeline.text.firing", "pipeline.text.resolved")})
    assert len(details) < 300_000


@pytest.mark.parametrize("case", HARD)
def test_slack_sees_text_and_no_markup(case: str, tool: Tool, tmp_path: Path) -> None:
    """Foreign text mentions nobody, links nowhere and stays inside its block of code."""
    text = texts(tool("amtool"), case, tmp_path)["pipeline.slack.text"]
    assert "&lt;!channel&gt;" in text
    assert {inner.partition("|")[2] for inner in re.findall(r"<([^>]*)>", text)} <= link_texts()
    assert "<!" not in text
    assert text.count("```\n") % 2 == 0


def link_texts() -> set[str]:
    """What links may say: our words, or the name of a pipeline."""
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
    name = re.sub(r"[\u202e\u0007]+", " ", escaped)[:100] + "…"
    return {"Runbook", "Dashboard", "History", "All alerts", name}


class Elements(HTMLParser):
    """The elements of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += data


@pytest.mark.parametrize("case", HARD)
def test_mail_shows_html_as_text(case: str, tool: Tool, tmp_path: Path) -> None:
    """Foreign text adds no element to a mail, and no link to anything but a page; it can be read as it was."""
    page = Elements()
    page.feed(mail(tool("amtool"), case, tmp_path))
    assert page.names <= MARKUP
    assert page.links
    assert [link for link in page.links if not link.startswith(("http://", "https://", "#"))] == []
    assert "<script>alert(1)</script> <!channel>" in page.text


@pytest.mark.parametrize("case", ["forty", "hostile-forty"])
def test_a_large_group_is_counted(case: str, tool: Tool, tmp_path: Path) -> None:
    """Of forty alerts ten are listed, and the others are not forgotten."""
    made = texts(tool("amtool"), case, tmp_path)
    for name in ("pipeline.text", "pipeline.text.firing", "pipeline.slack.text"):
        assert len(re.findall(r"^[-•] ", made[name], re.MULTILINE)) == 10
        assert "… and 30 more\n" in made[name]
    assert made["pipeline.title"].startswith("[FIRING:40] ")
    html = mail(tool("amtool"), case, tmp_path)
    assert html.count("<li>") == 11
    assert "<li>… and 30 more</li>" in html


def test_nothing_is_made_up(tool: Tool, tmp_path: Path) -> None:
    """An alert without annotations has no empty links, no headings without text, and no trace of Go."""
    for case in ("bare", "bare-two"):
        whole = "".join(texts(tool("amtool"), case, tmp_path).values()) + mail(tool("amtool"), case, tmp_path)
        for unwanted in ("Runbook", "Dashboard", "History", "Log", "transitions", "<no value>", "map[", 'href=""'):
            assert unwanted not in whole


def test_golden_files_are_of_all_templates() -> None:
    """Every template that a receiver may call is in the golden files."""
    text = (GOLDEN / "bridge.txt").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^===== (\S+)$", text, re.MULTILINE)) == TEMPLATES


def test_a_message_says_everything_once(tool: Tool, tmp_path: Path) -> None:
    """Below its title: what happened, since when, why; the labels, which say some of it again, come last."""
    made = texts(tool("amtool"), "bridge", tmp_path)
    body, _, labels = made["pipeline.text"].partition("\ncluster ")
    assert body.startswith(
        f"fraud-scoring: the deployment failed: {CODE}\nsince {FAILED}\n\n{MESSAGE}\n\nLast transitions:"
    )
    for text in (body, made["pipeline.slack.text"], mail(tool("amtool"), "bridge", tmp_path).replace("&#39;", "'")):
        assert (text.count(CODE), text.count(MESSAGE)) == (1, 1)
    assert "eu-1" in labels
    assert made["pipeline.pagerduty.summary"].count(CODE) == 1
