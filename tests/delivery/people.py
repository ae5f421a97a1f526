"""A person behind a real Alertmanager with the shipped configuration: told by pager, chat, webhook and mail."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import yaml

from tests.alerting.receivers import free_port
from tests.alertmanager.post import Post, post_office
from tests.alertmanager.server import Alertmanager, Sink, alertmanager, configured, sink

UNREACHABLE = "PipelineSourceUnreachable"
ERROR = "PipelineDeploymentError"

_SWITCHES = {"rules": "/dead-man/prometheus", "bridge": "/dead-man/bridge"}

GROUP_BY = ("alertname", "cluster", "source")
"""What makes a message in the shipped configuration."""

Alert = dict[str, Any]
Running = contextlib.AbstractContextManager[Alertmanager]


class Message(NamedTuple):
    """A notification of a group of alerts, as the webhook had it."""

    status: str
    alerts: tuple[Alert, ...]

    @property
    def parts(self) -> list[str]:
        """Who told of what, in short: such as ``bridge firing``."""
        return sorted(f"{alert['labels']['via']} {alert['status']}" for alert in self.alerts)


class Person:
    """Somebody who is on call, and what has come in until now."""

    def __init__(self, start: Callable[[], Running], receivers: Sink, post: Post) -> None:
        self._start = start
        self._receivers = receivers
        self._post = post
        self._running = contextlib.ExitStack()
        self.url = self._running.enter_context(start()).url

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """The Alertmanager is stopped; afterwards it runs again."""
        self._running.close()
        try:
            yield
        finally:
            self._running.enter_context(self._start())

    def close(self) -> None:
        """Stop the Alertmanager."""
        self._running.close()

    def messages(self, **labels: str) -> list[Message]:
        """Those in which there is an alert with these labels, oldest first; only these alerts of them."""
        bodies = [(body["status"], _with(body["alerts"], labels)) for body in self._receivers.at("/webhook")]
        return [Message(status, alerts) for status, alerts in bodies if alerts]

    def heard(self, **labels: str) -> list[Alert]:
        """Every alert with these labels, in the order of the messages."""
        return [alert for message in self.messages(**labels) for alert in message.alerts]

    def statuses(self, **labels: str) -> list[str]:
        """Their statuses: firing, resolved."""
        return [alert["status"] for alert in self.heard(**labels)]

    def pages(self, source: str, pipeline: str) -> list[dict[str, Any]]:
        """What the pager was told about a pipeline."""
        subject = f"{pipeline} of {source} "
        return [page for page in self._receivers.at("/pagerduty") if subject in page["payload"]["summary"]]

    def chats(self, text: str) -> list[str]:
        """The titles of the chat that have this text in them."""
        titles = [attachment["title"] for body in self._receivers.at("/slack") for attachment in body["attachments"]]
        return [title for title in titles if text in title]

    def mails(self, text: str) -> list[str]:
        """Subject and text of the mails that have this text in their subject."""
        found = [mail for mail in list(self._post.mails) if text in mail["Subject"]]
        return [f"{mail['Subject']}\n{_plain(mail)}" for mail in found]

    def known(self, **labels: str) -> list[Alert]:
        """The alerts with these labels that its Alertmanager has."""
        return list(_with(httpx.get(f"{self.url}/api/v2/alerts", timeout=30).raise_for_status().json(), labels))

    def muted(self, **labels: str) -> list[Alert]:
        """Those of them that it keeps from the person because of others."""
        return [alert for alert in self.known(**labels) if alert["status"]["inhibitedBy"]]

    def calls(self, via: str) -> int:
        """How often a dead man's switch was called."""
        return len(self._receivers.at(_SWITCHES[via]))


def _with(alerts: list[Alert], labels: dict[str, str]) -> tuple[Alert, ...]:
    return tuple(alert for alert in alerts if labels.items() <= alert["labels"].items())


def _plain(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@contextlib.contextmanager
def person(
    program: str, folder: Path, *, group_wait: str = "3s", group_by: Sequence[str] = GROUP_BY
) -> Iterator[Person]:
    """Somebody, with an Alertmanager that runs ``program``."""
    folder.mkdir()
    with sink() as receivers, post_office() as (post, port):
        config = configured(folder, receivers.url)
        loaded = yaml.safe_load(config.read_text(encoding="utf-8"))
        assert loaded["route"]["group_by"] == list(GROUP_BY)
        loaded["route"] |= {"group_wait": group_wait, "group_by": list(group_by)}
        loaded["global"] |= {"smtp_smarthost": f"127.0.0.1:{port}", "smtp_require_tls": False}
        _add_receivers(loaded["receivers"], f"{receivers.url}/webhook")
        config.write_text(yaml.safe_dump(loaded), encoding="utf-8")
        (folder / "smtp_password").write_text("the-password")
        found = Person(partial(alertmanager, program, config, port=free_port()), receivers, post)
        with contextlib.closing(found):
            yield found


def _add_receivers(receivers: list[dict[str, Any]], url: str) -> None:
    """Whoever is paged is called by a webhook and mailed, too, as an operator may have it."""
    by_name = {receiver["name"]: receiver for receiver in receivers}
    by_name["pager"]["webhook_configs"] = [{"url": url, "send_resolved": True}]
    by_name["pager"]["email_configs"] = by_name["mail"]["email_configs"]
