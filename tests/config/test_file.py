"""The config file: what is refused and in which words, what is read, and that secrets stay hidden."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from exporter.config import Config, SourceConfig
from exporter.config.file import load, parse
from exporter.config.units import Secret
from exporter.errors import ConfigError
from exporter.sources.kinds import KINDS

TYPES: dict[str, type[SourceConfig]] = {"feldera": KINDS["feldera"].config}
SOURCE = "{name: a, type: feldera, url: 'http://h'}"
GOOD = f"sources: [{SOURCE}]\n"
NO_DURATION = "is not a duration; write it as in Prometheus: 15s, 5m, 1h30m"
NO_SIZE = "is not a size; write it as 256MiB, 512KiB or a number of bytes"
NO_COUNT = "is not a whole number from 1 to 1000"
NO_URL = "is not a URL; write it as http://host:port or https://host"
USER_IN_URL = "a URL with a user or password in it; use authorization instead"
QUERY_IN_URL = "a URL with a query, a fragment or a space; leave it out"
BAD_NAME = "must have 1 to 63 printable characters and no slash"
NO_PEM = "a file is no certificate or key in PEM form, or they do not match: …"
ONE_CREDENTIAL = "give exactly one of credentials and credentials_file"
PAIR = "cert_file and key_file go together; give both or neither"

KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKaYJqhTL/EWqQtYk
Dfg79eH8y03KtHAkY2SzAID4+OihRANCAASZbWdislQ3gQQXy01X5cRpgFENdsDL
HzbLOgoe9/E9tlppuoGsJjf+QP2wX9PlGU/s2XNrtxTFogozE5mYXssR
-----END PRIVATE KEY-----
"""
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBmDCCAT+gAwIBAgIUJxCQY770fkz77iCw5qgGxWjIsCIwCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWcGlwZWxpbmUtZXhwb3J0ZXIgdGVzdDAgFw0yNjExMjEwMjUz
MzNaGA8yMTI2MTAyODAyNTMzM1owITEfMB0GA1UEAwwWcGlwZWxpbmUtZXhwb3J0
ZXIgdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJltZ2KyVDeBBBfLTVfl
xGmAUQ12wMsfNss6Ch738T22Wmm6gawmN/5A/bBf0+UZT+zZc2u3FMWiCjMTmZhe
yxGjUzBRMB0GA1UdDgQWBBSeCdaR4E5XorKInf3MUHgntjVj8jAfBgNVHSMEGDAW
gBSeCdaR4E5XorKInf3MUHgntjVj8jAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0cAMEQCICdaDIc+NHtKfgQuUzlS8IG6PNKFNuta7pmlUcrfWA9PAiA1xJjb
N4oqAapUU1SOjtHHycWrZquuVwjvKotxEKwOYQ==
-----END CERTIFICATE-----
"""
"""A self-signed pair made for these tests; nothing trusts it."""

FILES: list[tuple[str, list[str]]] = [
    ("", ["sources: is missing"]),
    ("# only a comment\n", ["sources: is missing"]),
    ("- a", ["expected keys and values, got a list"]),
    ("5", ["expected keys and values, got a number"]),
    ("text", ["expected keys and values, got a text"]),
    ("sources: [", ["line 1, column 11: not valid YAML: expected the node content, but found '<stream end>'"]),
    ("a: b: c", ["line 1, column 5: not valid YAML: mapping values are not allowed here"]),
    ("sources:\n\t- a", ["line 2, column 1: not valid YAML: found character '\\t' that cannot start any token"]),
    ("sources: []\nsources: []", ["line 2, column 1: not valid YAML: key 'sources' twice"]),
    ("sources:\n- {name: a,\n   name: b}", ["line 3, column 4: not valid YAML: key 'name' twice"]),
    ("? [a]\n: b", ["line 1, column 3: not valid YAML: found unhashable key"]),
    ("a: !!python/name:os.system", [
        "line 1, column 4: not valid YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/name:os.system'",
    ]),
    ("a: \x01", ["not valid YAML: ReaderError"]),
    ("[" * 10_000, ["not valid YAML: RecursionError"]),
    ("sources:", ["sources: is missing"]),
    ("sources: []", ["sources: is empty; give at least one"]),
    ("sources: {}", ["sources: expected a list, got keys and values"]),
    ("sources: a", ["sources: expected a list, got a text"]),
    ("sources: [5, a, null, []]", [
        "sources[0]: expected keys and values, got a number",
        "sources[1]: expected keys and values, got a text",
        "sources[2]: expected keys and values, got nothing",
        "sources[3]: expected keys and values, got a list",
    ]),
    ("sources: [{}]", ["sources[0].type: is missing; write feldera"]),
    ("sources: [{type: kafka}]", ["sources[0].type: 'kafka' is not feldera"]),
    ("sources: [{type: [1]}]", ["sources[0].type: [1] is not feldera"]),
    ("sources: [{type: feldera}]", ["sources[0].url: is missing", "sources[0].name: is missing"]),
    ("sources: [{type: feldera, url: null, name: a}]", ["sources[0].url: is missing"]),
    ("sorces: []", ["sorces: unknown key; did you mean sources?", "sources: is missing"]),
    (f"{GOOD}1: 2", [
        "1: unknown key; known here: sources, alerting, metrics, state, stale_after, sharding",
    ]),
    (f"sources: [{SOURCE}, {SOURCE}, {{name: b, type: feldera, url: 'http://h'}}, {SOURCE}]", [
        "sources[1].name: 'a' is taken by sources[0]; names must differ",
        "sources[3].name: 'a' is taken by sources[0]; names must differ",
    ]),
]  # fmt: skip
"""Whole files, and every sentence they get."""

NAMES: list[tuple[str, str]] = [
    ("''", BAD_NAME),
    ("a/b", BAD_NAME),
    ('"a\\nb"', BAD_NAME),
    ("n" * 64, BAD_NAME),
    ("5", "5 is not a name; quote it"),
    ("[a]", "['a'] is not a name; quote it"),
]

URLS: list[tuple[str, str]] = [
    ("5", "5 is not a URL; write it as http://host:port"),
    ("[h]", "['h'] is not a URL; write it as http://host:port"),
    ("''", f"'' {NO_URL}"),
    ("h", f"'h' {NO_URL}"),
    ("h:80", f"'h:80' {NO_URL}"),
    ("'ftp://h'", f"'ftp://h' {NO_URL}"),
    ("'http://'", f"'http://' {NO_URL}"),
    ("'http://h:0'", f"'http://h:0' {NO_URL}"),
    ("'http://h:99999'", "not a URL; write it as http://host:port"),
    ("'http://h:x'", "not a URL; write it as http://host:port"),
    ("'http://[::1'", "not a URL; write it as http://host:port"),
    ("'http://user:s3cret@h'", USER_IN_URL),
    ("'http://user@h'", USER_IN_URL),
    ("'http://:s3cret@h'", USER_IN_URL),
    ("'http://h?a=b'", QUERY_IN_URL),
    ("'http://h#a'", QUERY_IN_URL),
    ("'http://h/a b'", QUERY_IN_URL),
]

SETTINGS: list[tuple[str, list[str]]] = [
    ("timeout: 5", [f"timeout: 5 {NO_DURATION}"]),
    ("timeout: 0s", ["timeout: must be above 0s"]),
    ("timeout: 5 s", [f"timeout: '5 s' {NO_DURATION}"]),
    ("timeout: ''", [f"timeout: '' {NO_DURATION}"]),
    ("timeout: 1s1h", [f"timeout: '1s1h' {NO_DURATION}"]),
    ("timeout: -5s", [f"timeout: '-5s' {NO_DURATION}"]),
    ("timeout: [1]", [f"timeout: [1] {NO_DURATION}"]),
    ("poll_interval: 0", ["poll_interval: must be above 0s"]),
    ("history_interval: soon", [f"history_interval: 'soon' {NO_DURATION}"]),
    ("max_concurrency: 0", [f"max_concurrency: 0 {NO_COUNT}"]),
    ("max_concurrency: 1001", [f"max_concurrency: 1001 {NO_COUNT}"]),
    ("max_concurrency: x", [f"max_concurrency: 'x' {NO_COUNT}"]),
    ("max_concurrency: true", [f"max_concurrency: True {NO_COUNT}"]),
    ("max_concurrency: 1.5", [f"max_concurrency: 1.5 {NO_COUNT}"]),
    ("max_response_bytes: 0", [f"max_response_bytes: 0 {NO_SIZE}"]),
    ("max_response_bytes: -1", [f"max_response_bytes: -1 {NO_SIZE}"]),
    ("max_response_bytes: 5XB", [f"max_response_bytes: '5XB' {NO_SIZE}"]),
    ("max_response_bytes: true", [f"max_response_bytes: True {NO_SIZE}"]),
    ("max_response_bytes: 1.5", [f"max_response_bytes: 1.5 {NO_SIZE}"]),
    ("pipelines: x", ["pipelines: expected keys and values, got a text"]),
    ("pipelines: {include: '.*'}", ["pipelines.include: expected a list, got a text"]),
    ("pipelines: {include: [a, '(']}", [
        "pipelines.include[1]: '(' is not a regular expression: missing ), unterminated subpattern at position 0",
    ]),
    ("pipelines: {exclude: [5]}", ["pipelines.exclude[0]: 5 is not a regular expression; quote it"]),
    ("pipelines: {exlude: []}", ["pipelines.exlude: unknown key; did you mean exclude?"]),
    ("pipelines: {zzz: []}", ["pipelines.zzz: unknown key; known here: include, exclude"]),
    ("authorization: {}", [f"authorization: {ONE_CREDENTIAL}"]),
    ("authorization: s3cret", ["authorization: expected keys and values, got a text"]),
    ("authorization: {credentials: s3cret, credentials_file: token}", [f"authorization: {ONE_CREDENTIAL}"]),
    ("authorization: {credentials: 5}", ["authorization.credentials: not a text; quote it"]),
    ("authorization: {credentials: ''}", ["authorization.credentials: not a text; quote it"]),
    ("authorization: {credentials: [s3cret]}", ["authorization.credentials: not a text; quote it"]),
    ("authorization: {credential: s3cret}", [
        "authorization.credential: unknown key; did you mean credentials?",
        f"authorization: {ONE_CREDENTIAL}",
    ]),
    ("authorization: {credentials_file: 5}", ["authorization.credentials_file: 5 is not the path of a file"]),
    ("authorization: {credentials_file: gone}", [
        "authorization.credentials_file: cannot read FOLDER/gone: No such file or directory",
    ]),
    ("authorization: {credentials_file: /}", ["authorization.credentials_file: cannot read /: Is a directory"]),
    ("authorization: {type: 5, credentials: x}", ["authorization.type: expected `str`, got `int`"]),
    ("authorization: {credentials: '${SHELL_TOKEN}'}", [
        "authorization.credentials: environment variable SHELL_TOKEN is not set",
    ]),
    ("authorization: {credentials: '${ONE}-${TWO}'}", [
        "authorization.credentials: environment variable ONE is not set",
        "authorization.credentials: environment variable TWO is not set",
    ]),
    ("proxy_url: '${PROXY}'", ["proxy_url: environment variable PROXY is not set"]),
    ("pipelines: {include: [a, '${TEAM}-.*']}", ["pipelines.include[1]: environment variable TEAM is not set"]),
    ("tls_config: [a]", ["tls_config: expected keys and values, got a list"]),
    ("tls_config: {server: h}", ["tls_config.server: unknown key; did you mean server_name?"]),
    ("tls_config: {server_name: 5}", ["tls_config.server_name: expected `str`, got `int`"]),
    ("tls_config: {insecure_skip_verify: maybe}", [
        "tls_config.insecure_skip_verify: expected `bool`, got `str`",
    ]),
    ("tls_config: {ca_file: ''}", ["tls_config.ca_file: '' is not the path of a file"]),
    ("tls_config: {ca_file: gone, cert_file: gone, key_file: gone}", [
        "tls_config.ca_file: cannot read FOLDER/gone: No such file or directory",
        "tls_config.cert_file: cannot read FOLDER/gone: No such file or directory",
        "tls_config.key_file: cannot read FOLDER/gone: No such file or directory",
    ]),
    ("tls_config: {cert_file: cert.pem}", [f"tls_config: {PAIR}"]),
    ("tls_config: {key_file: key.pem}", [f"tls_config: {PAIR}"]),
    ("tls_config: {ca_file: garbage.pem}", [f"tls_config: {NO_PEM}"]),
    ("tls_config: {cert_file: garbage.pem, key_file: key.pem}", [f"tls_config: {NO_PEM}"]),
    ("tls_config: {cert_file: cert.pem, key_file: garbage.pem}", [f"tls_config: {NO_PEM}"]),
    ("proxy_url: proxy", [f"proxy_url: 'proxy' {NO_URL}"]),
    ("polling: 5s", ["polling: unknown key; did you mean poll_interval?"]),
]  # fmt: skip
"""Settings of one source, and every sentence they get after ``sources[0].``."""

SECTIONS: list[tuple[str, list[str]]] = [
    ("metrics: 5", ["metrics: expected keys and values, got a number"]),
    ("metrics: true", ["metrics: expected keys and values, got true or false"]),
    ("metrics: {status_series: full}", ["metrics.status_series: 'full' is not dense or sparse"]),
    ("metrics: {exclude: ['*']}", [
        "metrics.exclude[0]: '*' is not a regular expression: nothing to repeat at position 0",
    ]),
    ("metrics: {exclud: []}", ["metrics.exclud: unknown key; did you mean exclude?"]),
    ("state: /x", ["state: expected keys and values, got a text"]),
    ("state: {}", ["state.path: is missing"]),
    ("state: {path: 5}", ["state.path: 5 is not the path of a file"]),
    ("state: {pth: x}", ["state.pth: unknown key; did you mean path?", "state.path: is missing"]),
    ("stale_after: 0s", ["stale_after: must be above 0s"]),
    ("stale_after: x", [f"stale_after: 'x' {NO_DURATION}"]),
    ("sharding: {index: 1}", ["sharding.index: must be from 0 to total - 1"]),
    ("sharding: {index: -1}", ["sharding.index: -1 is not a whole number from 0 to 1000000"]),
    ("sharding: {index: 3, total: 3}", ["sharding.index: must be from 0 to total - 1"]),
    ("sharding: {total: 0}", ["sharding.total: 0 is not a whole number from 1 to 1000000"]),
    ("sharding: {index: a}", ["sharding.index: 'a' is not a whole number from 0 to 1000000"]),
    ("sharding: {idx: 1}", ["sharding.idx: unknown key; did you mean index?"]),
    ("alerting: {alertmanagers: [{url: 'http://a:9093/api/v2/alerts'}]}", [
        "alerting.alertmanagers[0].url: names a path of the API; give the address of Alertmanager itself, "
        "as http://host:9093",
    ]),
    ("alerting: {}", ["alerting.alertmanagers: is missing"]),
    ("alerting: {alertmanagers: ['http://h']}", [
        "alerting.alertmanagers[0]: expected keys and values, got a text",
    ]),
    ("alerting: {alertmanagers: [{url: x, nickname: y}]}", [
        "alerting.alertmanagers[0].nickname: unknown key; "
        "known here: url, authorization, tls_config, proxy_url, timeout",
        f"alerting.alertmanagers[0].url: 'x' {NO_URL}",
    ]),
    ("alerting: {alertmanagers: [{url: 'http://h', authorization: {}}]}", [
        f"alerting.alertmanagers[0].authorization: {ONE_CREDENTIAL}",
    ]),
    ("alerting: {alertmanagers: [{url: 'http://h'}], resend_interval: 0s, unavailable_for: x, unreachable_for: 5, "
     "hold: '', resolved_retention: -1s, resend: 5s}", [
        "alerting.resend: unknown key; known here: alertmanagers, external_labels, resend_interval, unavailable_for, "
        "unreachable_for, hold, resolved_retention, external_url, runbooks_url, grafana_url",
        "alerting.resend_interval: must be above 0s",
        f"alerting.unavailable_for: 'x' {NO_DURATION}",
        f"alerting.unreachable_for: 5 {NO_DURATION}",
        f"alerting.hold: '' {NO_DURATION}",
        f"alerting.resolved_retention: '-1s' {NO_DURATION}",
    ]),
]  # fmt: skip
"""Sections beside a good source, and every sentence they get."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a token, a certificate and its key, and a file that is neither."""
    for name, text in (("token", "s3cret\n"), ("cert.pem", CERTIFICATE), ("key.pem", KEY), ("garbage.pem", "garbage")):
        (tmp_path / name).write_text(text)
    return tmp_path


