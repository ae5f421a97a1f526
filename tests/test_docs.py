"""The docs say what the code does: families, config keys, options, examples and places are compared, both ways."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
import msgspec
import pytest
import yaml

from exporter.cli import main
from exporter.config import Config, SourceConfig
from exporter.config.file import parse
from exporter.metrics.document import markdown
from exporter.metrics.own import OwnMetrics
from exporter.metrics.page import families
from exporter.sources.kinds import KINDS
from exporter.web.server import listen

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"
METRICS = ROOT / "docs" / "metrics.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCS = (README, *sorted((ROOT / "docs").glob("*.md")))

CONFIG_TYPES = {name: kind.config for name, kind in KINDS.items()}


def text_of(path: Path) -> str:
    """A document."""
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(path), re.MULTILINE | re.DOTALL)


def rows(text: str) -> list[list[str]]:
    """The rows of all tables, without their heads, as cells."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def bare(cell: str) -> str:
    """A cell's code without its backticks."""
    return cell.strip("`")


# Metrics


def test_metrics_document() -> None:
    """docs/metrics.md is what the tables in the code print; ``make docs`` writes it."""
    assert text_of(METRICS) == markdown()


def all_families() -> set[str]:
    """Every family there can be."""
    dimensions = [dimension for kind in KINDS.values() for dimension in kind.dimensions]
    return {family.name for family in families(dimensions)} | {name for name, *_ in OwnMetrics().families}


def test_metrics_document_has_every_family() -> None:
    """Each family stands in one table row, and nothing else does."""
    documented = [bare(row[0]) for row in rows(text_of(METRICS)) if row[0].startswith("`pipeline_")]
    assert len(documented) > 30
    assert sorted(documented) == sorted(all_families())


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_families_in_prose_exist(path: Path) -> None:
    """Every metric name in the docs is one that is exported."""
    named = set(re.findall(r"\bpipeline_[a-z_]+", text_of(path))) - {"pipeline_id", "pipeline_name", "pipeline_url"}
    assert named - all_families() == set()


# Config keys


def paths_of(struct: type, prefix: str = "") -> Iterator[tuple[str, msgspec.structs.FieldInfo]]:
    """Every key of a struct and of those in it, by path (``sources[].url``)."""
    for field in msgspec.structs.fields(struct):
        path = f"{prefix}{field.encode_name}"
        yield path, field
        inner = plain_type(field.type)
        item = get_args(inner)[0] if get_origin(inner) is tuple else inner
        if isinstance(item, type) and issubclass(item, msgspec.Struct):
            yield from paths_of(item, f"{path}[]." if item is not inner else f"{path}.")


def plain_type(kind: Any) -> Any:
    """The type without ``| None``."""
    if get_origin(kind) in (Union, UnionType):
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


def known_keys() -> dict[str, msgspec.structs.FieldInfo]:
    """Every key of the config file, those of all kinds of source included."""
    found = dict(paths_of(Config))
    for kind in CONFIG_TYPES.values():
        found |= dict(paths_of(kind, "sources[]."))
    return found


def sections() -> Iterator[tuple[str, str]]:
    """Headings and texts of docs/configuration.md."""
    _, *parts = re.split(r"^#+ ", text_of(CONFIGURATION), flags=re.MULTILINE)
    for part in parts:
        heading, _, body = part.partition("\n")
        yield heading, body


def documented_keys() -> dict[str, list[str]]:
    """Every key in the tables of docs/configuration.md, by path; a section may be of several places."""
    found: dict[str, list[str]] = {}
    for heading, body in sections():
        places = re.findall(r"`([^`]+)`", heading)
        if heading.startswith("`type: "):
            places = ["sources[]"]
        for place in places or [""]:
            for row in rows(body):
                found[f"{place}.{bare(row[0])}".removeprefix(".")] = row
    return found


def test_every_config_key_is_documented() -> None:
    """docs/configuration.md has each key that can be set."""
    assert len(known_keys()) > 30
    assert sorted(known_keys().keys() - documented_keys().keys()) == []


def test_every_documented_config_key_exists() -> None:
    """docs/configuration.md has no key that is refused."""
    assert sorted(documented_keys().keys() - known_keys().keys()) == []


def test_every_kind_of_source_is_documented() -> None:
    """Each kind of control plane has a section, and nothing else has one like it."""
    named = [match[1] for heading, _ in sections() if (match := re.fullmatch(r"`type: (\w+)`", heading))]
    assert sorted(named) == sorted(KINDS)


def with_defaults() -> list[str]:
    """Paths of the keys whose default can be compared: values, not sections."""
    return [path for path, field in known_keys().items() if not isinstance(field.default, msgspec.Struct)]


