"""Every exception this package raises on purpose, as one tree.

::

    PipelineExporterError
    ├── ConfigError            the config file cannot be used; ``problems`` has a sentence for each error
    ├── StateError             the state file must not be touched; the message says why and what to do
    ├── OutputError            a file that was asked for cannot be written
    └── SourceError            a read of a control plane failed; ``reason`` is the metric label
        ├── TimedOut             timeout         no whole answer within the deadline
        ├── ConnectionFailed     connection      refused, unreachable, name not found
        │   └── ConnectionLost     connection      reset, or closed before the answer was whole
        ├── TlsFailed            tls             handshake or certificate
        ├── Unauthorized         unauthorized    401, 410 (token gone), or no usable credentials
        ├── Forbidden            forbidden       403
        ├── NotFound             not_found       404
        ├── RateLimited          rate_limited    429
        ├── ServerFailed         server_error    408 and every 5xx
        ├── BadResponse          bad_response    anything else that is not the answer the API documents
        └── TooLarge             too_large       a body over ``max_response_bytes``

Foreign exceptions are translated once, where they enter (``http/failures.py``, ``config/file.py``). No message
carries a body, a token or a query string.
"""

from __future__ import annotations

from typing import ClassVar


class PipelineExporterError(Exception):
    """Base of all errors raised on purpose."""


class ConfigError(PipelineExporterError):
    """The config file cannot be used; every problem is one sentence that names its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StateError(PipelineExporterError):
    """The state file must not be touched: not ours, in use, or written by a newer version."""


class OutputError(PipelineExporterError):
    """A file that was asked for cannot be written; the message names it and says why."""


class SourceError(PipelineExporterError):
    """A read of a control plane failed.

    ``retry_after`` is the wait in seconds that the server asked for, if it did; ``status`` its HTTP status and
    ``code`` its own name for the error, where the answer carried one.
    """

    reason: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class TimedOut(SourceError):
    """No whole answer within the deadline."""

    reason = "timeout"


class ConnectionFailed(SourceError):
    """No connection could be made."""

    reason = "connection"


class ConnectionLost(ConnectionFailed):
    """The connection was reset, or closed before the answer was whole."""


class TlsFailed(SourceError):
    """The TLS handshake or a certificate failed."""

    reason = "tls"


class Unauthorized(SourceError):
    """The credentials were refused, or there are none to send."""

    reason = "unauthorized"


class Forbidden(SourceError):
    """The credentials do not allow this read."""

    reason = "forbidden"


class NotFound(SourceError):
    """The thing, or the endpoint, does not exist; ``code`` tells which where the API says so."""

    reason = "not_found"


class RateLimited(SourceError):
    """The server asked for fewer requests."""

    reason = "rate_limited"


class ServerFailed(SourceError):
    """The server said that the failure is its own."""

    reason = "server_error"


class BadResponse(SourceError):
    """The answer is not what the API documents."""

    reason = "bad_response"


class TooLarge(SourceError):
    """The body is larger than ``max_response_bytes``."""

    reason = "too_large"


REASONS: tuple[str, ...] = (
    "timeout",
    "connection",
    "tls",
    "unauthorized",
    "forbidden",
    "not_found",
    "rate_limited",
    "server_error",
    "bad_response",
    "too_large",
    "internal",
)
"""Every value of the ``reason`` label."""