def problems(text: str, folder: Path, **environ: str) -> list[str]:
    """The sentences a text gets, without what OpenSSL adds of its own."""
    with pytest.raises(ConfigError) as caught:
        parse(text, TYPES, environ=environ, folder=folder)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [re.sub(r"(do not match: ).*", r"\1…", sentence) for sentence in caught.value.problems]


def check_source(settings: str, expected: list[str], folder: Path) -> None:
    """One source with these settings gets exactly these sentences."""
    text = f"sources:\n- {{name: a, type: feldera, url: 'http://h', {settings}}}\n"
    sentences = [f"sources[0].{sentence}".replace("FOLDER", str(folder)) for sentence in expected]
    assert problems(text, folder) == sentences


@pytest.mark.parametrize(("text", "expected"), FILES, ids=lambda value: repr(value)[:60])
def test_a_bad_file_gets_these_sentences(text: str, expected: list[str], folder: Path) -> None:
    """What is not YAML, or not the shape of a config, is said with its place."""
    assert problems(text, folder) == expected


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_bad_name_gets_this_sentence(name: str, expected: str, folder: Path) -> None:
    """A name must be able to stand in a label and in a path."""
    assert problems(f"sources: [{{name: {name}, type: feldera, url: 'http://h'}}]", folder) == [
        f"sources[0].name: {expected}"
    ]


