"""Reads the config file: YAML, environment variables, strict decoding, every error in one run."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from exporter.config import Config, SourceConfig
from exporter.config.decode import Decoder
from exporter.errors import ConfigError

_MERGE = "tag:yaml.org,2002:merge"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load(
    path: Path, kinds: Mapping[str, type[SourceConfig]], environ: Mapping[str, str] = os.environ
) -> Config:
    """Read and check the config file at ``path``; ``kinds`` has the config struct of each source type.

    Raises ConfigError with one sentence per problem, each naming its place (``sources[0].url: …``).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from error
    return parse(text, kinds, environ=environ, folder=path.absolute().parent)


def parse(
    text: str,
    kinds: Mapping[str, type[SourceConfig]],
    *,
    environ: Mapping[str, str],
    folder: Path,
) -> Config:
    """The same for a text; relative paths in it start from ``folder``."""
    decoder = Decoder(folder=folder, variants={SourceConfig: kinds})
    try:
        tree = _substitute(_yaml(text), "", environ, decoder)
    except RecursionError as error:
        raise ConfigError(["the file is nested too deep, or an alias in it holds itself"]) from error
    config = decoder.struct("", {} if tree is None else tree, Config)
    if config is None or decoder.problems:
        raise ConfigError(decoder.problems)
    return config


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice instead of taking the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: list[object] = []
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} twice", problem_mark=key_node.start_mark)
            seen.append(key)
        return super().construct_mapping(node, deep)


def _yaml(text: str) -> object:
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError([f"{place}not valid YAML: {error.problem}"]) from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError([f"not valid YAML: {type(error).__name__}"]) from error


def _substitute(raw: Any, path: str, environ: Mapping[str, str], decoder: Decoder) -> Any:  # noqa: ANN401
    """Replace ``${NAME}`` in every text of the tree; a name that is not set is a problem."""
    if isinstance(raw, dict):
        return {
            key: _substitute(value, f"{path}.{key}" if path else str(key), environ, decoder)
            for key, value in raw.items()
        }
    if isinstance(raw, list):
        return [_substitute(item, f"{path}[{i}]", environ, decoder) for i, item in enumerate(raw)]
    if not isinstance(raw, str):
        return raw
    for name in _VARIABLE.findall(raw):
        if name not in environ:
            decoder.problem(path, f"environment variable {name} is not set")
    return _VARIABLE.sub(lambda match: environ.get(match[1], match[0]), raw)

