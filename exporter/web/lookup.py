"""From the words of a URL to the pipeline they name; what is not there says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import TypeVar

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException

from exporter.model import Pipeline
from exporter.web.board import POLL, Board, SourceBoard
from exporter.web.query import parse
from exporter.web.words import clipped

REST = "rest"
"""The rest of a path as a parameter, with whatever is in it; Starlette's own kind ends at a line break."""

Q = TypeVar("Q", bound=msgspec.Struct)

_LONGEST = 200
_SOONEST_SECONDS = 5


class _Rest(Convertor[str]):
    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor(REST, _Rest())


def query(items: Iterable[tuple[str, str]], kind: type[Q]) -> Q:
    """The parameters as a value; HTTPException with 400 if one is wrong."""
    try:
        return parse(items, kind)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


def known_source(sources: Sequence[SourceBoard], name: str) -> None:
    """HTTPException with 400 if a filter names a source that is not there."""
    if name and name not in (source.name for source in sources):
        names = ", ".join(source.name for source in sources) or "none"
        raise HTTPException(400, f"There is no source {clipped(name, _LONGEST)!r}; configured: {names}.")


def _later(source: SourceBoard, sentence: str) -> HTTPException:
    """503, to be asked again when the source will have been polled again."""
    return HTTPException(503, sentence, {"retry-after": str(max(_SOONEST_SECONDS, ceil(source.poll_interval)))})


def find(board: Board, source: str, pipeline: str) -> tuple[SourceBoard, Pipeline]:
    """A pipeline by the names in its path; HTTPException with 404, or with 503 if its facts may not be shown."""
    found = next((each for each in board.sources() if each.name == source), None)
    if found is None:
        raise HTTPException(404, f"There is no source {clipped(source, _LONGEST)!r} in the configuration.")
    if found.hidden:
        reason = found.problems.get(POLL, "no answer")
        raise _later(found, f"What is known of source {found.name!r} is too old to be shown ({reason}).")
    if pipeline in found.pipelines:
        return found, found.pipelines[pipeline]
    if found.up is None:
        raise _later(found, f"Source {found.name!r} has not been read yet; try again in a moment.")
    sentence = (
        f"Source {found.name!r} has no pipeline {clipped(pipeline, _LONGEST)!r}: "
        "it was deleted, is not selected by the configuration, or the identity is another one."
    )
    raise HTTPException(404, sentence)
