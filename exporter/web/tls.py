"""TLS of the exporter's own port: the section ``tls_server_config`` as values, and as the standard library wants it."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from exporter.config.units import FilePath

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
OLD_VERSIONS = ("TLS10", "TLS11")

CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
UNCHECKED_CLIENT_AUTH = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")

NEWEST_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Those of TLS 1.3, which are all on whatever is chosen for TLS 1.2."""

CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
"""The cipher suites of TLS 1.2 by the names that Go gives them, with OpenSSL's."""

CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}


class Inline:
    """PEM text in the file itself, which is refused."""

    @classmethod
    def parse(cls, raw: object) -> Inline:
        """Raise ValueError: the standard library reads certificates from files."""
        raise ValueError("PEM text cannot be given here; write it to a file and name that with _file after this key")


class Version(str):
    """A version of TLS."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> Version:
        """Raise ValueError with a sentence if ``raw`` is none that is served."""
        if raw in OLD_VERSIONS:
            raise ValueError(f"{raw} is broken and is not served; write TLS12 or TLS13")
        if raw not in VERSIONS:
            raise ValueError(f"{raw!r} is not TLS12 or TLS13")
        return cls(raw)


class ClientAuth(str):
    """What is asked of a client's certificate."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> ClientAuth:
        """Raise ValueError with a sentence if ``raw`` is nothing that can be asked."""
        known = " or ".join(CLIENT_AUTH)
        if raw in UNCHECKED_CLIENT_AUTH:
            raise ValueError(f"{raw} takes a certificate without checking it, which cannot be done here; write {known}")
        if raw not in CLIENT_AUTH:
            raise ValueError(f"{raw!r} is not {known}")
        return cls(raw)


