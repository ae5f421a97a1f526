"""The Compose file as its services see it: what is where, and under which address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"


def compose() -> dict[str, Any]:
    """The Compose file, merge keys resolved."""
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))


def services() -> dict[str, dict[str, Any]]:
    """The services by name."""
    return compose()["services"]


def binds(service: str) -> dict[str, Path]:
    """A service's files and folders of the repository by the place where it sees them."""
    volumes = services()[service].get("volumes", [])
    return {one["target"]: (FOLDER / one["source"]).resolve() for one in volumes if one["type"] == "bind"}


def inside(service: str, path: str) -> Path | None:
    """The file of the repository that a service sees at ``path``; None if there is none."""
    for target, source in binds(service).items():
        if path == target or path.startswith(f"{target}/"):
            return source / path.removeprefix(target).lstrip("/")
    return None


def config_of(service: str) -> Path:
    """The config file that a service's command names."""
    flag = "--config.file="
    (path,) = [one.removeprefix(flag) for one in services()[service]["command"] if one.startswith(flag)]
    found = inside(service, path)
    assert found is not None, f"{service} has nothing at {path}"
    return found
