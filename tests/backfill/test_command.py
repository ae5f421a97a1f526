"""``pipeline-exporter backfill`` as a user runs it: errors, exit codes, and what is written all the same."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
from pathlib import Path

import pytest

from exporter.backfill.plan import Plan, plan
from tests.e2e.harness import app_of, immediate_world, serving
from tests.e2e.processes import COMMAND, CONFIG, ROOT, command

UNREACHABLE = "http://127.0.0.1:1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config whose source cannot be reached."""
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(url=UNREACHABLE))
    return path


def test_options_make_a_plan() -> None:
    """Durations as in Prometheus, labels as name=value."""
    made = plan(Path("out"), step="90s", max_age="2d", labels=("job=x", "instance=host:1=2"))
    assert made == Plan(Path("out"), 90, 172800.0, (("job", "x"), ("instance", "host:1=2")))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"step": "6m"}, "--step: must be whole seconds, 5m at most: Prometheus takes an older sample for stale"),
        ({"step": "500ms"}, "--step: must be whole seconds, 5m at most: Prometheus takes an older sample for stale"),
        ({"step": "0s"}, "--step: must be above 0s"),
        ({"max_age": "old"}, "--max-age: 'old' is not a duration; write it as in Prometheus: 15s, 5m, 1h30m"),
        ({"labels": ("job",)}, "--label: 'job' is no label; write it as name=value"),
        ({"labels": ("a-b=c",)}, "--label: 'a-b=c' is no label; write it as name=value"),
        ({"labels": ("__name__=c",)}, "--label: '__name__=c' is no label; write it as name=value"),
        ({"labels": ("status=x",)}, "--label: status is a label that the series have already"),
        ({"labels": ("a=1", "a=2")}, "--label: a name is given twice"),
    ],
)
def test_a_bad_option_is_one_sentence(options: dict[str, object], sentence: str) -> None:
    """The sentence names the option."""
    with pytest.raises(ValueError, match=r"^--") as caught:
        plan(Path("out"), **{"step": "1m", "max_age": "1y", "labels": (), **options})  # type: ignore[arg-type]
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("output", "reason"),
    [("none/out.om", "{folder}/none is no directory"), (".", "it is no regular file")],
)
def test_an_output_that_cannot_be_written_is_one_sentence(config: Path, output: str, reason: str) -> None:
    """It is said before anything is read."""
    path = config.parent / output
    done = command("backfill", f"--config.file={config}", f"--output={path}")
    assert done.returncode == 1
    assert done.stderr == f"{path}: cannot be written: {reason.format(folder=config.parent)}\n"


def test_nothing_read_leaves_the_old_file(config: Path) -> None:
    """A control plane that is down is reported and does not cost the file of yesterday."""
    output = config.parent / "out.om"
    output.write_text("old")
    done = command("backfill", f"--config.file={config}", f"--output={output}")
    assert done.returncode == 1
    assert done.stdout == f"nothing to write: {output} is as it was\n"
    assert done.stderr.splitlines()[-1] == "not everything could be read: prod: poll: connection"
    assert output.read_text() == "old"


async def test_a_source_that_fails_does_not_cost_the_others(tmp_path: Path) -> None:
    """What could be read is written; the failure is named, and the exit code is 1."""
    config, output = tmp_path / "config.yml", tmp_path / "out.om"
    async with serving(app_of(immediate_world())) as url:
        config.write_text(CONFIG.format(url=url) + f"  - {{name: down, type: feldera, url: '{UNREACHABLE}'}}\n")
        done = await asyncio.to_thread(command, "backfill", f"--config.file={config}", f"--output={output}")
    assert done.returncode == 1
    assert "pipelines:  1\n" in done.stdout
    assert "not everything could be read: down: poll: connection" in done.stderr
    text = output.read_text()
    assert 'pipeline_health{source="prod",' in text
    assert text.endswith("# EOF\n")


async def test_families_that_are_excluded_are_not_written(tmp_path: Path) -> None:
    """The live page and the past have the same families."""
    config, output = tmp_path / "config.yml", tmp_path / "out.om"
    async with serving(app_of(immediate_world())) as url:
        config.write_text(CONFIG.format(url=url) + "metrics: {exclude: ['pipeline_(storage|program)_status']}\n")
        done = await asyncio.to_thread(command, "backfill", f"--config.file={config}", f"--output={output}")
    assert (done.returncode, done.stderr) == (0, "")
    heads = [line.split()[2] for line in output.read_text().splitlines() if line.startswith("# TYPE")]
    assert heads == [
        "pipeline_resources_status", "pipeline_runtime_status", "pipeline_deployment_has_error", "pipeline_health",
    ]  # fmt: skip


async def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    """The bar is on standard error only, and only if that is a terminal."""
    config, output = tmp_path / "config.yml", tmp_path / "out.om"
    async with serving(app_of(immediate_world())) as url:
        config.write_text(CONFIG.format(url=url))
        arguments = (*COMMAND, "backfill", f"--config.file={config}", f"--output={output}")
        shown, stdout = await asyncio.to_thread(on_terminal, arguments)
    assert "writing" in shown
    assert stdout.startswith("pipelines:  1\n")


def on_terminal(arguments: tuple[str, ...]) -> tuple[str, str]:
    """What a command writes to standard error, a terminal, and to standard output."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, env=environ, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    return shown, done.stdout.decode()
