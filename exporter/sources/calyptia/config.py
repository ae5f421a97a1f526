"""The keys that a Calyptia source has beside those of every source."""

from __future__ import annotations

import uuid

from exporter.config import Selection, SourceConfig, missing_file
from exporter.config.units import FilePath, Secret, WholeNumber
from exporter.sources.calyptia.token import project_of

_SCHEMES = ("project_token", "project_token_file", "authorization")


class ProjectId(str):
    """The id of a project: a UUID."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> ProjectId:
        """Raise ValueError with a sentence if ``raw`` is no UUID."""
        try:
            return cls(uuid.UUID(str(raw)))
        except ValueError:
            raise ValueError(f"{raw!r} is not the id of a project, which is a UUID") from None


class PageSize(WholeNumber):
    """How many pipelines are asked for at a time."""

    least = 1
    most = 10_000


class CalyptiaConfig(SourceConfig, frozen=True, kw_only=True):
    """A project of a Calyptia Core cloud, opened by a project token or, second best, by a user's bearer token."""

    compared = frozenset({*_SCHEMES, "project_id"})

    project_token: Secret | None = None
    project_token_file: FilePath | None = None
    project_id: ProjectId | None = None
    page_size: PageSize = PageSize(1024)
    traces: Selection | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Exactly one way in, and a project that is known by its id or by the token."""
        if sum(getattr(self, scheme) is not None for scheme in _SCHEMES) != 1:
            return [("", f"give exactly one of {', '.join(_SCHEMES[:-1])} and {_SCHEMES[-1]}")]
        return missing_file("project_token_file", self.project_token_file) or self._unknown_project()

    def _unknown_project(self) -> list[tuple[str, str]]:
        if self.project_id is not None:
            return []
        if self.authorization is not None:
            return [("project_id", "is missing; a user's token does not tell the project, a project token does")]
        if self.project_token is not None and project_of(self.project_token.reveal()) is None:
            return [("project_token", "carries no project id; is it a project token? else give project_id")]
        return []
