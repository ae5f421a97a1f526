"""The Dockerfile: no complaint of hadolint, and an image that needs no shell, no root and no writable root."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

import click
import httpx
import pytest

from exporter import __version__
from exporter.cli import main
from tests.deploy.manifests import BASE, pod
from tests.deploy.stack import free_port
from tests.e2e.processes import CONFIG, exporter

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """Every instruction: its word and the rest, continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, FROM first."""
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def last(word: str) -> str:
    """The rest of the only instruction with this word in the image that is run."""
    (found,) = [rest for name, rest in stages()[-1] if name == word]
    return found


def copied() -> list[str]:
    """What is copied out of the repository."""
    rests = [rest.split() for name, rest in instructions() if name == "COPY" and "--from=" not in rest]
    return [source for *sources, _ in rests for source in sources]


def healthcheck(port: int) -> int:
    """The exit code of the image's healthcheck, run as it is with another port."""
    test = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert test[0] == "python"
    arguments = [argument.replace("10777", str(port)) for argument in test[1:]]
    return subprocess.run([sys.executable, *arguments], capture_output=True, timeout=30).returncode


def test_hadolint() -> None:
    """Hadolint has nothing to say, with no rule ignored."""
    done = subprocess.run(
        [Path(sys.executable).parent / "hadolint", "--no-color", DOCKERFILE], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "hadolint ignore" not in DOCKERFILE.read_text(encoding="utf-8")


def test_base_image_is_pinned() -> None:
    """Both stages are on one image with a full version, of the oldest Python that is supported."""
    (image,) = [rest.partition("=")[2] for name, rest in instructions() if name == "ARG"]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", image)
    assert [stage[0][1].split()[0] for stage in stages()] == ["${PYTHON_IMAGE}"] * 2


def test_user_is_numeric() -> None:
    """Kubernetes can see that it is not root, and it is the user that the manifests have."""
    context = pod()["securityContext"]
    assert last("USER") == f"{context['runAsUser']}:{context['runAsGroup']}" == "65532:65532"


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD"])
def test_no_shell_at_run_time(word: str) -> None:
    """Programs are started as they are: signals reach the exporter."""
    assert all(isinstance(part, str) for part in json.loads(last(word)))


def test_command_is_one() -> None:
    """The default command is one of the exporter's, with an option that it has."""
    command, option = json.loads(last("CMD"))
    assert option.partition("=")[0] in {name for one in main.commands[command].params for name in one.opts}
    assert isinstance(main.commands[command], click.Command)


def test_nothing_is_installed_without_a_hash() -> None:
    """Every pip install takes the lock file and its hashes, and builds nothing."""
    installs = [rest for name, rest in instructions() if name == "RUN" and " install " in rest]
    assert len(installs) == 1
    assert {"--require-hashes", "--only-binary=:all:", "--no-cache-dir"} <= set(installs[0].split())


def test_labels() -> None:
    """The image says what it is, with the version of the package."""
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', last("LABEL")))
    assert labels.keys() == {"title", "description", "version", "licenses"}
    assert labels["version"] == __version__


def test_the_build_context_has_what_is_copied() -> None:
    """.dockerignore lets through what the Dockerfile copies, and nothing else."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert lines[0] == "*"
    assert sorted(line.removeprefix("!") for line in lines if line.startswith("!")) == sorted(copied())
    assert [name for name in copied() if not (ROOT / name).exists()] == []
    assert any(fnmatch.fnmatch("exporter/__pycache__", line) for line in lines[1:])


def test_the_state_has_its_place() -> None:
    """The folder of the state belongs to the user, so that a new volume there does, too."""
    chowned = [rest for name, rest in stages()[-1] if name == "COPY" and "--chown=65532:65532" in rest]
    assert [rest.split()[-1] for rest in chowned] == ["/var/lib/pipeline-exporter"]
    assert "path: /var/lib/pipeline-exporter/state.db" in (BASE / "config.yml").read_text(encoding="utf-8")


async def test_healthcheck(tmp_path: Path) -> None:
    """It succeeds on a running exporter, though a control plane is down, and fails where nothing listens."""
    (tmp_path / "config.yml").write_text(CONFIG.format(url=f"http://127.0.0.1:{free_port()}"))
    async with exporter(tmp_path / "config.yml") as (page, _):
        port = httpx.URL(page).port
        assert port is not None
        assert healthcheck(port) == 0
    assert healthcheck(free_port()) != 0