@pytest.mark.parametrize("path", with_defaults())
def test_documented_default(path: str) -> None:
    """What the table says happens when a key is left out is what happens."""
    field, cell = known_keys()[path], documented_keys()[path][2]
    if field.required:
        assert cell == "required"
    elif field.default is None:
        assert cell == "–"
    else:
        assert decoded(plain_type(field.type), yaml.safe_load(bare(cell))) == default_of(field)


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """The value of a key that is left out."""
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def decoded(kind: Any, raw: Any) -> Any:
    """A value of the config file as its type."""
    if get_origin(kind) is tuple:
        return tuple(decoded(get_args(kind)[0], item) for item in raw)
    if get_origin(kind) is Literal:
        return raw
    return kind.parse(raw) if hasattr(kind, "parse") else msgspec.convert(raw, kind)


# Examples


def config_examples() -> list[tuple[str, str]]:
    """The config files in the docs."""
    found = [(path.name, block) for path in (README, CONFIGURATION) for block in blocks(path, "yaml")]
    return [(name, block) for name, block in found if block.startswith("sources:")]


@pytest.mark.parametrize(("name", "block"), config_examples(), ids=lambda value: value.partition("\n")[0])
def test_config_example_is_valid(name: str, block: str, tmp_path: Path) -> None:
    """A config file shown in the docs is accepted, given the files it names."""
    for file in re.findall(r"_file: (\S+)", block):
        (tmp_path / file).write_text("a-token")
    config = parse(block, CONFIG_TYPES, environ={}, folder=tmp_path)
    assert isinstance(config.sources[0], SourceConfig)


def test_there_are_config_examples() -> None:
    """The README and docs/configuration.md each show one for every kind of control plane."""
    shown = {(name, source["type"]) for name, block in config_examples() for source in yaml.safe_load(block)["sources"]}
    assert shown == {(path.name, kind) for path in (README, CONFIGURATION) for kind in KINDS}


def test_queries_are_promql(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """Prometheus itself can parse every query of the README."""
    queries = blocks(README, "promql")
    assert len(queries) > 3
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "readme", "rules": rules}]}))
    done = subprocess.run([tool("promtool"), "check", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_scrape_config_finds_the_exporter() -> None:
    """The scrape_config of the README has the port that ``run`` listens on."""
    scrape = next(block for block in blocks(README, "yaml") if block.startswith("scrape_configs:"))
    (job,) = yaml.safe_load(scrape)["scrape_configs"]
    address = next(option.default for option in main.commands["run"].params if option.name == "address")
    assert job["static_configs"] == [{"targets": [f"localhost{address}"]}]


# Commands


def options_of(command: click.Command) -> set[str]:
    """The options of a command."""
    return {option for parameter in command.params for option in parameter.opts}


def command_rows() -> dict[str, str]:
    """Command by command, the options in the README's table."""
    return {bare(row[0]): row[2] for row in rows(text_of(README)) if len(row) == 3 and "`--" in row[2]}


def test_every_command_is_in_the_readme() -> None:
    """The README's table has the commands there are."""
    assert command_rows().keys() == main.commands.keys()


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_option_is_in_the_readme(name: str) -> None:
    """The README's table has the options of each command, and no others."""
    assert set(re.findall(r"`(--[\w.-]+)`", command_rows()[name])) == options_of(main.commands[name])


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_options_in_prose_exist(path: Path) -> None:
    """Every dotted option in the docs can be given."""
    named = set(re.findall(r"--(?:web|config|log|shard)\.[a-z.-]*[a-z]", text_of(path)))
    assert named - set().union(*map(options_of, main.commands.values())) == set()


# Places


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Links between files of the repository lead to files."""
    targets = re.findall(r"\]\(([^)#]+)\)", text_of(path))
    assert [target for target in targets if "://" not in target and not (path.parent / target).exists()] == []


def test_architecture_names_every_part() -> None:
    """The table of places has every part of the package, and each of them is there."""
    places = {bare(row[0]) for row in rows(text_of(ARCHITECTURE))}
    parts = {f"exporter/{path.name}{'/' if path.is_dir() else ''}" for path in (ROOT / "exporter").iterdir()}
    boring = {"exporter/__init__.py", "exporter/__main__.py", "exporter/__pycache__/", "exporter/py.typed"}
    assert {place for place in places if place.startswith("exporter/")} == parts - boring


def test_named_files_exist() -> None:
    """Files that the docs name by their path are there."""
    for path in DOCS:
        for name in re.findall(r"`((?:exporter|tests|docs|benchmarks)/[\w./-]*)`", text_of(path)):
            assert (ROOT / name).exists(), f"{path.name} names {name}"


def test_listen_example_is_an_address() -> None:
    """``make demo LISTEN=127.0.0.1:0``, as the README has it, is an address the exporter takes."""
    (address,) = re.findall(r"LISTEN=(\S+:0)", text_of(README))
    listen(address).close()