@pytest.mark.parametrize(("url", "expected"), URLS)
def test_a_bad_url_gets_this_sentence(url: str, expected: str, folder: Path) -> None:
    """Only the http or https address of a server will do, and one with a password is not repeated."""
    assert problems(f"sources: [{{name: a, type: feldera, url: {url}}}]", folder) == [f"sources[0].url: {expected}"]


@pytest.mark.parametrize(("settings", "expected"), SETTINGS, ids=lambda value: str(value)[:60])
def test_a_bad_source_gets_these_sentences(settings: str, expected: list[str], folder: Path) -> None:
    """Every key of a source is checked, and the sentence names its place."""
    check_source(settings, expected, folder)


@pytest.mark.parametrize(("section", "expected"), SECTIONS, ids=lambda value: str(value)[:60])
def test_a_bad_section_gets_these_sentences(section: str, expected: list[str], folder: Path) -> None:
    """The other sections are checked as strictly as the sources."""
    assert problems(f"{GOOD}{section}\n", folder) == expected


def test_every_error_of_a_file_is_told_in_one_run(folder: Path) -> None:
    """A wrong value hides no other, wherever it stands."""
    text = """
sources:
  - {name: a, type: feldera, url: h, timeout: soon, tls_config: {cert_file: cert.pem}}
  - {name: a, type: kafka}
  - {type: feldera, url: 'http://h', pipelines: {include: ['(']}, authorization: {credentials: '${TOKEN}'}}
metrics: {status_series: full, exclude: [5]}
stale_after: never
sharding: {index: 2, total: 2}
statee: {path: x}
"""
    assert problems(text, folder) == [
        "sources[2].authorization.credentials: environment variable TOKEN is not set",
        "statee: unknown key; did you mean state?",
        f"sources[0].url: 'h' {NO_URL}",
        f"sources[0].tls_config: {PAIR}",
        f"sources[0].timeout: 'soon' {NO_DURATION}",
        "sources[1].type: 'kafka' is not feldera",
        "sources[2].name: is missing",
        "sources[2].pipelines.include[0]: '(' is not a regular expression: "
        "missing ), unterminated subpattern at position 0",
        "metrics.status_series: 'full' is not dense or sparse",
        "metrics.exclude[0]: 5 is not a regular expression; quote it",
        f"stale_after: 'never' {NO_DURATION}",
        "sharding.index: must be from 0 to total - 1",
    ]


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"a: \xff\n", "it is not UTF-8 text")]
)
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, reason: str, tmp_path: Path) -> None:
    """A file that is missing or is no text gets one sentence."""
    path = tmp_path / "config.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, TYPES)
    assert caught.value.problems == [f"{path}: cannot be read: {reason}"]


