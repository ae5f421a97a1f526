"""TLS of the exporter's own port: real handshakes."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import structlog

from exporter.web.server import listen, url_of
from tests.guard.served import Answer, Authority, ask, hang_up, open_to, replace, request, serving, tls, write

NAMES = ("localhost", "127.0.0.1")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A CA with a certificate for the server, and one of its clients."""
    authority = Authority(tmp_path)
    authority.issue(*NAMES)
    authority.issue("client@example.com", "scraper.example.com", "2001:db8::1", file="client")
    return authority


async def test_https(authority: Authority) -> None:
    """A client that trusts the CA is answered over TLS 1.3; one that does not, or speaks no TLS, is not."""
    web = write(authority.folder, tls_server_config=tls())
    async with serving(web=web) as (port, _):
        assert (await ask(port, context=authority.client())).body == b"hello"
        with pytest.raises(ssl.SSLCertVerificationError):
            await open_to(port, ssl.create_default_context())
        assert (await ask(port)).status == 0
        _reader, writer = await open_to(port, authority.client())
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        await hang_up(writer)


async def test_http2_is_not_promised(authority: Authority) -> None:
    """A client that would like HTTP/2 is told to speak HTTP/1.1."""
    web = write(authority.folder, tls_server_config=tls(), http_server_config={"http2": True})
    context = authority.client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(web=web) as (port, _):
        _, writer = await open_to(port, context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        await hang_up(writer)


CLIENTS = {
    "NoClientCert": {"none": 200, "ours": 200, "foreign": 200},
    "VerifyClientCertIfGiven": {"none": 200, "ours": 200, "foreign": 0},
    "RequireAndVerifyClientCert": {"none": 0, "ours": 200, "foreign": 0},
}


@pytest.mark.parametrize("auth", CLIENTS)
async def test_client_certificates(authority: Authority, auth: str) -> None:
    """Who gets in without a certificate, with one of our CA, and with one of another."""
    other = Authority(authority.folder, "other-ca")
    other.issue("client", file="foreign")
    ca = {} if auth == "NoClientCert" else {"client_ca_file": "ca.pem"}
    web = write(authority.folder, tls_server_config=tls(client_auth_type=auth, **ca))
    leaves = {"none": None, "ours": "client", "foreign": "foreign"}
    async with serving(web=web) as (port, _):
        statuses = {who: (await ask(port, context=authority.client(leaf))).status for who, leaf in leaves.items()}
    assert statuses == CLIENTS[auth]


ALLOWED = [
    (["scraper.example.com"], 200),
    (["client@example.com"], 200),
    (["2001:db8::1"], 200),
    (["nobody", "scraper.example.com"], 200),
    (["example.com"], 0),
    (["SCRAPER.example.com"], 0),
]


async def test_allowed_names_of_clients(authority: Authority) -> None:
    """One of the names in the client's certificate must be one that is allowed, letter by letter; no restart."""
    auth = tls(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem")
    async with serving(web=write(authority.folder, tls_server_config=auth)) as (port, _):
        for allowed, status in ALLOWED:
            write(authority.folder, tls_server_config={**auth, "client_allowed_sans": allowed})
            assert (await ask(port, context=authority.client("client"))).status == status, allowed


@pytest.mark.parametrize(
    ("served", "spoken", "works"),
    [
        ({"min_version": "TLS13"}, "TLSv1_2", False),
        ({"min_version": "TLS13"}, "TLSv1_3", True),
        ({"max_version": "TLS12"}, "TLSv1_2", True),
        ({"max_version": "TLS12"}, "TLSv1_3", False),
        ({}, "TLSv1_2", True),
        ({"cipher_suites": ["TLS_AES_128_GCM_SHA256"]}, "TLSv1_2", False),
    ],
)
async def test_versions(authority: Authority, served: dict[str, object], spoken: str, works: bool) -> None:
    """A client that speaks only one version gets in if that is served."""
    context = authority.client()
    context.minimum_version = context.maximum_version = ssl.TLSVersion[spoken]
    async with serving(web=write(authority.folder, tls_server_config=tls(**served))) as (port, _):
        assert await _works(port, context) == works


@pytest.mark.parametrize(("offered", "works"), [("ECDHE-ECDSA-AES256-GCM-SHA384", True), ("ECDHE+AES128", False)])
async def test_cipher_suites(authority: Authority, offered: str, works: bool) -> None:
    """For TLS 1.2 only what is listed is spoken."""
    context = authority.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(offered)
    section = tls(cipher_suites=["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"])
    async with serving(web=write(authority.folder, tls_server_config=section)) as (port, _):
        assert await _works(port, context) == works


@pytest.mark.parametrize(("offered", "works"), [("secp384r1", True), ("X25519", False)])
async def test_curves(authority: Authority, offered: str, works: bool) -> None:
    """Only the curve that is preferred is spoken."""
    context = authority.client()
    context.set_ecdh_curve(offered)
    section = tls(curve_preferences=["CurveP384"])
    async with serving(web=write(authority.folder, tls_server_config=section)) as (port, _):
        assert await _works(port, context) == works


async def _works(port: int, context: ssl.SSLContext) -> bool:
    try:
        return (await ask(port, context=context)).status == 200
    except OSError:
        return False


async def test_a_certificate_is_rotated_without_a_restart(authority: Authority) -> None:
    """A new connection gets the new certificate; one that is open goes on. Half a rotation changes nothing."""
    web = write(authority.folder, tls_server_config=tls())
    first = (authority.folder / "server.crt").read_text()
    async with serving(web=web) as (port, _):
        reader, writer = await open_to(port, authority.client())
        assert await _shown(port, authority) == ssl.PEM_cert_to_DER_cert(first)
        old_key = (authority.folder / "server.key").read_text()
        second = authority.issue(*NAMES)
        new_key = (authority.folder / "server.key").read_text()
        replace(authority.folder / "server.key", old_key)
        with structlog.testing.capture_logs() as lines:
            shown = [await _shown(port, authority) for _ in range(3)]
        assert set(shown) == {ssl.PEM_cert_to_DER_cert(first)}
        assert [line["event"] for line in lines] == ["the web config file cannot be used; the old one goes on"]
        replace(authority.folder / "server.key", new_key)
        assert await _shown(port, authority) == ssl.PEM_cert_to_DER_cert(second)
        writer.write(request())
        assert Answer(await asyncio.wait_for(reader.readuntil(b"hello"), 20)).status == 200
        await hang_up(writer)


async def _shown(port: int, authority: Authority) -> bytes:
    _, writer = await open_to(port, authority.client())
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    await hang_up(writer)
    return certificate


async def test_rules_for_clients_change_without_a_restart(authority: Authority) -> None:
    """Versions and who is asked for a certificate are those of the file when a connection begins."""
    web = write(authority.folder, tls_server_config=tls())
    async with serving(web=web) as (port, _):
        assert (await ask(port, context=authority.client())).status == 200
        write(
            authority.folder,
            tls_server_config=tls(client_auth_type="RequireAndVerifyClientCert", client_ca_file="ca.pem"),
        )
        assert (await ask(port, context=authority.client())).status == 0
        assert (await ask(port, context=authority.client("client"))).status == 200


async def test_tls_is_not_switched_off_by_a_file(authority: Authority) -> None:
    """A file that lost its TLS section keeps the old one; the sentence says what to do."""
    web = write(authority.folder, tls_server_config=tls())
    async with serving(web=web) as (port, _):
        with structlog.testing.capture_logs() as lines:
            write(authority.folder)
            assert (await ask(port, context=authority.client())).status == 200
    sentence = "tls_server_config: TLS cannot be switched on or off while the exporter runs; restart it"
    assert [line["problems"] for line in lines] == [[f"{web}: {sentence}"]]


async def test_clients_that_go_away_in_the_middle(authority: Authority) -> None:
    """Half a handshake, none at all, or nonsense: the next client is served."""
    async with serving(web=write(authority.folder, tls_server_config=tls())) as (port, _):
        for noise in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", bytes(1000)):
            _, writer = await open_to(port)
            writer.write(noise)
            await hang_up(writer)
        assert (await ask(port, context=authority.client())).status == 200


@pytest.mark.parametrize(("tls_on", "scheme"), [(True, "https"), (False, "http")])
def test_the_url_tells_the_scheme(tls_on: bool, scheme: str) -> None:
    """The printed address opens as it is."""
    with listen("127.0.0.1:0") as sock:
        assert url_of(sock, tls=tls_on) == f"{scheme}://127.0.0.1:{sock.getsockname()[1]}"
