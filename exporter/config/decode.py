"""Strict decoding of a config tree into structs: unknown keys and wrong values all found in one run, by place."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar, Union, get_args, get_origin, runtime_checkable

import msgspec

from exporter.config.units import FilePath

T = TypeVar("T")


class _Parsed(Protocol):
    @classmethod
    def parse(cls, raw: object) -> object: ...


@runtime_checkable
class _Checked(Protocol):
    compared: ClassVar[frozenset[str]]

    def problems(self) -> list[tuple[str, str]]: ...


_WRONG = object()
_WORD = re.compile(r"[\w./-]{0,64}")
_LONGEST_SENTENCE = 1000


class Decoder:
    """Decodes one config tree; ``problems`` collects a sentence for each thing that is wrong.

    ``variants`` maps a struct with a ``type`` key to its forms by that key's value; ``folder`` is what relative
    paths start from.
    """

    def __init__(self, *, folder: Path, variants: Mapping[type, Mapping[str, type]]) -> None:
        self._folder = folder
        self._variants = variants
        self.problems: list[str] = []
        self._unset: set[str] = set()

    def unset(self, path: str, variable: str) -> None:
        """Note that an environment variable is not set; what else is wrong with the value follows from it."""
        self._unset.add(path)
        self._note(path, f"environment variable {variable} is not set")

    def problem(self, path: str, sentence: str) -> None:
        """Note what is wrong at ``path``."""
        if path not in self._unset:
            self._note(path, sentence)

    def _note(self, path: str, sentence: str) -> None:
        self.problems.append(_one_line(f"{path}: {sentence}" if path else sentence))

    def struct(self, path: str, raw: object, kind: type[T]) -> T | None:
        """Decode a mapping into the struct ``kind``; None if there is nothing to make one of.

        A key with a wrong value is noted and left None, so that the rest of the file is checked all the same.
        """
        if not isinstance(raw, dict):
            self.problem(path, f"expected keys and values, got {_describe(raw)}")
            return None
        variant = self._variant(path, raw, kind)
        return None if variant is None else self._fields(path, raw, variant)

    def _variant(self, path: str, raw: dict[object, object], kind: type[T]) -> type[T] | None:
        variants = self._variants.get(kind)
        if variants is None:
            return kind
        name = raw.get("type")
        if isinstance(name, str) and name in variants:
            return variants[name]
        known = " or ".join(sorted(variants))
        self.problem(f"{path}.type", f"is missing; write {known}" if name is None else f"{_shown(name)} is not {known}")
        return None

    def _fields(self, path: str, raw: dict[object, object], kind: type[T]) -> T:
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}  # type: ignore[arg-type]
        for key in raw:
            if key not in fields:
                self.problem(place(path, key), f"unknown key{_hint(shown_key(key), fields)}")
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if raw.get(key) is not None:
                values[field.name] = self._value(_join(path, key), raw[key], field.type)
            elif field.required:
                self.problem(_join(path, key), "is missing")
                values[field.name] = _WRONG
        return self._build(path, kind, values)

    def _build(self, path: str, kind: type[T], values: dict[str, Any]) -> T:
        """Make the struct, and let it check those values against each other that are right by themselves."""
        wrong = {name for name, value in values.items() if value is _WRONG}
        struct = kind(**{name: None if value is _WRONG else value for name, value in values.items()})
        if isinstance(struct, _Checked) and not wrong & struct.compared:
            for key, sentence in struct.problems():
                self.problem(_join(path, key) if key else path, sentence)
        return struct

    def _value(self, path: str, raw: object, kind: Any) -> Any:  # noqa: ANN401
        origin, args = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return self._value(path, raw, next(arg for arg in args if arg is not type(None)))
        if origin is Literal:
            return self._choice(path, raw, args)
        if origin is tuple:
            return self._items(path, raw, args[0])
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.struct(path, raw, kind)
        return self._scalar(path, raw, kind)

    def _items(self, path: str, raw: object, kind: Any) -> Any:  # noqa: ANN401
        if not isinstance(raw, list):
            self.problem(path, f"expected a list, got {_describe(raw)}")
            return _WRONG
        items = tuple(self._value(f"{path}[{index}]", item, kind) for index, item in enumerate(raw))
        return _WRONG if _WRONG in items else items

    def _choice(self, path: str, raw: object, choices: tuple[str, ...]) -> object:
        if isinstance(raw, str) and raw in choices:
            return raw
        self.problem(path, f"{_shown(raw)} is not {' or '.join(choices)}")
        return _WRONG

    def _scalar(self, path: str, raw: object, kind: Any) -> Any:  # noqa: ANN401
        try:
            if hasattr(kind, "parse"):
                return self._parsed(raw, kind)
            return msgspec.convert(raw, kind, strict=kind is str)
        except msgspec.ValidationError as error:
            self.problem(path, _lower(str(error)))
        except (ValueError, TypeError) as error:  # TypeError: what cannot be looked up, a list for one
            told = isinstance(error, ValueError) and (_may_be_shown(raw) or issubclass(kind, dict))
            self.problem(path, str(error) if told else f"expected one value, got {_describe(raw)}")
        return _WRONG

    def _parsed(self, raw: object, kind: type[_Parsed]) -> object:
        value = kind.parse(raw)
        return value.within(self._folder) if isinstance(value, FilePath) else value


def place(path: str, key: object) -> str:
    """Where a key of the mapping at ``path`` is, in words."""
    return _join(path, shown_key(key))


def shown_key(key: object) -> str:
    """A key; of what is no plain word only the beginning, as in ``credentials:s3cret`` without its space."""
    text = str(key)
    word = _WORD.match(text)
    beginning = word[0] if word else ""
    return text if text and text == beginning else f"{beginning}…"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _one_line(sentence: str) -> str:
    """The sentence with nothing in it that a terminal cannot show, or that would begin another line."""
    text = sentence if len(sentence) <= _LONGEST_SENTENCE else f"{sentence[:_LONGEST_SENTENCE]}…"
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _hint(key: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}"


def _may_be_shown(raw: object) -> bool:
    """Whether a sentence may repeat a value: keys and values in a wrong place may hold a secret."""
    return all(isinstance(part, (str, int, float)) for part in (raw if isinstance(raw, list) else [raw]))


def _shown(raw: object) -> str:
    return repr(raw) if _may_be_shown(raw) else _describe(raw)


def _describe(raw: object) -> str:
    names: dict[type, str] = {
        dict: "keys and values",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "nothing",
        int: "a number",
        float: "a number",
    }
    return names.get(type(raw), "a date, a set or bytes")


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