FULL = """
sources:
  - name: prod
    type: feldera
    url: https://feldera.example.com
    authorization: {type: Bearer, credentials_file: token}
    tls_config: {ca_file: cert.pem, cert_file: cert.pem, key_file: key.pem, server_name: x, insecure_skip_verify: false}
    proxy_url: http://proxy:3128
    timeout: 10s
    poll_interval: 15s
    history_interval: 1h
    max_concurrency: 8
    max_response_bytes: 256MiB
    pipelines: {include: ['.*'], exclude: []}
  - name: ${TEAM}-staging
    type: feldera
    url: ${STAGING_URL}/
    authorization: {credentials: '${STAGING_TOKEN}'}
    timeout: ${PATIENCE}
    max_concurrency: ${SLOTS}
    pipelines: {include: ['${TEAM}-.*', 'a{2}'], exclude: ['.*-test']}
alerting:
  alertmanagers:
    - {url: 'http://alertmanager-0:9093'}
    - {url: 'http://alertmanager-1:9093/am/', timeout: 5s, authorization: {type: Basic, credentials: czNjcmV0}}
  external_labels: {cluster: prod}
  resend_interval: 1m
  unavailable_for: 1m
  unreachable_for: 2m
  hold: 5m
  resolved_retention: 15m
metrics:
  status_series: dense
  exclude: [pipeline_storage_.*]
state:
  path: /var/lib/pipeline-exporter/state.db
stale_after: 5m
sharding: {index: "${ORDINAL}", total: 3}
"""
ENVIRON = {
    "TEAM": "orders", "STAGING_URL": "https://staging.example.com:8443/feldera", "STAGING_TOKEN": "apikey:s3cret-value",
    "PATIENCE": "1m30s", "SLOTS": "2", "ORDINAL": "2",
}  # fmt: skip


