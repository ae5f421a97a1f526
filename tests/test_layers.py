"""Imports point one way: the layers of docs/architecture.md, held to by reading every import there is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "exporter"

LAYERS = (
    ("exporter", "exporter.errors", "exporter.gradually", "exporter.memory", "exporter.model", "exporter.logs"),
    ("exporter.config", "exporter.store", "exporter.history"),
    ("exporter.http", "exporter.statefile"),
    ("exporter.sources", "exporter.metrics", "exporter.alerts", "exporter.persistence"),
    ("exporter.schedule", "exporter.supervise", "exporter.web"),
    ("exporter.reading",),
    ("exporter.app", "exporter.backfill"),
    ("exporter.cli", "exporter.metrics.document"),
    ("exporter.__main__",),
)
"""Parts of the package from the bottom up; a part may import those of lower layers."""

APART = {"exporter.demo": frozenset({"exporter.web.server"})}
"""Parts outside the layers, and all they may import beside themselves."""

NEIGHBOURS = frozenset({("exporter.store", "exporter.history")})
"""Imports within a layer that are meant."""

HTTP = frozenset({"httpx", "httpx_aiohttp", "aiohttp"})
SPEAKS_HTTP = frozenset(
    {"exporter.http.client", "exporter.http.failures", "exporter.sources.http", "exporter.alerts.alertmanager"}
)


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(text: str, known: frozenset[str]) -> Iterator[str]:
    """Every module that a source text imports; ``from a import b`` is ``a.b`` where that is a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else str(node.module)


IMPORTS = {
    name: frozenset(imports_of(path.read_text(encoding="utf-8"), frozenset(SOURCES))) for name, path in SOURCES.items()
}
EDGES = [
    (module, imported)
    for module, all_imported in IMPORTS.items()
    for imported in sorted(all_imported)
    if imported.partition(".")[0] == "exporter"
]


def part_of(module: str) -> str:
    """The part of the package that a module belongs to; empty if it has no place."""
    parts = [part for layer in LAYERS for part in layer] + list(APART)
    fitting = [part for part in parts if module == part or (part != "exporter" and module.startswith(f"{part}."))]
    return max(fitting, key=len, default="")


def allowed(module: str, imported: str) -> bool:
    """Whether a module may import another one."""
    part, other = part_of(module), part_of(imported)
    if part == other:
        return True
    if part in APART:
        return imported in APART[part]
    if other in APART:
        return part == "exporter.cli"
    if (part, other) in NEIGHBOURS:
        return True
    level = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    return level[other] < level[part]


def test_everything_is_looked_at() -> None:
    """The walk sees the package: its modules, its imports, and the place that opens HTTP clients."""
    assert len(SOURCES) > 50
    assert len(EDGES) > 150
    assert ("exporter.cli", "exporter.app") in EDGES
    assert ("exporter.sources.kinds", "exporter.sources.feldera.kind") in EDGES
    assert IMPORTS["exporter.http.client"] >= HTTP


def test_every_module_has_a_place() -> None:
    """A new part of the package gets a layer here and a row in docs/architecture.md."""
    assert [module for module in SOURCES if not part_of(module)] == []


def test_imports_point_one_way() -> None:
    """No module imports from its own layer or from one above it."""
    wrong = [f"{module} imports {imported}" for module, imported in EDGES if not allowed(module, imported)]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("exporter.model", "exporter.store"),
        ("exporter.model", "exporter.errors"),
        ("exporter.logs", "exporter.errors"),
        ("exporter.metrics.page", "exporter.sources.kinds"),
        ("exporter.sources.feldera.source", "exporter.metrics.own"),
        ("exporter.history.source", "exporter.store"),
        ("exporter.web.app", "exporter.app"),
        ("exporter.app", "exporter.demo.servers"),
        ("exporter.demo.feldera.world", "exporter.model"),
        ("exporter.demo.servers", "exporter.web.app"),
    ],
)
def test_the_rule_refuses(module: str, imported: str) -> None:
    """Imports against the direction are seen as such."""
    assert not allowed(module, imported)


def test_no_cycles() -> None:
    """There is an order in which every module could be imported before those that need it."""
    graph = {module: {other for other in IMPORTS[module] if other in SOURCES} for module in SOURCES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_http_is_spoken_in_one_place() -> None:
    """HTTP libraries are imported where requests are made and nowhere else."""
    speakers = {module for module, imported in IMPORTS.items() if HTTP & {name.partition(".")[0] for name in imported}}
    assert speakers
    assert speakers <= SPEAKS_HTTP


def test_imports_are_found_wherever_they_stand() -> None:
    """Imports inside functions and under conditions count; a name imported from a package is its module."""
    text = "import a.b\nif x:\n    from c import d, e\ndef f():\n    import g\n"
    assert list(imports_of(text, frozenset({"c.d"}))) == ["a.b", "c.d", "c", "g"]
