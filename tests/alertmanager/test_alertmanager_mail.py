"""A mail, from an alert to a mail server, with the shipped configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.alertmanager.post import post_office
from tests.alertmanager.server import alertmanager, configured, eventually

ALERT = {"alertname": "PipelinePausedTooLong", "severity": "info", "source": "prod", "pipeline_name": "<b>größe</b>"}


def changed(config: Path, port: int) -> None:
    """Lead mails to a server without TLS on this host, at all hours."""
    replaced = {
        "smtp.example.com:587'": f"127.0.0.1:{port}'\n  smtp_require_tls: false",
        "active_time_intervals: [business-hours]": "continue: false",
    }
    text = config.read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    (config.parent / "smtp_password").write_text("the-password")


def test_information_is_mailed(tool: Callable[[str], str], tmp_path: Path) -> None:
    """An info alert is a mail with a subject, as text and as HTML, sent with the password from its file."""
    config = configured(tmp_path, "http://127.0.0.1:1")
    with post_office() as (post, port):
        changed(config, port)
        with alertmanager(tool("prometheus-alertmanager"), config) as manager:
            manager.post(ALERT)
            mail = eventually(lambda: post.mails)[0]
    assert mail["Subject"] == "[FIRING:1] PipelinePausedTooLong: <b>größe</b> of prod"
    assert mail["To"] == "data-platform@example.com"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "pipeline_name <b>größe</b>\n" in text.get_content().replace("\r", "")
    assert "<td>&lt;b&gt;größe&lt;/b&gt;</td>" in html.get_content()
    assert post.logins[0] == ("alertmanager@example.com", "the-password")