@pytest.fixture
def full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The config of the design document, read from a file."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    path = folder / "config.yml"
    path.write_text(FULL)
    return load(path, TYPES)


def test_the_whole_config_is_read(full: Config, folder: Path) -> None:
    """Every key of the design document arrives as the value it means."""
    prod = full.sources[0]
    assert (prod.name, prod.type, prod.url, prod.proxy_url) == (
        "prod", "feldera", "https://feldera.example.com", "http://proxy:3128",
    )  # fmt: skip
    assert (prod.timeout, prod.poll_interval, prod.history_interval) == (10, 15, 3600)
    assert (prod.max_concurrency, prod.max_response_bytes) == (8, 256 * 1024 * 1024)
    assert prod.authorization is not None
    assert (prod.authorization.type, prod.authorization.credentials_file) == ("Bearer", str(folder / "token"))
    tls = prod.tls_config
    assert (tls.ca_file, tls.cert_file, tls.key_file) == tuple(
        str(folder / name) for name in ("cert.pem", "cert.pem", "key.pem")
    )
    assert (tls.server_name, tls.insecure_skip_verify) == ("x", False)
    assert prod.pipelines.chooses("anything at all")
    assert (full.metrics.status_series, full.stale_after) == ("dense", 300)
    assert [pattern.text for pattern in full.metrics.exclude] == ["pipeline_storage_.*"]
    assert full.state is not None
    assert full.state.path == "/var/lib/pipeline-exporter/state.db"
    assert (full.sharding.index, full.sharding.total) == (2, 3)


