"""Messages for groups of alerts of every kind, rendered by amtool.

Run as a module (``python -m tests.alertmanager.golden``) it writes the golden files anew.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any

from exporter.alerts.alert import make_labels
from exporter.alerts.explain import Places, of_pipeline, of_source
from exporter.alerts.past import last_episode
from exporter.alerts.rules import DEPLOYMENT_ERROR, RULES, UNREACHABLE, Facts, past_reason
from exporter.history.pipeline import PipelineHistory
from exporter.model import DeploymentError, Event, FailureRead, LogLine, LogRead, Pipeline
from exporter.sources.kinds import KINDS
from tests.alertmanager.pack import MESSAGES, ran

GOLDEN = Path(__file__).parent / "golden"
RUNBOOKS = "https://github.com/pipeline-exporter/pipeline-exporter/blob/main/docs/runbooks"
GRAFANA = "https://grafana.example.com"
EXPORTER = "http://exporter.example.com:10777"

TEMPLATES = (
    "pipeline.title",
    "pipeline.link",
    "pipeline.text",
    "pipeline.text.firing",
    "pipeline.text.resolved",
    "pipeline.pagerduty.summary",
    "pipeline.pagerduty.severity",
    "pipeline.slack.color",
    "pipeline.slack.title",
    "pipeline.slack.text",
)

Fields = dict[str, str]
Alert = dict[str, Any]

FAILED = "2026-11-20T23:41:05.210Z"
CODE = "RuntimeError.OutOfMemory"
MESSAGE = "The pipeline's process was ended: it used more than 4096 MB.\nSee resources.memory_mb_max."
PAST = (
    ("2026-11-20T22:10:02.418Z", ("Stopped", None, "Success", "InUse")),
    ("2026-11-20T22:10:02.730Z", ("Provisioning", None, "Success", "InUse")),
    ("2026-11-20T22:10:31.094Z", ("Provisioned", "Initializing", "Success", "InUse")),
    ("2026-11-20T22:10:44.556Z", ("Provisioned", "Running", "Success", "InUse")),
    (FAILED, ("Stopping", None, "Success", "InUse")),
)
LOG = (
    ("2026-11-20T23:41:04.871Z", "ERROR allocation of 268435456 bytes failed"),
    ("2026-11-20T23:41:05.004Z", "ERROR circuit thread stopped: out of memory"),
)


def seconds(time: str) -> float:
    """Unix seconds of a time."""
    return datetime.fromisoformat(time).timestamp()


def looked_at(name: str, *, code: str, message: str, log: bool, over: str | None) -> Facts:
    """What the exporter knows of a pipeline that failed, and that runs again if it is over."""
    events = [
        Event(f"{number:08d}-0000-0000-0000-000000000000", seconds(at), statuses, has_error=at == FAILED)
        for number, (at, statuses) in enumerate(PAST)
    ]
    if over is not None:
        events.append(Event("00000009-0000-0000-0000-000000000000", seconds(over), PAST[-2][1]))
    history = PipelineHistory(counts_from=None, initial=None)
    history.fold(tuple(events), complete=True, shown_until=None, horizon=1e12)
    if log:
        history.log(LogRead("", True, errors=tuple(LogLine(text, seconds(at)) for at, text in LOG)))
    error = DeploymentError(code, message)
    failure = FailureRead(f"pipeline-{name}", seconds(FAILED), error) if over is not None else None
    pipeline = Pipeline(f"pipeline-{name}", name, {}, "failed", error=error if over is None else None)
    return Facts("prod", pipeline, history, failure, KINDS["feldera"].dimensions)


def annotated(facts: Facts) -> Fields:
    """The annotations that the bridge writes."""
    episode = last_episode(facts.history)
    reason = past_reason(facts, episode) if episode else RULES[0].find(facts)
    assert reason is not None
    return of_pipeline(DEPLOYMENT_ERROR, facts, reason, Places(EXPORTER, RUNBOOKS, GRAFANA))


def alert(labels: Fields, annotations: Fields, *, resolved: bool = False) -> Alert:
    """One alert as a receiver gets it."""
    return {
        "status": "resolved" if resolved else "firing",
        "labels": labels,
        "annotations": annotations,
        "startsAt": "2026-11-20T23:41:12.5Z",
        "endsAt": "2026-11-21T00:02:40Z" if resolved else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com:9090/graph",
        "fingerprint": "3d1f6d3c1c1ad0f1",
    }


def bridge(
    name: str = "fraud-scoring",
    *,
    code: str = CODE,
    message: str = MESSAGE,
    log: bool = True,
    over: str | None = None,
    resolved: bool = False,
) -> Alert:
    """A failed deployment, told by the bridge with all it knows."""
    own = {"source": "prod", "pipeline": f"pipeline-{name}", "pipeline_name": name}
    labels = make_labels({"cluster": "eu-1"}, alertname=DEPLOYMENT_ERROR, severity="critical", **own)
    annotations = annotated(looked_at(name, code=code, message=message, log=log, over=over))
    return alert(dict(labels), annotations, resolved=resolved)


def away() -> Alert:
    """A source that cannot be read, told by the bridge."""
    labels = make_labels({"cluster": "eu-1"}, alertname=UNREACHABLE, severity="critical", source="prod")
    places = Places(EXPORTER, RUNBOOKS, GRAFANA)
    return alert(dict(labels), of_source(UNREACHABLE, "prod", "timeout", seconds(FAILED), places))


def rule() -> Alert:
    """An alert of a Prometheus rule."""
    labels = {
        "alertname": "PipelineCompilationStuck", "severity": "warning", "via": "rules", "job": "pipeline-exporter",
        "source": "prod", "pipeline": "pipeline-orders", "pipeline_name": "orders", "status": "CompilingRust",
    }  # fmt: skip
    annotations = {
        "summary": "A program has been compiling for too long.",
        "description": "The program of orders (prod) has been CompilingRust for 42m 10s.",
        "runbook_url": f"{RUNBOOKS}/PipelineCompilationStuck.md",
        "dashboard_url": f"{GRAFANA}/d/pipeline-exporter-pipeline?var-source=prod&var-pipeline_name=orders",
    }
    return alert(labels, annotations)


HOSTILE = (
    "<script>alert(1)</script> <!channel> <https://evil.example/|here> & "
    "``` *bold* _it_ `x` {{ .Labels }} \u202eRTL\u0007"
)
LONG = "".join(f"{HOSTILE} line {number}\r\n" for number in range(90))


def hostile(name: str = f"{HOSTILE}\nsecond line") -> Alert:
    """An alert with text that wants to be markup, and much of it."""
    more = dict.fromkeys(("summary", "description", "error_code", "error_message", "transitions", "log_lines"), LONG)
    urls = {"runbook_url": "javascript:alert(1)", "pipeline_url": f"{EXPORTER}/pipelines/prod/a b|c>d<e\"f'g&h"}
    made = bridge()
    annotations = made["annotations"] | more | urls | {"began_at": HOSTILE}
    return alert(made["labels"] | {"pipeline_name": name}, annotations)


def common(alerts: list[Alert], key: str) -> Fields:
    """What all alerts have alike."""
    return dict(sorted(reduce(lambda left, right: left & right, (alert[key].items() for alert in alerts))))


def group(*alerts: Alert) -> dict[str, Any]:
    """A group of alerts, as Alertmanager gives it to a template."""
    labels = common(list(alerts), "labels")
    return {
        "receiver": "chat",
        "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
        "alerts": list(alerts),
        "groupLabels": {name: labels[name] for name in ("alertname", "cluster", "source") if name in labels},
        "commonLabels": labels,
        "commonAnnotations": common(list(alerts), "annotations"),
        "externalURL": "http://alertmanager.example.com:9093",
    }


CASES = {
    "bridge": group(bridge()),
    "history": group(bridge(over="2026-11-20T23:41:30.005Z")),
    "source": group(away()),
    "rule": group(rule()),
    "three": group(
        bridge(),
        bridge("orders", log=False),
        bridge("billing", code="RuntimeError.Panic", message="index out of bounds: the len is 3 but the index is 7"),
    ),
    "forty": group(*(bridge(f"orders-{number:02}") for number in range(40))),
    "mixed": group(bridge(), *(bridge(f"orders-{number:02}", resolved=True) for number in range(12))),
    "resolved": group(bridge(resolved=True)),
    "bare": group(alert({"alertname": "PipelineExporterDown"}, {})),
    "bare-two": group(alert({"alertname": "A", "instance": "a:1"}, {}), alert({"alertname": "B"}, {})),
    "hostile": group(hostile()),
    "hostile-forty": group(*(hostile(f"{HOSTILE} {number:02}") for number in range(40))),
}


def rendered(amtool: str, kind: str, text: str, data: dict[str, Any], folder: Path) -> str:
    """What amtool makes of a template's text."""
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    options = (f"--template.glob={MESSAGES}", f"--template.type={kind}", f"--template.data={folder / 'data.json'}")
    code, output = ran(amtool, "template", "render", *options, f"--template.text={text}")
    assert code == 0, output
    return output


