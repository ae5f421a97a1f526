"""Posting to Alertmanagers that refuse, redirect, throttle, break, or ask who is there."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from structlog.testing import capture_logs

from exporter.alerts.alertmanager import pause_after
from exporter.config import Authorization, TlsConfig
from exporter.config.units import FilePath, Interval, Secret
from exporter.model import parse_time
from tests.alerting.bridging import bridging, settings
from tests.alerting.posting import notice, sending_to
from tests.alerting.receivers import Fake, until
from tests.e2e.harness import app_of, immediate_world, serving
from tests.sources.raw import Behaviour, Raw, answer, hanging, resetting

ERROR = "PipelineDeploymentError"


def names(alerts: list[dict[str, Any]]) -> list[str]:
    """The names of posted alerts."""
    return [alert["labels"]["alertname"] for alert in alerts]


def having_read(behaviour: Behaviour) -> Behaviour:
    """A behaviour that comes once the body was there."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"]")
        await behaviour(reader, writer)

    return behave


TAKEN = having_read(answer())


def refusing(status: int, *guilty: str) -> Callable[[list[dict[str, Any]]], int]:
    """Answers with this status to each body that has one of these alerts."""
    return lambda alerts: status if set(guilty) & set(names(alerts)) else 200


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refused_alert_does_not_take_others_with_it(status: int) -> None:
    """The guilty are found by halves, dropped, counted and named once; all others get through, each once."""
    fake = Fake(refusing(status, "a7", "a250"))
    every = [notice(f"a{number}") for number in range(300)]
    with capture_logs() as logs:
        async with serving(fake.app) as url, sending_to(url) as sender:
            sender.put(*every)
            await sender.manager.drained()
            assert sorted(names(fake.taken())) == sorted({f"a{n}" for n in range(300)} - {"a7", "a250"})
            assert (sender.counted("dropped_total"), sender.counted("queue_length")) == (2, 0)
            posts = len(fake.bodies)
            sender.put(*every)
            await sender.manager.drained()
    again = [names(body) for body in fake.bodies[posts:]]
    assert sorted(map(len, again)) == [1, 1, 42, 256], "it is not divided again"
    assert sender.counted("dropped_total") == 4
    assert [line["alertname"] for line in logs if "refuses" in line["event"]] == ["a7", "a250"]


async def test_batches_are_bounded_by_number() -> None:
    """256 alerts a post, none twice."""
    fake = Fake()
    async with serving(fake.app) as url, sending_to(url) as sender:
        sender.put(*(notice(f"a{number}") for number in range(600)))
        await sender.manager.drained()
    assert [len(body) for body in fake.bodies] == [256, 256, 88]
    assert (len(sender.accepted), sender.counted("total"), sender.counted("failed_total")) == (600, 600, 0)


async def test_batches_are_bounded_by_size() -> None:
    """No post is larger than a megabyte, however long the messages are."""
    fake = Fake()
    async with serving(fake.app) as url, sending_to(url) as sender:
        sender.put(*(notice(f"a{number}", message="x" * 100_000) for number in range(30)))
        await sender.manager.drained()
    assert [len(body) for body in fake.bodies] == [10, 10, 10]
    assert max(int(request["content-length"]) for request in fake.requests) <= 2**20


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_a_redirect_is_a_failure(status: int) -> None:
    """It is not followed, so no credentials go elsewhere; the alert waits until somebody takes it in."""
    fake, other = Fake(lambda alerts: status), Fake()
    authorization = Authorization(credentials=Secret("a-token"))
    async with serving(other.app) as elsewhere, serving(fake.app) as url:
        fake.headers = {"location": f"{elsewhere}/api/v2/alerts"}
        async with sending_to(url, authorization=authorization) as sender:
            sender.put(notice("a"))
            await until(lambda: fake.statuses)
            fake.answer = lambda alerts: 200
            await sender.manager.drained()
    assert (other.bodies, names(fake.taken()), sender.counted("failed_total")) == ([], ["a"], 1)


