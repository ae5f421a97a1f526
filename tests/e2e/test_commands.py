"""The commands as a user runs them: real processes, exit codes, output, signals."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
from pathlib import Path

import httpx
import pytest

from tests.e2e.processes import COMMAND, CONFIG, after, command, exporter, process, simulated

UNREACHABLE = "http://127.0.0.1:1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config whose source cannot be reached."""
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(url=UNREACHABLE))
    return path


def test_help_names_every_command() -> None:
    """``--help`` is the first thing a newcomer sees."""
    shown = command("--help")
    assert shown.returncode == 0
    for name in ("run", "check-config", "once", "demo", "demo-server"):
        assert re.search(rf"^  {name} ", shown.stdout, re.MULTILINE), name


def test_a_good_config_is_checked_with_exit_0(config: Path) -> None:
    """``check-config`` says what it found and exits 0; nothing is contacted."""
    shown = command("check-config", f"--config.file={config}")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "prod (feldera)" in shown.stdout


@pytest.mark.parametrize("name", ["check-config", "run", "once"])
def test_a_bad_config_gets_every_error_and_exit_1(tmp_path: Path, name: str) -> None:
    """Every error in one run, a sentence a line with its place; nothing is started."""
    path = tmp_path / "bad.yml"
    path.write_text("sources:\n  - {name: a, type: feldera, url: nowhere, poll_intervall: 1s}\nstale_after: soon\n")
    shown = command(name, f"--config.file={path}")
    assert shown.returncode == 1
    assert shown.stderr.splitlines() == [
        "sources[0].poll_intervall: unknown key; did you mean poll_interval?",
        "sources[0].url: 'nowhere' is not a URL; write it as http://host:port or https://host",
        "stale_after: 'soon' is not a duration; write it as in Prometheus: 15s, 5m, 1h30m",
    ]
    assert shown.stdout == ""


def test_a_config_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """No traceback for a wrong path."""
    shown = command("run", f"--config.file={tmp_path / 'none.yml'}")
    assert shown.returncode == 1
    assert shown.stderr == f"{tmp_path / 'none.yml'}: cannot be read: No such file or directory\n"


def test_once_fails_with_the_page_when_a_source_cannot_be_read(config: Path) -> None:
    """``once`` prints what there is, tells of the failure on standard error, and exits 1."""
    shown = command("once", f"--config.file={config}")
    assert shown.returncode == 1
    assert 'pipeline_exporter_source_up{source="prod"} 0.0' in shown.stdout
    assert 'reason="connection",source="prod",task="poll"} 1.0' in shown.stdout
    assert "Traceback" not in shown.stderr


async def test_once_prints_the_page_with_history(tmp_path: Path) -> None:
    """``once`` reads statuses, history and platform, and exits 0."""
    path = tmp_path / "config.yml"
    async with simulated() as url:
        path.write_text(CONFIG.format(url=url))
        shown = await asyncio.to_thread(command, "once", f"--config.file={path}")
    assert shown.returncode == 0, shown.stderr
    assert len(re.findall(r"(?m)^pipeline_info\{", shown.stdout)) == 12
    assert len(re.findall(r"(?m)^pipeline_last_event_timestamp_seconds\{", shown.stdout)) == 12
    assert "pipeline_platform_info{" in shown.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_stop_cleanly(config: Path, number: signal.Signals) -> None:
    """SIGTERM and SIGINT end the process within ten seconds with exit 0."""
    async with exporter(config) as (_, running):
        running.send_signal(number)
        assert await asyncio.wait_for(running.wait(), 10) == 0


async def test_sighup_loads_the_config_again_and_a_bad_one_keeps_the_old(tmp_path: Path) -> None:
    """A new source appears, a gone one disappears; with a bad file everything goes on, and a metric tells."""
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(url=UNREACHABLE))
    async with exporter(path) as (address, running), httpx.AsyncClient() as client:

        async def until(text: str, *, without: str = "") -> str:
            for _ in range(200):
                page = (await client.get(address)).text
                if text in page and not (without and without in page):
                    return page
                await asyncio.sleep(0.05)
            raise AssertionError(f"{text} did not appear, or {without} did not go")

        await until('pipeline_exporter_source_up{source="prod"}')
        path.write_text("sources: [{name: other, type: feldera}]")
        running.send_signal(signal.SIGHUP)
        page = await until("pipeline_exporter_config_last_reload_successful 0.0")
        assert 'pipeline_exporter_source_up{source="prod"}' in page
        path.write_text(CONFIG.format(url=UNREACHABLE).replace("prod", "other"))
        running.send_signal(signal.SIGHUP)
        await until("pipeline_exporter_config_last_reload_successful 1.0")
        await until('pipeline_exporter_source_up{source="other"}', without='source="prod"')


def test_an_address_in_use_is_one_sentence(config: Path) -> None:
    """No traceback when the port is taken or is none."""
    shown = command("run", f"--config.file={config}", "--web.listen-address=nonsense")
    assert (shown.returncode, shown.stderr.count("\n")) == (1, 1)
    assert "is not an address" in shown.stderr


async def test_demo_prints_the_addresses_to_open_and_ends_by_itself() -> None:
    """``demo`` shows where to look, serves pipelines of every kind, and stops after its duration."""
    demo = (*COMMAND, "demo", "--web.listen-address=127.0.0.1:0", "--duration=6")
    async with process(*demo, ready=after("metrics: ")) as (address, running), httpx.AsyncClient() as client:
        for _ in range(100):
            page = (await client.get(address)).text
            if "pipeline_last_event_timestamp_seconds{" in page:
                break
            await asyncio.sleep(0.05)
        for health in ("healthy", "failed", "transitioning", "idle"):
            assert re.search(rf'(?m)^pipeline_health\{{.*health="{health}"\}} 1$', page), health
        assert await asyncio.wait_for(running.wait(), 20) == 0


async def test_without_a_place_for_the_state_the_exporter_runs_from_memory_and_says_so(tmp_path: Path) -> None:
    """A folder that is not there costs the memory of counters, not the exporter."""
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(url=UNREACHABLE) + f"state: {{path: {tmp_path / 'nowhere' / 'state.db'}}}\n")
    async with exporter(path) as (address, _), httpx.AsyncClient() as client:
        page = (await client.get(address)).text
    assert "pipeline_exporter_state_last_write_successful 0.0" in page


def test_a_state_file_of_another_program_is_one_sentence(tmp_path: Path) -> None:
    """Exit 1 with what to do; the file is untouched."""
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE precious (x)")
    connection.close()
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(url=UNREACHABLE) + f"state: {{path: {tmp_path / 'other.db'}}}\n")
    shown = command("run", f"--config.file={path}", "--web.listen-address=127.0.0.1:0")
    assert shown.returncode == 1
    assert shown.stderr == f"state.path: {tmp_path / 'other.db'} is another program's database; name another file\n"