def texts(amtool: str, case: str, folder: Path) -> dict[str, str]:
    """Every message of a case that is no HTML, by its template."""
    mark = "\x1e"  # which none of the messages may hold
    text = mark.join(f'{{{{ template "{name}" . }}}}' for name in TEMPLATES)
    parts = rendered(amtool, "text", text, CASES[case], folder).split(mark)
    return dict(zip(TEMPLATES, parts, strict=True))


def mail(amtool: str, case: str, folder: Path) -> str:
    """The HTML mail of a case."""
    return rendered(amtool, "html", '{{ template "pipeline.mail.html" . }}', CASES[case], folder)


def files(amtool: str, case: str, folder: Path) -> dict[Path, str]:
    """The golden files of a case, with what should be in them."""
    sections = [f"===== {name}\n{text}\n" for name, text in texts(amtool, case, folder).items()]
    return {GOLDEN / f"{case}.txt": "".join(sections), GOLDEN / f"{case}.html": mail(amtool, case, folder)}


def write() -> None:
    """Write all golden files anew."""
    amtool = shutil.which("amtool")
    if amtool is None:
        raise SystemExit("amtool is not installed; on Debian: apt-get install prometheus-alertmanager")
    for path in GOLDEN.glob("*"):
        path.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            for path, text in files(amtool, case, Path(folder)).items():
                path.write_text(text, encoding="utf-8", newline="")


if __name__ == "__main__":
    write()
