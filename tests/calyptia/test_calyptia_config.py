"""The keys of a Calyptia source: one way in, a project that is known, and which errors say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.config.file import parse
from exporter.demo.calyptia import World
from exporter.errors import ConfigError, Unauthorized
from exporter.sources.calyptia.config import CalyptiaConfig
from exporter.sources.calyptia.token import project_of
from tests.calyptia.harness import Open

PROJECT = "3f0e8f0a-6f3f-4a53-9d0c-0d3c3c6a2b11"
TOKEN = "eyJUb2tlbklEIjoiYSIsIlByb2plY3RJRCI6IjNmMGU4ZjBhLTZmM2YtNGE1My05ZDBjLTBkM2MzYzZhMmIxMSJ9.c2lnbmF0dXJl"
ONE_WAY_IN = "sources[0]: give exactly one of project_token, project_token_file and authorization"

BAD: list[tuple[str, str]] = [
    ("", ONE_WAY_IN),
    (f"project_token: {TOKEN}, authorization: {{credentials: x}}", ONE_WAY_IN),
    (f"project_token: {TOKEN}, project_token_file: /dev/null", ONE_WAY_IN),
    ("project_token_file: /nowhere", "sources[0].project_token_file: cannot read /nowhere: No such file or directory"),
    (
        "project_token: nonsense",
        "sources[0].project_token: carries no project id; is it a project token? else give project_id",
    ),
    (
        "authorization: {credentials: x}",
        "sources[0].project_id: is missing; a user's token does not tell the project, a project token does",
    ),
    ("project_token: x, project_id: me", "sources[0].project_id: 'me' is not the id of a project, which is a UUID"),
    (f"project_token: {TOKEN}, page_size: 0", "sources[0].page_size: 0 is not a whole number from 1 to 10000"),
    (f"project_token: {TOKEN}, traces: {{include: ['(']}}", "sources[0].traces.include[0]: '(' is not a regular …"),
]

GOOD = [
    f"project_token: {TOKEN}",
    f"project_token: opaque, project_id: {PROJECT}",
    f"authorization: {{credentials: jwt}}, project_id: {PROJECT}",
    f"project_token: {TOKEN}, traces: {{}}, page_size: 10000",
]


def config(keys: str) -> CalyptiaConfig:
    """A source with these keys."""
    text = f"sources: [{{name: edge, type: calyptia, url: 'http://h', {keys}}}]"
    [source] = parse(text, {"calyptia": CalyptiaConfig}, environ={}, folder=Path()).sources
    assert isinstance(source, CalyptiaConfig)
    return source


@pytest.mark.parametrize(("keys", "sentence"), BAD)
def test_what_is_refused(keys: str, sentence: str) -> None:
    """One sentence, which names the place and the mend and never a token."""
    with pytest.raises(ConfigError) as caught:
        config(keys)
    [problem] = caught.value.problems
    assert problem == sentence or (sentence.endswith("…") and problem.startswith(sentence[:-1]))
    assert "nonsense" not in problem


@pytest.mark.parametrize("keys", GOOD)
def test_what_is_accepted(keys: str) -> None:
    """Each way in, and a token that is printed as ``<secret>``."""
    found = config(keys)
    assert TOKEN not in repr(found)
    assert "jwt" not in repr(found)


TOKENS = [
    (TOKEN, PROJECT), (f"  {TOKEN}\n", PROJECT), (TOKEN.split(".")[0], None), (f"{TOKEN}.c2ln", None), ("", None),
    ("bm8gSlNPTg.c2ln", None), ("e30.c2ln", None), ("%%%.c2ln", None), ("eyJQcm9qZWN0SUQiOiJ4In0.c2ln", None),
    ("eyJQcm9qZWN0SUQiOjV9.c2ln", None), ("ä.ö", None), ("WzFd.c2ln", None),
]  # fmt: skip


@pytest.mark.parametrize(("token", "project"), TOKENS)
def test_the_project_of_a_token(token: str, project: str | None) -> None:
    """base64url without padding of JSON with a UUID, a dot, a signature; anything else tells nothing."""
    assert project_of(token) == project


async def test_a_bearer_token_opens_too(world: World, opened: Open) -> None:
    """A user's token goes into Authorization; the project is told by the config."""
    world.add_pipeline("orders")
    authorization = {"credentials": world.user_token}
    async with opened(project_token=None, authorization=authorization, project_id=world.project_id) as reading:
        await reading.run()
    assert len(reading.facts.pipelines) == 1


async def test_a_token_that_was_rotated_is_taken_from_its_file(world: World, opened: Open, tmp_path: Path) -> None:
    """Between rotation and the new file the source is unauthorized; then it goes on, nothing is lost."""
    file = tmp_path / "token"
    file.write_text(world.project_token + "\n")
    pipeline = world.add_pipeline("orders")
    async with opened(project_token=None, project_token_file=str(file)) as reading:
        await reading.run()
        old = world.project_token
        new = world.rotate_token()
        with pytest.raises(Unauthorized) as caught:
            await reading.run()
        assert old[:8] not in str(caught.value)
        world.report(pipeline, "STARTED")
        file.write_text(new)
        await reading.run()
    assert reading.value("pipeline_events_total") == 1


async def test_a_file_without_a_token_is_a_clear_error(opened: Open, tmp_path: Path) -> None:
    """No project id, no request: the error says what to do."""
    file = tmp_path / "token"
    file.write_text("opaque")
    async with opened(project_token=None, project_token_file=str(file)) as reading:
        with pytest.raises(Unauthorized, match="carries no project id; is it a project token"):
            await reading.run()
        assert not reading.requests
