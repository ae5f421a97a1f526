"""What one client may take of the server: bytes, seconds and connections; over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from exporter.web.connection import Limits
from exporter.web.server import Server
from tests.guard.served import Answer, Authority, ask, hang_up, large, open_to, request, serving, tls, write

IMPATIENT = Limits(head_seconds=0.5, body_seconds=0.5, write_seconds=0.5, look_seconds=0.05)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the server ends the connection."""
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except (ConnectionError, ssl.SSLError):
        return b""


async def emptied(server: Server) -> None:
    """Wait until no connection is left."""
    async with asyncio.timeout(20):
        while server.server_state.connections:
            await asyncio.sleep(0.01)


def test_the_limits() -> None:
    """What holds unless somebody changes it."""
    limits = Limits()
    assert (limits.connections, limits.head_bytes) == (512, 16384)
    assert (limits.head_seconds, limits.idle_seconds, limits.write_seconds) == (10, 75, 30)


HEADS = {
    "many headers in one piece": [f"X-{number}: {'x' * 100}" for number in range(170)],
    "one long header": [f"X: {'x' * 16400}"],
}


@pytest.mark.parametrize("case", HEADS)
async def test_a_long_head_is_431(case: str) -> None:
    """Whether it comes in one piece or in many, and the server goes on."""
    async with serving() as (port, _):
        assert (await ask(port, "GET / HTTP/1.1", *HEADS[case])).status == 431
        assert await _in_pieces(port, request("GET / HTTP/1.1", *HEADS[case])) in (431, 0)  # 0: closed while we wrote
        assert (await ask(port, "GET / HTTP/1.1", f"X: {'x' * 16_000}")).status == 200


async def test_a_head_without_an_end_is_refused() -> None:
    """What is not read any more is closed, and nothing of it is kept."""
    async with serving() as (port, server):
        assert (await ask(port, "GET / HTTP/1.1", f"X: {'x' * 3_000_000}")).status in (431, 0)
        await emptied(server)


async def _in_pieces(port: int, raw: bytes) -> int:
    reader, writer = await open_to(port)
    writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(raw), 1000):
        writer.write(raw[start : start + 1000])
        await asyncio.sleep(0.001)
    status = Answer(await ended(reader)).status
    await hang_up(writer)
    return status


@pytest.mark.parametrize("line", ["GET", "G\x00T / HTTP/1.1", f"GET /{'x' * 17_000} HTTP/1.1", "GET /caf\xe9 HTTP/1.1"])
async def test_what_is_no_request_is_refused(line: str) -> None:
    """400, or 431 for a long line, and nothing in the log that a client could fill it with."""
    async with serving() as (port, _):
        assert (await ask(port, line)).status in (400, 431)
        assert (await ask(port)).status == 200


async def test_nonsense_in_a_body_while_an_answer_is_under_way() -> None:
    """The connection ends, and the server goes on."""
    async with serving(large(10_000_000)) as (port, server):
        reader, writer = await open_to(port)
        writer.write(request("POST / HTTP/1.1", "Transfer-Encoding: chunked") + b"0\r\n\r\n" + b"\x00junk\r\n\r\n")
        assert Answer(await ended(reader)).status == 200
        await hang_up(writer)
        await emptied(server)


SLOW: dict[str, Callable[[], bytes]] = {
    "says nothing": lambda: b"",
    "half a line": lambda: b"GET / HT",
    "half a head": lambda: b"GET / HTTP/1.1\r\nHost: x\r\n",
    "no body": lambda: request("POST / HTTP/1.1", "Content-Length: 10"),
}


@pytest.mark.parametrize("case", SLOW)
async def test_a_client_that_does_not_send_is_left(case: str) -> None:
    """After the patience is over the connection ends by itself; one that asked a whole request was answered."""
    async with serving(limits=IMPATIENT) as (port, server):
        reader, writer = await open_to(port)
        writer.write(SLOW[case]())
        assert await ended(reader) == b""
        await hang_up(writer)
        await emptied(server)


async def test_a_client_that_sends_a_byte_now_and_then_is_left() -> None:
    """The patience is for the whole head: a byte more does not buy more of it."""
    async with serving(limits=IMPATIENT) as (port, server):
        begin = time.monotonic()
        reader, writer = await open_to(port)
        trickle = asyncio.create_task(_trickle(writer))
        assert await ended(reader) == b""
        trickle.cancel()
        await hang_up(writer)
        await emptied(server)
        assert time.monotonic() - begin >= 0.5


async def _trickle(writer: asyncio.StreamWriter, pause: float = 0.05) -> None:
    for byte in request("GET / HTTP/1.1", f"X: {'x' * 10_000}"):
        writer.write(bytes([byte]))
        await asyncio.sleep(pause)


async def test_the_second_request_has_patience_of_its_own() -> None:
    """Waiting between two requests is no crime; half of the second is."""
    async with serving(limits=IMPATIENT) as (port, server):
        reader, writer = await open_to(port)
        for _ in range(2):
            writer.write(request())
            assert Answer(await asyncio.wait_for(reader.readuntil(b"hello"), 20)).status == 200
            await asyncio.sleep(1)
        writer.write(b"GET /")
        assert await ended(reader) == b""
        await hang_up(writer)
        await emptied(server)


async def test_an_idle_connection_ends() -> None:
    """Kept alive for a while, then closed by the server without an error."""
    async with serving(limits=Limits(idle_seconds=1)) as (port, server):
        reader, writer = await open_to(port)
        writer.write(request())
        assert Answer(await ended(reader)).body == b"hello"
        await hang_up(writer)
        await emptied(server)


