"""docs/web-config.md says what the code does: keys, defaults, cipher suites, limits and the example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import bcrypt
import click
import msgspec
import yaml

from exporter.cli import main
from exporter.web import guard
from exporter.web.connection import Limits
from exporter.web.tls import CIPHERS, NEWEST_CIPHERS, Inline
from exporter.web.watched import WatchedConfig
from exporter.web.webconfig import WebConfig, read
from tests.guard.served import Authority

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "web-config.md").read_text(encoding="utf-8")


def documented() -> dict[str, str]:
    """Every key of the tables by its path, with the default that is told."""
    found = {}
    for part in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        place = heading.strip("`") + "." if heading.startswith("`") else ""
        for key, default in re.findall(r"^\| `([^`]+)` \|.*\| (\S+) \|$", body.partition("\n## ")[0], re.MULTILINE):
            found[f"{place}{key}"] = default.strip("`")
    return found


def known(struct: type = WebConfig, prefix: str = "") -> dict[str, Any]:
    """Every key that can be set by its path, with its default."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        path = prefix + field.encode_name
        default = field.default if field.default is not msgspec.NODEFAULT else {}
        if isinstance(default, msgspec.Struct):
            found |= {path: {}} if path == "http_server_config.headers" else {}
            found |= known(type(default), f"{path}.")
        elif field.type != Inline | None:
            found[path] = default
    return found


def test_every_key_is_documented_and_no_other() -> None:
    """The tables have the keys that the file can have."""
    assert sorted(documented()) == sorted(known())


def test_documented_defaults() -> None:
    """What the tables say of a key that is left out is what happens."""
    for key, default in known().items():
        told = documented()[key]
        assert (None if told == "–" else yaml.safe_load(told)) == (list(default) if default == () else default), key


def test_cipher_suites_are_listed() -> None:
    """All that are accepted, by their names."""
    assert re.findall(r"^- `(TLS_\w+)`$", TEXT, re.MULTILINE) == [*CIPHERS, *NEWEST_CIPHERS]


def blocks() -> list[dict[str, Any]]:
    """The YAML that is shown."""
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)]


def test_the_example_is_valid(tmp_path: Path) -> None:
    """Given the files it names it is accepted, and its password is the one that is told."""
    Authority(tmp_path).issue("localhost")
    path = tmp_path / "web.yml"
    path.write_text(yaml.safe_dump(blocks()[0]))
    assert read(path)[1] == []
    assert WatchedConfig(path).tls
    (password,) = re.findall(r"The password here is `(\w+)`", TEXT)
    (hashed,) = blocks()[0]["basic_auth_users"].values()
    assert bcrypt.checkpw(password.encode(), hashed.encode())


def test_the_scrape_config_fits_the_example() -> None:
    """It has the user of the example, and the port that ``run`` listens on."""
    (job,) = blocks()[1]["scrape_configs"]
    assert job["basic_auth"]["username"] in blocks()[0]["basic_auth_users"]
    address = next(option.default for option in main.commands["run"].params if option.name == "address")
    assert job["static_configs"] == [{"targets": [f"localhost{address}"]}]


def test_options_and_links() -> None:
    """Options that are named can be given; links lead to files or to headings."""
    options = {option for command in main.commands.values() for given in command.params for option in given.opts}
    assert isinstance(main, click.Group)
    assert set(re.findall(r"--(?:web|config)\.[a-z.]*[a-z]", TEXT)) <= options
    headings = {re.sub(r"[^\w -]", "", line).replace(" ", "-").lower() for line in re.findall(r"^#+ (.*)$", TEXT, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings


def test_the_limits_are_told() -> None:
    """The table of limits has the numbers of the code."""
    table = TEXT.partition("## Limits")[2].partition("##")[0]
    limits = Limits()
    for told in (
        f"{limits.head_bytes // 1024} KiB, within {limits.head_seconds:g} s",
        f"{guard.BODY_BYTES // 2**20} MiB, within {guard.BODY_SECONDS:g} s",
        f"| {limits.idle_seconds} s |",
        f"{limits.write_seconds:g} s, at most some {limits.buffered_bytes // 1024} KiB",
        f"| {limits.connections} |",
        f"| TLS handshake | {limits.head_seconds:g} s |",
    ):
        assert told in table
    assert limits.head_bytes == guard.HEAD_BYTES
