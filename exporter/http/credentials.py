"""What opens a server's door, and how it is sent."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from exporter.config import Authorization
from exporter.errors import Unauthorized

log = structlog.get_logger(__name__)


class Credentials:
    """What opens the door, in the header ``name``; a file is read again when it changes, so tokens can be rotated."""

    def __init__(self, config: Authorization, *, name: str = "Authorization") -> None:
        self._config = config
        self._name = name
        self._seen: tuple[int, int] | None = None
        self._is_lost = False
        self._text = config.credentials.reveal() if config.credentials else ""

    def headers(self) -> dict[str, str]:
        """The header to send; without a type the bare token. Raises Unauthorized if there are no usable credentials."""
        token = self.token()
        return {self._name: f"{self._config.type} {token}" if self._config.type else token}

    def token(self) -> str:
        """The token itself. Raises Unauthorized if there is none that can be used."""
        if self._config.credentials_file:
            self._refresh(Path(self._config.credentials_file))
        token = self._text.strip()
        if not token or not token.isascii() or not token.isprintable():
            raise Unauthorized("there are no usable credentials: the text is empty or has control characters")
        return token

    def _refresh(self, path: Path) -> None:
        """Read the file if it is another one; while it cannot be read the last text goes on, and the log says so."""
        try:
            stat = os.stat(path)
            if (seen := (stat.st_mtime_ns, stat.st_ino)) != self._seen:
                self._text, self._seen = path.read_text(), seen
            self._is_lost = False
        except (OSError, UnicodeDecodeError) as error:
            if not self._is_lost:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                log.warning("the credentials file cannot be read; the last credentials go on", file=str(path), err=why)
            self._is_lost = True