def test_the_alerting_section_is_read(full: Config) -> None:
    """Every member of the cluster and every time of the bridge arrives."""
    alerting = full.alerting
    assert alerting is not None
    assert [(member.url, member.timeout) for member in alerting.alertmanagers] == [
        ("http://alertmanager-0:9093", 10), ("http://alertmanager-1:9093/am", 5),
    ]  # fmt: skip
    assert alerting.external_labels == {"cluster": "prod"}
    times = (alerting.resend_interval, alerting.unavailable_for, alerting.unreachable_for, alerting.hold)
    assert (*times, alerting.resolved_retention) == (60, 60, 120, 300, 900)


def test_variables_of_the_environment_are_filled_in(full: Config) -> None:
    """``${NAME}`` works in every kind of value, and a brace that is none of its own stays."""
    staging = full.sources[1]
    assert (staging.name, staging.url) == ("orders-staging", "https://staging.example.com:8443/feldera")
    assert (staging.timeout, staging.max_concurrency) == (90, 2)
    assert [name for name in ("orders-1", "aa", "orders-test", "x-orders-1") if staging.pipelines.chooses(name)] == [
        "orders-1", "aa",
    ]  # fmt: skip
    assert staging.authorization is not None
    assert staging.authorization.credentials == Secret("apikey:s3cret-value")
    assert staging.authorization.credentials.reveal() == "apikey:s3cret-value"


def test_what_is_left_out_has_its_documented_default(folder: Path) -> None:
    """The smallest config is the documented one."""
    config = parse(GOOD, TYPES, environ={}, folder=folder)
    source = config.sources[0]
    assert (source.timeout, source.poll_interval, source.history_interval) == (10, 15, 3600)
    assert (source.max_concurrency, source.max_response_bytes) == (8, 268_435_456)
    assert (source.authorization, source.proxy_url, source.pipelines.chooses("x")) == (None, None, True)
    assert (config.alerting, config.state, config.stale_after) == (None, None, 300)
    assert (config.metrics.status_series, config.metrics.exclude) == ("dense", ())
    assert (config.sharding.index, config.sharding.total) == (None, 1)


