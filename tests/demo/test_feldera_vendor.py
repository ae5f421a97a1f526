"""The vendor's own Python client works against the simulated API, over a real socket."""

from __future__ import annotations

import itertools
import threading
import time
import warnings
from collections.abc import Iterator

import pytest
import uvicorn

from exporter.demo.feldera.api import create_app
from exporter.demo.feldera.delays import Delays
from exporter.demo.feldera.world import World

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from feldera import FelderaClient
    from feldera.enums import PipelineFieldSelector
    from feldera.rest.errors import FelderaAPIError
    from feldera.rest.pipeline import Pipeline

KEY = "apikey:0123456789"


class Served:
    """A world served on a free port of this machine."""

    def __init__(self, world: World, api_key: str | None = None) -> None:
        self.world = world
        config = uvicorn.Config(create_app(world, api_key=api_key), port=0, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Served:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *exception: object) -> None:
        self.world.restart_runner()
        self._server.should_exit = True
        self._thread.join(timeout=5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A served world where everything happens at once."""
    with Served(World(delays=Delays.none()), KEY) as served:
        yield served


@pytest.fixture(scope="module")
def client(served: Served) -> FelderaClient:
    """The vendor's client, connected to it."""
    return FelderaClient(served.url, api_key=KEY)


@pytest.fixture
def running(served: Served) -> str:
    """The name of a new running pipeline."""
    name = f"p{len(served.world.rows())}"
    served.world.create(name)
    served.world.start(name)
    return name


@pytest.mark.parametrize("selector", list(PipelineFieldSelector))
def test_pipelines_by_selector(client: FelderaClient, running: str, selector: PipelineFieldSelector) -> None:
    """The list and the single pipeline agree, whatever the selector."""
    listed = {pipeline.name: pipeline.__dict__ for pipeline in client.pipelines(selector)}
    assert listed[running] == client.get_pipeline(running, selector).__dict__
    assert listed[running]["deployment_status"] == "Running"


def test_pipeline_events(client: FelderaClient, running: str) -> None:
    """The list is newest first; the latest and any other event can be had by themselves, short or long."""
    events = client.get_pipeline_events(running)
    assert events == sorted(events, key=lambda event: (event["recorded_at"], event["event_id"]), reverse=True)
    assert client.get_pipeline_event(running, "latest") == events[0]
    assert client.get_pipeline_event(running, events[-1]["event_id"]) == events[-1]
    extra = client.get_pipeline_events(running, selector="all")[0].keys() - events[0].keys()
    assert extra == {
        "deployment_resources_status_details", "deployment_runtime_status_details", "deployment_error",
        "storage_status_details",
    }  # fmt: skip


def test_cluster_events(client: FelderaClient) -> None:
    """Cluster events can be listed and had one by one."""
    events = client.get_cluster_events()
    assert client.get_cluster_event("latest") == events[0]
    assert client.get_cluster_event(events[-1]["id"], "all")["api_self_info"]


def test_logs_are_replayed_and_followed(client: FelderaClient, served: Served, running: str) -> None:
    """get_pipeline_logs yields the buffer, then what comes, and ends when the runner restarts."""
    stream = client.get_pipeline_logs(running)
    assert "Fresh start of pipeline logs" in next(stream)
    served.world.log(running, "a live line")
    served.world.restart_runner()
    rest = list(stream)
    assert rest[-2:] == ["a live line", "Logs have ended"]


def test_logs_are_resumed_exactly(client: FelderaClient, served: Served, running: str) -> None:
    """A cursor resumes after the last line read; a stale one begins anew without an error."""
    served.world.log(running, *[f"line {number}" for number in range(20)])
    with client.resume_pipeline_logs(running) as stream:
        read = list(itertools.islice(stream, 15))
        cursor = stream.cursor()
    with client.resume_pipeline_logs(running, cursor) as stream:
        read += list(itertools.islice(stream, 10))
        assert stream.position.gap == 0
    buffered = served.world.logbook.of(served.world.find(running)).after(0).decode().split("\n")
    assert read == buffered[:25]
    with client.resume_pipeline_logs(running, "elsewhere:5") as stream:
        assert next(iter(stream)) == read[0]


def test_life_cycle(client: FelderaClient) -> None:
    """Create, start, pause, resume, stop, clear, delete: through the client that waits for each status."""
    created = client.create_pipeline(Pipeline("life", "CREATE TABLE t (i INT);", "", "", {}, {}, tags=["demo"]))
    assert (created.program_status, created.tags) == ("Success", ["demo"])
    client.start_pipeline("life", timeout_s=5)
    client.pause_pipeline("life", timeout_s=5)
    client.resume_pipeline("life", timeout_s=5)
    client.stop_pipeline("life", force=False, timeout_s=5)
    client.start_pipeline_as_paused("life", timeout_s=5)
    client.stop_pipeline("life", force=True, timeout_s=5)
    client.patch_pipeline("life", description="over")
    client.clear_storage("life", timeout_s=5)
    client.delete_pipeline("life")
    with pytest.raises(FelderaAPIError) as refusal:
        client.get_pipeline("life", PipelineFieldSelector.STATUS)
    assert refusal.value.error_code == "UnknownPipelineName"


def test_errors_reach_the_client(client: FelderaClient, served: Served, running: str) -> None:
    """A failed deployment and an illegal action are seen as the client expects them."""
    served.world.fail(running, message="boom")
    failed = client.get_pipeline(running, PipelineFieldSelector.STATUS)
    assert failed.deployment_error == {
        "message": "boom", "error_code": "RuntimeError.WorkerPanic", "details": None,
    }  # fmt: skip
    with pytest.raises(FelderaAPIError) as refusal:
        client.create_pipeline(Pipeline("bad name", "", "", "", {}, {}), wait=False)
    assert refusal.value.error_code == "NameDoesNotMatchPattern"


def test_a_bad_key_is_refused(served: Served) -> None:
    """Without the right key the client cannot even connect."""
    with pytest.raises(FelderaAPIError) as refusal:
        FelderaClient(served.url, api_key="apikey:wrong")
    assert (refusal.value.status_code, refusal.value.error_code) == (401, "AuthenticationFailed")


def test_a_reader_that_leaves_is_forgotten(client: FelderaClient, served: Served, running: str) -> None:
    """A client that closes an idle log stream leaves no follower behind."""
    stream = client.resume_pipeline_logs(running)
    next(iter(stream))
    buffer = served.world.logbook.of(served.world.find(running))
    assert len(buffer.followers) == 1
    stream.close()
    deadline = time.monotonic() + 15
    while buffer.followers and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not buffer.followers


def test_a_firehose_arrives_complete(client: FelderaClient, served: Served, running: str) -> None:
    """At 50,000 lines a second a live reader gets every line once, in order."""
    with client.resume_pipeline_logs(running) as stream:
        lines = iter(stream)
        served.world.firehose(running, 50_000)
        numbers = [int(line.rpartition(" ")[2]) for line in itertools.islice(lines, 30_000) if "flushed batch" in line]
        served.world.firehose(running, 0)
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 29_000