class Cipher(str):
    """A cipher suite by the name that Go gives it."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: object) -> Cipher:
        """Raise ValueError with a sentence if ``raw`` is no such name."""
        if raw not in CIPHERS and raw not in NEWEST_CIPHERS:
            raise ValueError(f"{raw!r} is no cipher suite that is served; see docs/web-config.md for their names")
        return cls(raw)


Curve = Literal["CurveP256", "CurveP384", "CurveP521", "X25519"]


class TlsServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the exporter proves itself to clients, and they to it; without a certificate there is no TLS."""

    compared: ClassVar[frozenset[str]] = frozenset(
        {"cert_file", "key_file", "client_ca_file", "client_auth_type", "client_allowed_sans", "min_version",
         "max_version", "cipher_suites", "curve_preferences", "prefer_server_cipher_suites", "cert", "key", "client_ca"}
    )  # fmt: skip

    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    client_auth_type: ClientAuth = ClientAuth("NoClientCert")
    client_ca_file: FilePath | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Version = Version("TLS12")
    max_version: Version = Version("TLS13")
    cipher_suites: tuple[Cipher, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[Curve, ...] = ()
    cert: Inline | None = None
    key: Inline | None = None
    client_ca: Inline | None = None

    @property
    def files(self) -> tuple[FilePath, ...]:
        """The files it names, those that a client's certificate is checked with included."""
        return tuple(path for path in (self.cert_file, self.key_file, self.client_ca_file) if path is not None)

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong between the keys, or with the files they name."""
        if self == TlsServerConfig():
            return []
        found = [*self._missing(), *self._client_problems(), *self._choice_problems()]
        return found or _unusable(self)

    def _missing(self) -> list[tuple[str, str]]:
        keys = ("cert_file", "key_file")
        return [(key, "is missing; TLS needs it") for key in keys if getattr(self, key) is None]

    def _client_problems(self) -> list[tuple[str, str]]:
        """The key ``client_auth_type`` decides which of the others must be there and which must not."""
        found = []
        if self.client_auth_type == "NoClientCert" and self.client_ca_file is not None:
            found.append(("client_ca_file", "no client is asked for a certificate; set client_auth_type too"))
        if self.client_auth_type != "NoClientCert" and self.client_ca_file is None:
            found.append(("client_ca_file", f"is missing; {self.client_auth_type} checks certificates against it"))
        if self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert":
            found.append(("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert"))
        return found

    def _choice_problems(self) -> list[tuple[str, str]]:
        found = []
        if VERSIONS[self.min_version] > VERSIONS[self.max_version]:
            found.append(("min_version", f"{self.min_version} is above max_version, which is {self.max_version}"))
        if len(self.curve_preferences) > 1:
            found.append(("curve_preferences", "an order of curves cannot be given here; leave one, or none for all"))
        if self.cipher_suites and not self._ciphers() and self.max_version == "TLS12":
            found.append(("cipher_suites", "has only suites of TLS13, and max_version is TLS12; add one of TLS12"))
        return found

    def context(self) -> ssl.SSLContext:
        """The settings as the standard library wants them. Raises OSError if a file cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        self._choose(context)
        context.load_cert_chain(str(self.cert_file), self.key_file, password=lambda: "")  # an encrypted key fails
        context.verify_mode = CLIENT_AUTH[self.client_auth_type]
        if self.client_ca_file is not None:
            context.load_verify_locations(self.client_ca_file)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an intermediate CA may be the one to trust
        return context

    def _choose(self, context: ssl.SSLContext) -> None:
        """Versions, cipher suites and curves."""
        only_newest = bool(self.cipher_suites) and not self._ciphers()
        context.minimum_version = VERSIONS["TLS13" if only_newest else self.min_version]
        context.maximum_version = VERSIONS[self.max_version]
        if self._ciphers():
            context.set_ciphers(":".join(self._ciphers()))
        for curve in self.curve_preferences:
            context.set_ecdh_curve(CURVES[curve])
        if not self.prefer_server_cipher_suites:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE

    def _ciphers(self) -> Sequence[str]:
        return [CIPHERS[name] for name in self.cipher_suites if name in CIPHERS]

    def admits(self, certificate: Mapping[str, Any] | None) -> bool:
        """Whether a client may come in whose certificate, as ``getpeercert()`` gives it, was found to be good."""
        return not self.client_allowed_sans or not set(self.client_allowed_sans).isdisjoint(_names(certificate or {}))


def _names(certificate: Mapping[str, Any]) -> list[str]:
    """The subject's alternative names: of hosts, of mailboxes, addresses, URIs."""
    return [
        str(ipaddress.ip_address(value.strip())) if kind == "IP Address" else value
        for kind, value in certificate.get("subjectAltName", ())
        if kind in ("DNS", "email", "URI", "IP Address")
    ]


def _unusable(config: TlsServerConfig) -> list[tuple[str, str]]:
    """Which of the files cannot be used, found by using them."""
    named = [(key, getattr(config, key)) for key in ("cert_file", "key_file", "client_ca_file")]
    checked = [(key, path, _unreadable(path)) for key, path in named if path is not None]
    found = [(key, f"cannot read {path}: {reason}") for key, path, reason in checked if reason]
    if found:
        return found
    try:
        config.context()
    except OSError as error:
        return [_explained(config, error)]
    return []


def _unreadable(path: FilePath) -> str:
    try:
        with open(path, "rb"):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


_TOO_WEAK = {
    "EE_KEY_TOO_SMALL": "its key is too short",
    "CA_KEY_TOO_SMALL": "the key of its CA is too short",
    "CA_MD_TOO_WEAK": "its signature uses a broken hash",
}


def _explained(config: TlsServerConfig, error: OSError) -> tuple[str, str]:
    """The key and a sentence for a file that can be read and is not what it should be."""
    reason = str(getattr(error, "reason", ""))
    if reason in _TOO_WEAK:
        return "cert_file", f"{config.cert_file} is too weak: {_TOO_WEAK[reason]}"
    if reason == "KEY_VALUES_MISMATCH":
        return "key_file", f"{config.key_file} is not the key of the certificate in {config.cert_file}"
    if _holds_certificates(config.cert_file) and _holds_certificates(config.client_ca_file):
        return "key_file", f"{config.key_file} has no private key in PEM form that opens without a password"
    key = "client_ca_file" if _holds_certificates(config.cert_file) else "cert_file"
    return key, f"{getattr(config, key)} has no certificate in PEM form that can be used"


def _holds_certificates(path: FilePath | None) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path) if path else None
    except OSError:
        return False
    return True