async def test_retry_after_is_kept() -> None:
    """Who asks to be left alone for a while is."""
    raw = Raw(having_read(answer("429 Too Many Requests", Retry_After="1")), TAKEN)
    async with raw.running() as url, sending_to(url) as sender:
        sender.put(notice("a"))
        await sender.manager.drained()
    assert raw.times[1] - raw.times[0] >= 0.95


def test_pauses_are_bounded() -> None:
    """They grow to ten seconds; what is asked for counts up to a minute."""
    pauses = [pause_after(failures, None) for failures in range(1, 2000)]
    assert 0.25 <= pauses[0] <= 0.5
    assert max(pauses) <= 10.0
    assert min(pauses[10:]) >= 5.0
    assert (pause_after(1, 30.0), pause_after(1, 1e9)) == (30.0, 60.0)


@pytest.mark.parametrize(
    "trouble",
    [
        having_read(answer("503 Service Unavailable")),
        having_read(answer("403 Forbidden")),
        having_read(answer("502 Bad Gateway", b"<html>" * 100_000)),
        having_read(resetting),
        hanging,
    ],
    ids=["503", "403", "a page of a proxy", "a reset", "silence"],
)
async def test_what_passes_is_tried_again(trouble: Behaviour) -> None:
    """The alert gets through as soon as it can; one line tells of the trouble, one of its end."""
    raw = Raw(trouble, TAKEN)
    with capture_logs() as logs:
        async with raw.running() as url, sending_to(url) as sender:
            sender.put(notice("a"))
            await sender.manager.drained()
    assert [line["log_level"] for line in logs] == ["warning", "info"]
    assert (sender.counted("total"), sender.counted("failed_total"), len(sender.accepted)) == (2, 1, 1)


@pytest.mark.parametrize("status", [403, 500])
async def test_one_alert_that_is_answered_with_an_error_holds_up_no_other(status: int) -> None:
    """A firewall in front of an Alertmanager does not like one of twenty: the others go through, it waits."""
    fake = Fake(refusing(status, "a7"))
    with capture_logs() as logs:
        async with serving(fake.app) as url, sending_to(url) as sender:
            sender.put(*(notice(f"a{number}") for number in range(20)))
            await until(lambda: len(sender.accepted) == 19, what=lambda: list(map(len, fake.bodies)))
            sender.put(notice("late"))
            await until(lambda: len(sender.accepted) == 20)
            assert sorted(names(fake.taken())) == sorted({f"a{n}" for n in range(20)} - {"a7"} | {"late"})
            assert (sender.counted("dropped_total"), sender.counted("queue_length")) == (0, 1)
            fake.answer = lambda alerts: 200
            await sender.manager.drained()
    assert names(fake.taken()).count("a7") == 1
    assert [line["log_level"] for line in logs] == ["warning", "info"]


async def test_an_alertmanager_that_answered_with_errors_is_told_everything() -> None:
    """Posts become small meanwhile, and large again; nothing is dropped."""
    fake = Fake(lambda alerts: 500)
    async with serving(fake.app) as url, sending_to(url) as sender:
        sender.put(*(notice(f"a{number}") for number in range(600)))
        await until(lambda: len(fake.bodies) == 4)
        fake.answer = lambda alerts: 200
        await sender.manager.drained()
    assert [len(body) for body in fake.bodies[:5]] == [256, 256, 256, 128, 64]
    assert sorted(names(fake.taken())) == sorted(f"a{number}" for number in range(600))
    assert (sender.counted("dropped_total"), len(fake.bodies) < 15) == (0, True)


async def test_an_answer_without_end_is_not_read() -> None:
    """The status says it all: 2xx is success whatever follows."""
    raw = Raw(having_read(answer("202 Accepted", b"x" * 1_000_000)))
    async with raw.running() as url, sending_to(url) as sender:
        sender.put(notice("a"))
        await sender.manager.drained()
    assert sender.accepted == [notice("a").labels]


