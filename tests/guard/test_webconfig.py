"""The web config file: what is accepted, and what is said about what is not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import yaml

from exporter.errors import ConfigError
from exporter.web.tls import CIPHERS, CLIENT_AUTH, CURVES, NEWEST_CIPHERS
from exporter.web.watched import WatchedConfig
from exporter.web.webconfig import Users, read
from tests.guard.served import HASH, Authority, replace, tls, write


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with a file, without the file's name, which each sentence begins with."""
    path = folder / "web.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        WatchedConfig(path)
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ").replace(str(folder), "DIR") for problem in caught.value.problems]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "tls_server_config: {}", "basic_auth_users: {}"])
def test_an_empty_file_means_plain_http(tmp_path: Path, text: str) -> None:
    """Nothing is asked of anybody."""
    path = tmp_path / "web.yml"
    path.write_text(text)
    watched = WatchedConfig(path)
    assert not watched.tls
    assert watched.current().context is None
    assert not watched.current().config.basic_auth_users


ONE_PROBLEM = {
    "basic_auth_user: {}": "basic_auth_user: unknown key; did you mean basic_auth_users?",
    "[]": "expected keys and values, got a list",
    "a: b: c": "line 1, column 5: not valid YAML: mapping values are not allowed here",
    "rate_limit: {}\nrate_limit: {}": "line 2, column 1: not valid YAML: key 'rate_limit' twice",
    "tls_server_config: 1": "tls_server_config: expected keys and values, got a number",
    "basic_auth_users: [alice]": "basic_auth_users: expected names and bcrypt hashes",
    "basic_auth_users: {alice: secret}":
        "basic_auth_users.alice: is not a bcrypt hash; make one with: htpasswd -nBC 10 ''",
    "basic_auth_users: {alice: 7}":
        "basic_auth_users.alice: is not a bcrypt hash; make one with: htpasswd -nBC 10 ''",
    f"basic_auth_users: {{7: '{HASH}'}}": "basic_auth_users.7: the name of a user is a text; quote it",
    f"basic_auth_users: {{'a:b': '{HASH}'}}":
        "basic_auth_users.a:b: the name of a user with a colon in it cannot be sent",
    f"basic_auth_users: {{a: '{HASH[:4] + '17' + HASH[6:]}'}}":
        "basic_auth_users.a: has a cost of 17; make a hash with a cost from 4 to 16",
    "http_server_config: {http2: perhaps}": "http_server_config.http2: expected `bool`, got `str`",
    "http_server_config: {headers: {Server: x}}":
        "http_server_config.headers.Server: unknown key; known here: Content-Security-Policy, X-Frame-Options, "
        "X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security",
    "http_server_config: {headers: {X-Frame-Options: allow}}":
        "http_server_config.headers.X-Frame-Options: 'allow' is not deny or sameorigin",
    "http_server_config: {headers: {X-Content-Type-Options: sniff}}":
        "http_server_config.headers.X-Content-Type-Options: 'sniff' is not nosniff",
    'http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb: c"}}':
        "http_server_config.headers.X-XSS-Protection: must have printable ASCII characters only",
    "http_server_config: {headers: {X-XSS-Protection: 0}}":
        "http_server_config.headers.X-XSS-Protection: 0 is not a text; quote it",
    "rate_limit: {interval: soon}":
        "rate_limit.interval: 'soon' is not a duration; write it as in Prometheus: 15s, 5m, 1h30m",
    "rate_limit: {interval: 1s}": "rate_limit.burst: must be 1 or more, or nothing is ever answered",
}  # fmt: skip


@pytest.mark.parametrize("text", ONE_PROBLEM, ids=lambda text: text[:60])
def test_every_error_names_file_and_key(tmp_path: Path, text: str) -> None:
    """One sentence that says where it is and how it is mended."""
    assert problems(tmp_path, text) == [ONE_PROBLEM[text]]


