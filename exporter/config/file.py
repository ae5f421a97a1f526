"""Reads the config file: YAML, environment variables, strict decoding, every error in one run."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from exporter.config import Config, SourceConfig
from exporter.config.decode import Decoder, place, shown_key
from exporter.errors import ConfigError

_MERGE = "tag:yaml.org,2002:merge"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAMED = re.compile(r"(alias|tag handle|the tag) (['\"])(?!tag:yaml\.org,2002:python/).*", re.DOTALL)
"""Names in YAML's own sentences; one may be a secret that was not quoted and begins with ``*`` or ``!``."""

_MOST_VALUES = 100_000
_MOST_BITS = 1024


def load(path: Path, kinds: Mapping[str, type[SourceConfig]], environ: Mapping[str, str] = os.environ) -> Config:
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
        tree = _substitute(yaml_tree(text), "", environ, decoder, count())
    except RecursionError as error:
        raise ConfigError(["the file is nested too deep, or an alias in it holds itself"]) from error
    config = decoder.struct("", {} if tree is None else tree, Config)
    if config is None or decoder.problems:
        raise ConfigError(decoder.problems)
    return config


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice instead of taking the last, and names the place of a bad value."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            problem = "a value that is not what its form or its tag says"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise yaml.MarkedYAMLError(problem="a number with too many digits", problem_mark=node.start_mark)
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: list[object] = []
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {shown_key(key)!r} twice", problem_mark=key_node.start_mark)
            seen.append(key)
        return super().construct_mapping(node, deep)


def yaml_tree(text: str) -> object:
    """A YAML text as values; a key written twice is an error. Raises ConfigError."""
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError([f"{where}not valid YAML: {_NAMED.sub(_unnamed, error.problem or '')}"]) from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError([f"not valid YAML: {type(error).__name__}"]) from error


def _unnamed(match: re.Match[str]) -> str:
    return f"{match[1]}; quote a text that begins with * or !"


def _substitute(
    raw: Any,  # noqa: ANN401
    path: str,
    environ: Mapping[str, str],
    decoder: Decoder,
    visited: Iterator[int],
) -> Any:  # noqa: ANN401
    """Replace ``${NAME}`` in every text of the tree; a name that is not set is a problem.

    Each use of an alias counts as all that it stands for. Raises ConfigError if that is too much.
    """
    if next(visited) > _MOST_VALUES:
        raise ConfigError([f"the file has more than {_MOST_VALUES:,} values; are aliases in it used too often?"])
    if isinstance(raw, dict):
        return {key: _substitute(value, place(path, key), environ, decoder, visited) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_substitute(item, f"{path}[{i}]", environ, decoder, visited) for i, item in enumerate(raw)]
    if not isinstance(raw, str):
        return raw
    for name in _VARIABLE.findall(raw):
        if name not in environ:
            decoder.unset(path, name)
    return _VARIABLE.sub(lambda match: environ.get(match[1], match[0]), raw)
