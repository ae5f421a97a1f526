"""The TLS settings of a client, as the standard library wants them."""

from __future__ import annotations

import ssl


def client_context(
    *, ca_file: str | None, cert_file: str | None, key_file: str | None, insecure_skip_verify: bool
) -> ssl.SSLContext:
    """A context that trusts ``ca_file`` (or the system's CAs) and shows our certificate, if there is one.

    Raises OSError (ssl.SSLError is one) if a file cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_file)
    if cert_file and key_file:
        context.load_cert_chain(cert_file, key_file, password=lambda: "")  # asked for, an encrypted key fails
    if insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
