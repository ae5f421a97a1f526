"""The running configuration as YAML, in the words of the config file and with every secret hidden."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import yaml

from exporter.config import Config
from exporter.config.units import Duration, Pattern, Secret

_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms"))


def config_text(config: Config) -> str:
    """A text that the exporter would load as the same configuration, were its secrets put back."""
    text: str = yaml.safe_dump(_tree(config), sort_keys=False, allow_unicode=True, width=120)
    return text


def duration(seconds: float) -> str:
    """A length of time as Prometheus writes it.

    >>> duration(5400), duration(0.25), duration(0)
    ('1h30m', '250ms', '0s')
    """
    rest, text = round(seconds * 1000), ""
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _tree(value: object) -> object:
    """A value as plain YAML; keys that are not set are left out."""
    if isinstance(value, msgspec.Struct):
        fields = ((field.encode_name, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        return {name: _tree(part) for name, part in fields if part is not None}
    if isinstance(value, Mapping):
        return {str(key): _tree(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_tree(part) for part in value]
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, Duration):
        return duration(value)
    if isinstance(value, Pattern):
        return value.text
    if isinstance(value, Secret):
        return repr(value)
    return next((kind(value) for kind in (str, int, float) if isinstance(value, kind)), str(value))
