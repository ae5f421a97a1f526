"""A mail server that keeps what it is given, after a log-in."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Post:
    """The mails that came, and who logged in to send them."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[str, str]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail."""
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def log_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        """Let everybody in, and keep the name and the password."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)


@contextlib.contextmanager
def post_office() -> Iterator[tuple[Post, int]]:
    """A mail server, and its port."""
    post = Post()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = int(sock.getsockname()[1])
    controller = Controller(
        post,
        hostname="127.0.0.1",
        port=port,
        authenticator=post.log_in,
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN"],  # whose prompts Alertmanager does not know
    )
    controller.start()
    try:
        yield post, port
    finally:
        controller.stop()