async def test_tls_with_a_certificate_of_ours() -> None:
    """The server is checked against ``ca_file``, and is shown our certificate."""
    raw, ca = Raw(TAKEN), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = ca.issue_cert("exporter.example")
    with ca.cert_pem.tempfile() as root, ours.private_key_and_cert_chain_pem.tempfile() as pair:
        tls = TlsConfig(ca_file=FilePath(root), cert_file=FilePath(pair), key_file=FilePath(pair))
        async with raw.running(context) as url, sending_to(url, tls_config=tls) as sender:
            sender.put(notice("a"))
            await sender.manager.drained()
    assert len(raw.requests) == 1


async def test_a_stranger_is_told_nothing() -> None:
    """A server that cannot prove itself gets no alert and no credentials; the log says why, not the token."""
    raw, context = Raw(TAKEN), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    authorization = Authorization(credentials=Secret("a-token"))
    with capture_logs() as logs:
        async with raw.running(context) as url, sending_to(url, authorization=authorization) as sender:
            sender.put(notice("a"))
            await until(lambda: sender.counted("failed_total"))
    assert raw.requests == []
    assert [line["reason"] for line in logs] == ["tls"]
    assert "a-token" not in repr(logs)


async def test_a_token_that_is_rotated_is_read_again(tmp_path: Path) -> None:
    """A refused token is no end: the file is read again when it changes."""
    path, fake = tmp_path / "token", Fake()
    path.write_text("first-token\n")
    fake.answer = lambda alerts: 200 if fake.requests[-1]["authorization"] == "Bearer second" else 401
    with capture_logs() as logs:
        async with (
            serving(fake.app) as url,
            sending_to(url, authorization=Authorization(credentials_file=FilePath(path))) as sender,
        ):
            sender.put(notice("a"))
            await until(lambda: fake.statuses)
            path.write_text("second")
            await sender.manager.drained()
    assert (fake.statuses[-1], names(fake.taken())) == (200, ["a"])
    assert "first-token" not in repr(logs)


async def test_a_slow_one_holds_up_no_other() -> None:
    """Each has its own queue and connection."""
    slow, quick = Fake(), Fake()
    slow.delay = 60
    async with (
        serving(slow.app) as first,
        serving(quick.app) as second,
        sending_to(first, timeout=Interval(60)) as held,
        sending_to(second) as free,
    ):
        held.put(notice("a"))
        await until(lambda: slow.bodies)
        free.put(notice("a"))
        await free.manager.drained()
        assert (held.accepted, held.counted("queue_length"), free.counted("queue_length")) == ([], 1, 0)


async def test_what_is_posted_is_a_lease() -> None:
    """Firing ends after the lease unless it is renewed; what is over ended when it did."""
    fake = Fake()
    async with serving(fake.app) as url, sending_to(url) as sender:
        before = time.time()
        sender.put(notice("a", end=1_700_000_100.0), notice("b"))
        await sender.manager.drained()
    ends = {(alert["labels"]["alertname"], parse_time(alert["endsAt"])) for alert in fake.taken()}
    assert ("a", 1_700_000_100.0) in ends
    (lease,) = [end for name, end in ends if name == "b"]
    assert lease is not None
    assert before + 239.9 <= lease <= time.time() + 240.1
    assert {alert["startsAt"] for alert in fake.taken()} == {"2023-11-14T22:13:20.000Z"}


async def test_a_clean_stop_sends_what_waits_and_resolves_nothing() -> None:
    """An Alertmanager that fails until the stop begins still hears of the alert, as firing."""
    world, fake = immediate_world(), Fake(lambda alerts: 503)
    async with serving(fake.app) as am, serving(app_of(world)) as url:
        async with bridging(settings(url, am)):
            world.fail("orders", "RuntimeError.OutOfMemory")
            await until(lambda: any(ERROR in names(body) for body in fake.bodies))
            stopping = time.time()
            fake.answer = lambda alerts: 200
        assert ERROR in names(fake.taken())
        assert all((parse_time(alert["endsAt"]) or 0) > stopping for alert in fake.taken())
