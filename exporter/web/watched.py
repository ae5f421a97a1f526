"""The web config file as it is now: looked at again when it or a file it names changes, without a restart."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import structlog

from exporter.errors import ConfigError
from exporter.web.webconfig import WebConfig, read

log = structlog.get_logger(__name__)

_Stamps = dict[str, tuple[int, int, int] | None]

_SWITCHED = "tls_server_config: TLS cannot be switched on or off while the exporter runs; restart it"


class Settings(msgspec.Struct, frozen=True):
    """What the file says, and its TLS settings ready for use; no context: plain HTTP."""

    config: WebConfig = WebConfig()
    context: ssl.SSLContext | None = None


class WatchedConfig:
    """The settings of a web config file; without a file there are none.

    A file that cannot be used any more changes nothing: the last good settings go on, and its problems are logged
    once. Raises ConfigError if the file cannot be used to begin with.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._stamps: _Stamps = {}
        self._settings = Settings()
        if path is not None:
            self._settings = self._load(path)

    @property
    def tls(self) -> bool:
        """Whether the port speaks TLS; a restart is needed to change that."""
        return self._settings.config.tls

    def current(self) -> Settings:
        """The settings that hold now; costs a look at the times of the files."""
        if self._path is not None and _stamps(self._stamps) != self._stamps:
            self._reload(self._path)
        return self._settings

    def _reload(self, path: Path) -> None:
        try:
            self._settings = self._load(path, running=True)
        except ConfigError as error:
            log.error("the web config file cannot be used; the old one goes on", problems=error.problems)
        else:
            log.info("web config file loaded", file=str(path))

    def _load(self, path: Path, *, running: bool = False) -> Settings:
        """Read it. Files are stamped before they are read, so that what changes meanwhile is seen the next time."""
        stamps = _stamps([path])
        config, problems = read(path)
        if config is not None and not problems and running and config.tls != self.tls:
            problems = [f"{path}: {_SWITCHED}"]
        self._stamps = _stamps([*_files(self._settings.config), *_files(config)]) | stamps
        if problems or config is None:
            raise ConfigError(problems)
        try:
            return Settings(config, config.tls_server_config.context() if config.tls else None)
        except OSError as error:  # a file was replaced after it had been checked
            raise ConfigError([f"{path}: tls_server_config: {error}"]) from error


def _files(config: WebConfig | None) -> tuple[str, ...]:
    """The files to look at: also those of a config that cannot be used, so that a mend is seen."""
    return config.tls_server_config.files if config and config.tls_server_config else ()


def _stamps(paths: Iterable[str | Path]) -> _Stamps:
    """What shows that a file is another one than before."""
    return {str(path): _stamp(str(path)) for path in paths}


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


class CurrentContext(ssl.SSLContext):
    """The TLS settings of each new connection: those that hold when it begins."""

    _watched: WatchedConfig

    @classmethod
    def of(cls, watched: WatchedConfig) -> CurrentContext:
        """A context that stands for the settings of ``watched``."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context._watched = watched
        return context

    def wrap_bio(self, *args: Any, **keywords: Any) -> ssl.SSLObject:  # noqa: ANN401 (those of the standard library)
        """Begin a connection with the settings that hold now."""
        context = self._watched.current().context
        assert context is not None  # noqa: S101 (TLS is not switched off while the exporter runs)
        return context.wrap_bio(*args, **keywords)
