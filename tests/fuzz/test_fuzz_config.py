"""Any text as a config file: a Config that can be used, or sentences that name their place and hold no secret."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config import Config
from exporter.config.file import parse
from exporter.config.shard import Shard
from exporter.errors import ConfigError
from exporter.sources.kinds import KINDS
from exporter.web.configtext import config_text
from exporter.web.webconfig import read
from tests.fuzz.budget import fuzz
from tests.fuzz.trees import exchanged, paths

TYPES = {name: kind.config for name, kind in KINDS.items()}
SECRET = "s3cret-9c1f7ab2"
VALID = {
    "sources": [
        {
            "name": "prod",
            "type": "feldera",
            "url": "https://feldera.example.com",
            "authorization": {"type": "Bearer", "credentials": SECRET},
            "tls_config": {"server_name": "h", "insecure_skip_verify": True},
            "proxy_url": "http://proxy:3128",
            "timeout": "10s",
            "max_response_bytes": "256MiB",
            "pipelines": {"include": ["a.*"], "exclude": ["b"]},
            "logs": {"include": ["x"], "max_streams": 10},
        },
        {
            "name": "edge",
            "type": "calyptia",
            "url": "http://cloud",
            "project_token": SECRET,
            "project_id": "8a7c0000-0000-4000-8000-000000000000",
            "traces": {"include": [".*"]},
        },
    ],
    "alerting": {
        "alertmanagers": [{"url": "http://am:9093", "authorization": {"credentials": SECRET}}],
        "external_labels": {"cluster": "prod"},
    },
    "metrics": {"status_series": "sparse", "exclude": ["pipeline_log_.*"]},
    "stale_after": "5m",
    "sharding": {"index": 0, "total": 2},
}
WHERE = re.compile(r"(line \d+, column \d+|[^:\s]+): .")
WHOLE_FILE = re.compile(r"expected keys and values, got |not valid YAML: |the file (is|has) ")

TEXTS = st.one_of(
    st.text(st.characters(), max_size=20),
    st.sampled_from(
        ["${X}", "${X", "${UNSET}", "\ud800", "a\nb", "9" * 5000, "1" * 400 + "y", "http://[::1", "http://h:0"]
    ),
    st.sampled_from(
        ["(", "[a", "a{99999999999}", "(?P<x>)(?P<x>)", "http://é/", "http://a..b", "http://\x7f", "http://h/%"]
    ),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.dates(), st.binary(max_size=4))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """The valid config with one to three parts exchanged, left out, or moved to another place."""
    tree: Any = VALID
    for _ in range(draw(st.integers(1, 3))):
        found = list(paths(tree))
        path = found[draw(st.integers(0, len(found) - 1))]
        moved = {"credentials": SECRET}
        tree = exchanged(tree, path, draw(st.one_of(TREES, st.just(...), st.just(moved))))
    return tree


def told(text: str, folder: Path) -> Config | list[str]:
    """The config of a text, or what is wrong with it."""
    try:
        return parse(text, TYPES, environ={"X": "from-outside"}, folder=folder)
    except ConfigError as error:
        return error.problems


def check_sentences(problems: list[str]) -> None:
    """Each is one line, begins with a place or speaks of the whole file, and holds no secret."""
    assert problems
    for sentence in problems:
        assert WHERE.match(sentence) or WHOLE_FILE.match(sentence), sentence
        assert sentence.isprintable()
        assert len(sentence) <= 1001
        assert SECRET not in sentence
        assert SECRET[:12] not in sentence


@fuzz(3)
@given(tree=st.one_of(changed(), TREES, st.dictionaries(st.sampled_from([*VALID, "x", 5, None]), TREES)))
def test_any_tree_is_a_config_or_sentences(tree: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever stands where, the file is used or every problem is told."""
    text = yaml.safe_dump(tree)
    found = told(text, tmp_path_factory.getbasetemp())
    if isinstance(found, Config):
        if found.alerting and SECRET in found.alerting.external_labels.values():
            return  # a label is for everybody
        assert SECRET not in repr(found)
        assert SECRET not in config_text(found)
    else:
        check_sentences(found)


UTF8 = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PIECES = st.sampled_from(
    ["sources", ":", ": ", "\n", "\n  ", "- ", "{", "}", "[", "]", ",", "'", '"', "&a ", "*a", "<<: ",
     "!!int ", "!!float ", "!!bool ",
     "!!timestamp ", "!!set ", "!!binary ", "!x ", "%", "#", "|", ">", "? ", "0x" + "f" * 3000, "2026-02-31",
     "1" * 5000, "credentials", "type", "feldera", "name", "\t", "\x00", "\x85", "---\n", "...\n", "0b_", "+12:99:99"]
)  # fmt: skip