@pytest.mark.skipif("calyptia" not in KINDS, reason="this version reads Feldera only")
def test_a_calyptia_source_is_read(folder: Path) -> None:
    """The second kind has a project token in place of an authorization."""
    text = """
sources:
  - name: edge
    type: calyptia
    url: https://cloud-api.calyptia.com
    project_token_file: token
    project_id: 8a7c0000-0000-4000-8000-000000000001
    traces: {include: ['.*']}
"""
    types = {name: kind.config for name, kind in KINDS.items()}
    edge: Any = parse(text, types, environ={}, folder=folder).sources[0]
    assert (edge.name, edge.type, edge.url) == ("edge", "calyptia", "https://cloud-api.calyptia.com")
    assert edge.project_token_file == str(folder / "token")
    assert edge.project_id == "8a7c0000-0000-4000-8000-000000000001"
    assert edge.traces.chooses("anything")


def test_a_secret_is_never_shown(full: Config) -> None:
    """However the config is turned into text, credentials are ``<secret>``."""
    shown = f"{full!r} {full} {full.sources[1].authorization!r} {Secret('s3cret-value')} {[Secret('s3cret-value')]}"
    assert "s3cret" not in shown
    assert "czNjcmV0" not in shown
    assert "credentials=<secret>" in shown


LEAKY = [
    "authorization: {credentials: [s3cret]}",
    "authorization: {credentials: {s3cret: 1}}",
    "authorization: {credentials: s3cret, credentials_file: token}",
    "authorization: {credential: s3cret}",
    "authorization: s3cret",
    "authorization: [s3cret]",
    "authorization: {credentials: '${UNSET}s3cret'}",
    "proxy_url: 'http://user:s3cret@proxy'",
    "proxy_url: 'http://user:s3cret@'",
    "proxy_url: 'http://s3cret@proxy:0'",
    "proxy_url: 'ftp://user:s3cret@proxy'",
    "proxy_url: 'http://user:s3cret@proxy:99999'",
    "proxy_url: 'http://user:s3cret@pro xy?a#b'",
]


@pytest.mark.parametrize("settings", LEAKY)
def test_no_sentence_repeats_a_secret(settings: str, folder: Path) -> None:
    """Whatever is wrong with a secret, the sentence about it does not hold it."""
    text = f"sources:\n- {{name: a, type: feldera, url: 'http://h', {settings}}}\n"
    assert "s3cret" not in "\n".join(problems(text, folder))


@pytest.mark.parametrize("url", ["user:s3cret@proxy", "https:/user:s3cret@proxy", "http:user:s3cret@proxy"])
def test_a_mistyped_url_does_not_show_its_password(url: str, folder: Path) -> None:
    """A URL whose slashes are missing is still not repeated when it has a password in it."""
    check_source(f"proxy_url: '{url}'", [f"proxy_url: {USER_IN_URL}"], folder)


@pytest.mark.parametrize("url", ["http://h/?", "http://h/#", "http://h?"])
def test_an_empty_query_or_fragment_is_refused_too(url: str, folder: Path) -> None:
    """Paths are appended to a URL, so nothing may follow its path."""
    check_source(f"proxy_url: '{url}'", [f"proxy_url: {QUERY_IN_URL}"], folder)


def test_a_pattern_beyond_the_engine_is_a_sentence(folder: Path) -> None:
    """A repetition that Python's engine cannot hold is refused like any other bad pattern."""
    check_source(
        "pipelines: {include: ['a{99999999999999}']}",
        ["pipelines.include[0]: 'a{99999999999999}' is not a regular expression: the repetition number is too large"],
        folder,
    )


def test_a_path_with_a_zero_byte_is_a_sentence(folder: Path) -> None:
    """A path that no system call takes is refused like any other file that cannot be read."""
    (sentence,) = problems(
        "sources: [{name: a, type: feldera, url: 'http://h', authorization: {credentials_file: \"a\\0b\"}}]", folder
    )
    assert sentence.startswith("sources[0].authorization.credentials_file: ")


def test_a_list_that_holds_itself_is_a_sentence(folder: Path) -> None:
    """An alias within its own anchor ends in an error, not in a traceback."""
    assert len(problems("sources: &a [*a]", folder)) == 1
