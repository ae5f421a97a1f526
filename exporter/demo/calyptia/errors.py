"""What the simulated Cloud API refuses, one class per HTTP code, with the server's own words.

Refusal
├── BadArgument    422
├── InvalidToken   401
├── Forbidden      403
├── NotFound       404
├── Conflict       409
└── Gone           410
"""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):
    """A request the server does not grant; `str()` is the text of the answer's `error`."""

    status: ClassVar[int] = 400


class BadArgument(Refusal):
    """A path or query value that cannot be read."""

    status = 422


class InvalidToken(Refusal):
    """No token, or one the server never issued."""

    status = 401


class Forbidden(Refusal):
    """A valid token of the wrong kind."""

    status = 403


class NotFound(Refusal):
    """No such project, core instance, pipeline or trace session."""

    status = 404


class Conflict(Refusal):
    """A second active trace session of one pipeline."""

    status = 409


class Gone(Refusal):
    """A revoked token, or a trace session that has ended."""

    status = 410