TLS_PROBLEM: dict[str, dict[str, object]] = {
    "tls_server_config.cert_file: is missing; TLS needs it": {"key_file": "server.key"},
    "tls_server_config.key_file: is missing; TLS needs it": {"cert_file": "server.crt"},
    "tls_server_config.cert_file: cannot read DIR/none.crt: No such file or directory": tls(cert_file="none.crt"),
    "tls_server_config.cert_file: DIR/junk has no certificate in PEM form that can be used": tls(cert_file="junk"),
    "tls_server_config.key_file: DIR/junk has no private key in PEM form that opens without a password":
        tls(key_file="junk"),
    "tls_server_config.key_file: DIR/locked.key has no private key in PEM form that opens without a password":
        tls(key_file="locked.key"),
    "tls_server_config.key_file: DIR/other.key is not the key of the certificate in DIR/server.crt":
        tls(key_file="other.key"),
    "tls_server_config.client_ca_file: DIR/junk has no certificate in PEM form that can be used":
        tls(client_ca_file="junk", client_auth_type="RequireAndVerifyClientCert"),
    "tls_server_config.client_ca_file: no client is asked for a certificate; set client_auth_type too":
        tls(client_ca_file="ca.pem"),
    "tls_server_config.client_ca_file: is missing; VerifyClientCertIfGiven checks certificates against it":
        tls(client_auth_type="VerifyClientCertIfGiven"),
    "tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert":
        tls(client_ca_file="ca.pem", client_auth_type="VerifyClientCertIfGiven", client_allowed_sans=["a"]),
    "tls_server_config.client_auth_type: RequestClientCert takes a certificate without checking it, which cannot be "
    "done here; write NoClientCert or VerifyClientCertIfGiven or RequireAndVerifyClientCert":
        tls(client_auth_type="RequestClientCert"),
    "tls_server_config.client_auth_type: RequireAnyClientCert takes a certificate without checking it, which cannot be "
    "done here; write NoClientCert or VerifyClientCertIfGiven or RequireAndVerifyClientCert":
        tls(client_auth_type="RequireAnyClientCert"),
    "tls_server_config.client_auth_type: 'Maybe' is not NoClientCert or VerifyClientCertIfGiven or "
    "RequireAndVerifyClientCert": tls(client_auth_type="Maybe"),
    "tls_server_config.min_version: TLS10 is broken and is not served; write TLS12 or TLS13": tls(min_version="TLS10"),
    "tls_server_config.max_version: TLS11 is broken and is not served; write TLS12 or TLS13": tls(max_version="TLS11"),
    "tls_server_config.min_version: 'SSL3' is not TLS12 or TLS13": tls(min_version="SSL3"),
    "tls_server_config.min_version: TLS13 is above max_version, which is TLS12":
        tls(min_version="TLS13", max_version="TLS12"),
    "tls_server_config.cipher_suites[0]: 'RC4' is no cipher suite that is served; see docs/web-config.md for their "
    "names": tls(cipher_suites=["RC4"]),
    "tls_server_config.cipher_suites: has only suites of TLS13, and max_version is TLS12; add one of TLS12":
        tls(cipher_suites=["TLS_AES_128_GCM_SHA256"], max_version="TLS12"),
    "tls_server_config.curve_preferences[0]: 'P-256' is not CurveP256 or CurveP384 or CurveP521 or X25519":
        tls(curve_preferences=["P-256"]),
    "tls_server_config.curve_preferences: an order of curves cannot be given here; leave one, or none for all":
        tls(curve_preferences=["X25519", "CurveP256"]),
    "tls_server_config.cert: PEM text cannot be given here; write it to a file and name that with _file after this key":
        {"cert": "-----BEGIN"},
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates, and with what is none."""
    from cryptography.hazmat.primitives import serialization as pem

    folder = tmp_path_factory.mktemp("files")
    authority = Authority(folder)
    authority.issue("localhost")
    authority.issue("localhost", file="other")
    (folder / "junk").write_text("junk")
    key = pem.load_pem_private_key((folder / "server.key").read_bytes(), None)
    locked = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"x"))
    (folder / "locked.key").write_bytes(locked)
    return folder


@pytest.mark.parametrize("sentence", TLS_PROBLEM, ids=lambda text: text[:60])
def test_every_error_of_tls_names_file_and_key(files: Path, sentence: str) -> None:
    """What cannot be used, or cannot be done exactly, is refused before the first client comes."""
    assert problems(files, yaml.safe_dump({"tls_server_config": TLS_PROBLEM[sentence]})) == [sentence]


def test_a_weak_certificate_is_refused(tmp_path: Path) -> None:
    """The ssl library would not take it, and the sentence says why."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + datetime.timedelta(days=9999))
    (tmp_path / "server.crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem.Encoding.PEM))
    raw = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    (tmp_path / "server.key").write_bytes(raw)
    assert problems(tmp_path, yaml.safe_dump({"tls_server_config": tls()})) == [
        "tls_server_config.cert_file: DIR/server.crt is too weak: its key is too short"
    ]


def test_all_errors_are_found_in_one_run(tmp_path: Path) -> None:
    """Whoever mends the file sees everything at once."""
    text = yaml.safe_dump(
        {"tls_server_config": {"key_file": "none.key"}, "basic_auth_users": {"a": "x", "b": "y"},
         "rate_limit": {"interval": "1s"}, "more": 1}
    )  # fmt: skip
    keys = sorted(problem.partition(": ")[0] for problem in problems(tmp_path, text))
    users = ["basic_auth_users.a", "basic_auth_users.b"]
    assert keys == [*users, "more", "rate_limit.burst", "tls_server_config.cert_file"]


def test_what_is_not_utf8_or_not_there(tmp_path: Path) -> None:
    """The file itself may be what is wrong."""
    assert read(tmp_path / "none.yml")[1] == [f"{tmp_path}/none.yml: cannot be read: No such file or directory"]
    (tmp_path / "latin.yml").write_bytes(b"# caf\xe9\n")
    assert read(tmp_path / "latin.yml")[1] == [f"{tmp_path}/latin.yml: cannot be read: it is not UTF-8 text"]


def test_every_name_of_the_tables_can_be_used(tmp_path: Path) -> None:
    """No cipher suite, curve or way to ask for a certificate is accepted that the ssl library then refuses."""
    Authority(tmp_path).issue("localhost")
    for name in (*CIPHERS, *NEWEST_CIPHERS):
        context = WatchedConfig(write(tmp_path, tls_server_config=tls(cipher_suites=[name]))).current().context
        assert context is not None
        offered = {suite["name"] for suite in context.get_ciphers()}
        assert {CIPHERS.get(name, name)} <= offered
        assert (context.minimum_version is ssl.TLSVersion.TLSv1_3) == (name in NEWEST_CIPHERS)
    for curve in CURVES:
        assert WatchedConfig(write(tmp_path, tls_server_config=tls(curve_preferences=[curve]))).tls
    for auth, mode in CLIENT_AUTH.items():
        ca = {} if auth == "NoClientCert" else {"client_ca_file": "ca.pem"}
        path = write(tmp_path, tls_server_config=tls(client_auth_type=auth, **ca))
        context = WatchedConfig(path).current().context
        assert context is not None
        assert context.verify_mode is mode


def test_preferring_the_clients_order(tmp_path: Path) -> None:
    """``prefer_server_cipher_suites`` decides whose order of cipher suites goes."""
    Authority(tmp_path).issue("localhost")
    for prefer in (True, False):
        path = write(tmp_path, tls_server_config=tls(prefer_server_cipher_suites=prefer))
        context = WatchedConfig(path).current().context
        assert context is not None
        assert bool(context.options & ssl.OP_CIPHER_SERVER_PREFERENCE) == prefer


def test_hashes_are_never_shown(tmp_path: Path) -> None:
    """Printing the settings shows who may look, and not with what."""
    path = write(tmp_path, basic_auth_users={"alice": HASH})
    assert HASH not in repr(WatchedConfig(path).current())
    assert repr(Users(alice=HASH)) == "Users(alice)"


def test_a_file_that_is_looked_at_costs_no_reading(tmp_path: Path) -> None:
    """While nothing changes, the settings are the same object; after a change they are others."""
    path = write(tmp_path, basic_auth_users={"alice": HASH})
    watched = WatchedConfig(path)
    before = watched.current()
    assert watched.current() is before
    replace(path, f"basic_auth_users: {{bob: '{HASH}'}}")
    assert list(watched.current().config.basic_auth_users) == ["bob"]
