"""What a project token tells: the project it belongs to."""

from __future__ import annotations

import base64
import uuid

import msgspec


class _Claims(msgspec.Struct, frozen=True):
    """The ids in the first part of a token."""

    ProjectID: str


def project_of(token: str) -> str | None:
    """The id of the project that ``token`` opens; None if the token cannot be read.

    A project token is base64url without padding of ``{"TokenID", "ProjectID"}``, a dot, and a signature.
    """
    parts = token.strip().split(".")
    if len(parts) != 2:
        return None
    try:
        padded = parts[0] + "=" * (-len(parts[0]) % 4)
        claims = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Claims)
        return str(uuid.UUID(claims.ProjectID))
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