Scheme = tuple[Path | None, ssl.SSLContext | None]


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest, tmp_path: Path) -> Scheme:
    """A web config file and a client's TLS, or neither."""
    if request.param == "http":
        return None, None
    authority = Authority(tmp_path)
    authority.issue("localhost")
    return write(tmp_path, tls_server_config=tls()), authority.client()


async def test_a_client_that_does_not_read_is_left(scheme: Scheme) -> None:
    """It holds little memory while it is waited for, and then none: the connection is gone."""
    web, client = scheme
    async with serving(large(20_000_000), web=web, limits=IMPATIENT) as (port, server):
        _reader, writer = await open_to(port, client)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request())
        unsent = 0
        async with asyncio.timeout(20):
            while server.server_state.connections or not unsent:
                for connection in server.server_state.connections:
                    unsent = max(unsent, connection.transport.get_write_buffer_size())
                await asyncio.sleep(0.01)
        assert unsent < 4 * 65536
        await hang_up(writer)


async def test_a_client_that_reads_slowly_gets_everything(scheme: Scheme) -> None:
    """As long as it reads on it is waited for, however long the whole takes."""
    web, client = scheme
    limits = Limits(write_seconds=1.5, look_seconds=0.05)
    async with serving(large(20_000_000), web=web, limits=limits) as (port, _):
        reader, writer = await open_to(port, client)
        writer.write(request("GET / HTTP/1.1", "Connection: close"))
        received, begin = 0, time.monotonic()
        while piece := await asyncio.wait_for(reader.read(200_000), 20):
            received += len(piece)
            await asyncio.sleep(0.02)
        await hang_up(writer)
    assert received > 20_000_000
    assert time.monotonic() - begin > 1.5


async def test_a_slow_client_that_is_to_be_closed_is_left_too() -> None:
    """Half a buffer that nobody reads does not keep a connection for ever once the answer is complete."""
    limits = Limits(write_seconds=0.5, look_seconds=0.05, idle_seconds=1, buffered_bytes=100_000_000)
    async with serving(large(20_000_000), limits=limits) as (port, server):
        _reader, writer = await open_to(port)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request("GET / HTTP/1.1", "Connection: close"))
        await asyncio.sleep(0.2)
        assert server.server_state.connections
        await emptied(server)
        await hang_up(writer)


async def test_small_answers_are_not_held_back() -> None:
    """Sockets send at once what they have: head and body of a small page would else be 40 ms apart."""
    async with serving() as (port, server):
        _, writer = await open_to(port)
        async with asyncio.timeout(20):
            while not server.server_state.connections:
                await asyncio.sleep(0.01)
        (connection,) = server.server_state.connections
        sock = connection.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await hang_up(writer)


async def test_clients_that_go_away_in_the_middle_of_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is written to a connection that is gone, which asyncio would log for each piece."""
    async with serving(large(30_000_000)) as (port, server):
        for _ in range(10):
            reader, writer = await open_to(port)
            writer.write(request())
            await reader.read(1000)
            await hang_up(writer)
        await emptied(server)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def test_too_many_connections() -> None:
    """More than there is room for are closed at once; when there is room again, clients are served again."""
    async with serving(limits=Limits(connections=3)) as (port, server):
        with structlog.testing.capture_logs() as lines:
            held = [await open_to(port) for _ in range(3)]
            async with asyncio.timeout(20):
                while len(server.server_state.connections) < 3:
                    await asyncio.sleep(0.01)
            assert [(await ask(port)).status for _ in range(3)] == [0, 0, 0]
            held[0][1].write(request("GET / HTTP/1.1", "Connection: close"))
            assert Answer(await ended(held[0][0])).status == 200
            async with asyncio.timeout(20):
                while len(server.server_state.connections) > 2:
                    await asyncio.sleep(0.01)
            assert (await ask(port)).status == 200
        for _, writer in held:
            await hang_up(writer)
    full = {"event": "too many connections; more are closed at once", "log_level": "warning", "limit": 3}
    assert lines == [full]


async def test_handshakes_count_as_connections_and_end(tmp_path: Path) -> None:
    """Clients that begin no TLS take room only for as long as there is patience."""
    authority = Authority(tmp_path)
    authority.issue("localhost")
    web = write(tmp_path, tls_server_config=tls())
    limits = Limits(connections=3, head_seconds=1.0)
    async with serving(web=web, limits=limits) as (port, _):
        held = [await open_to(port) for _ in range(3)]
        await asyncio.sleep(0.2)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            await open_to(port, authority.client())
        for reader, _ in held:
            assert await ended(reader) == b""
        assert (await ask(port, context=authority.client())).status == 200
        for _, writer in held:
            await hang_up(writer)


async def test_slow_clients_do_not_keep_a_scrape_waiting() -> None:
    """A hundred that send a byte now and then, and a hundred that read nothing; a client among them is served."""
    async with serving(large(2_000_000)) as (port, _):
        slow = [await open_to(port) for _ in range(200)]
        trickles = [asyncio.create_task(_trickle(writer, 0.2)) for _, writer in slow[:100]]
        for _, writer in slow[100:]:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(request())
        for _ in range(20):
            assert len((await ask(port)).body) == 2_000_000
        for task in trickles:
            task.cancel()
        for _, writer in slow:
            await hang_up(writer)


async def test_it_stops_with_clients_still_there(caplog: pytest.LogCaptureFixture) -> None:
    """Slow ones, idle ones and ones in the middle of an answer do not hold up the end for long, nor fill the log."""
    async with serving(large(20_000_000)) as (port, _):
        writers = []
        for raw in (b"", b"GET /", request()):
            _, writer = await open_to(port)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(raw)
            writers.append(writer)
        await asyncio.sleep(0.1)
        begin = time.monotonic()
    assert time.monotonic() - begin < 15
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    for writer in writers:
        await hang_up(writer)