@fuzz(3)
@given(text=st.one_of(UTF8, st.lists(PIECES, max_size=12).map("".join)))
@example(text="a: !!int ''")
@example(text="a: !!bool x")
@example(text="a: !!timestamp x")
@example(text="a: !!float ''")
@example(text="metrics: {status_series: 0x" + "f" * 5000 + "}")
@example(text="0x" + "f" * 5000 + ": 1")
@example(text="sources: [{name: a, type: 0x" + "f" * 5000 + "}]")
@example(text='sources: [{name: a, type: feldera, url: "http://h", tls_config: {ca_file: "\\ud800"}}]')
def test_any_text_is_a_config_or_sentences(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No YAML, however odd, ends in a traceback."""
    found = told(text, tmp_path_factory.getbasetemp())
    if not isinstance(found, Config):
        check_sentences(found)


LEAKS = [
    "credentials: *{secret}",
    "credentials: !{secret}",
    "credentials: !{secret} x",
    "credentials: !!{secret}",
    "credentials: !a{secret}!x y",
    "credentials: &{secret} [a]",
    "credentials: {{{secret}: 1}}",
    "credentials: [{secret}]",
    "{{credentials:{secret}}}",
    "{{type: Bearer, credentials:{secret}}}",
    "{{credentials:{secret}, credentials:{secret}}}",
    "{{type: {{credentials: {secret}}}}}",
    "{{credentials_file: {{credentials: {secret}}}}}",
    "{{type: Bearer, credentials: '{secret}\n",
    "credentials: @{secret}",
    "credentials: `{secret}",
    "credentials: %{secret}",
    "credentials: | {secret}",
    "credentials: a: {secret}",
]


@pytest.mark.parametrize("place", ["sources:\n- authorization: ", "sources:\n- name: x\n  timeout: ", "metrics: ", ""])
@pytest.mark.parametrize("mistake", LEAKS)
def test_a_mistake_in_writing_a_secret_does_not_show_it(mistake: str, place: str, tmp_path: Path) -> None:
    """Not quoted, without its space, at a wrong place: the sentence about it does not hold it."""
    lines = mistake.format(secret=SECRET)
    text = place + (lines if lines.startswith("{") else "{" + lines + "}" if place else lines)
    found = told(text, tmp_path)
    assert not isinstance(found, Config)
    check_sentences(found)


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    """A small file that stands for a billion values is a sentence, and takes no memory."""
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert told("\n".join(rows), tmp_path) == [
        "the file has more than 100,000 values; are aliases in it used too often?"
    ]


@fuzz(1)
@given(tree=changed())
def test_a_config_that_is_accepted_can_be_opened(tree: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No source of an accepted file fails when its client is made; what cannot work is a sentence before."""
    found = told(yaml.safe_dump(tree), tmp_path_factory.getbasetemp())
    if isinstance(found, Config):
        asyncio.run(open_all(found))


async def open_all(config: Config) -> None:
    """Open every source and let go of it."""
    for source in config.sources:
        opened = KINDS[source.type].open(source, Silent(), Shard())
        assert opened.tasks[0].name == "poll"
        await opened.aclose()


class Silent:
    """An observer that notes nothing."""

    def request(self, endpoint: str, code: str, size: int) -> None: ...

    def received(self, endpoint: str, size: int) -> None: ...

    def unknown_status(self, dimension: str) -> None: ...


WEB = {
    "tls_server_config": {"cert_file": "a", "key_file": "b", "client_auth_type": "NoClientCert"},
    "http_server_config": {"http2": True, "headers": {"X-Frame-Options": "deny"}},
    "basic_auth_users": {"alice": "$2b$10$" + "a" * 53},
    "rate_limit": {"interval": "1s", "burst": 5},
}


@fuzz(1)
@given(data=st.data())
def test_any_web_config_is_read_or_told(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The file of ``--web.config.file`` likewise; no sentence holds a hash."""
    tree: Any = WEB
    for _ in range(data.draw(st.integers(1, 2))):
        found = list(paths(tree))
        tree = exchanged(tree, found[data.draw(st.integers(0, len(found) - 1))], data.draw(TREES))
    path = tmp_path_factory.getbasetemp() / "web.yml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    config, problems = read(path)
    assert config is not None or problems
    for sentence in problems:
        assert sentence.startswith(f"{path}: ")
        assert "$2b$" not in sentence
