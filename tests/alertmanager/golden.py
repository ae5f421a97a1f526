"""Messages for groups of alerts of every kind, rendered by amtool.

Run as a module (``python -m tests.alertmanager.golden``) it writes the golden files anew.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import reduce
from pathlib import Path
from typing import Any

from tests.alertmanager.pack import MESSAGES, ran

GOLDEN = Path(__file__).parent / "golden"
RUNBOOKS = "https://github.com/pipeline-exporter/pipeline-exporter/blob/main/docs/runbooks"
GRAFANA = "https://grafana.example.com/d/pipeline-exporter-pipeline"
PAGES = "http://exporter.example.com:10777/pipelines/prod"

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

TRANSITIONS = """\
2026-11-20T23:41:07Z resources Provisioned → Stopping
2026-11-20T23:41:05Z runtime Running → none
2026-11-20T22:10:44Z runtime Initializing → Running
2026-11-20T22:10:31Z resources Provisioning → Provisioned
2026-11-20T22:10:02Z resources Stopped → Provisioning
"""
LOG = """\
2026-11-20T23:41:04.102Z INFO step 188214 took 2.1 s
2026-11-20T23:41:04.871Z WARN memory use is at 97 % of the limit
2026-11-20T23:41:05.004Z ERROR circuit thread stopped: out of memory
"""


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


def bridge(name: str = "fraud-scoring", *, resolved: bool = False, **more: str) -> Alert:
    """A failed deployment, told by the bridge with all it knows."""
    labels = {
        "alertname": "PipelineDeploymentError", "severity": "critical", "via": "bridge", "cluster": "eu-1",
        "source": "prod", "pipeline": f"pipeline-{name}", "pipeline_name": name,
    }  # fmt: skip
    annotations = {
        "summary": "The deployment of a pipeline failed.",
        "description": f"Pipeline {name} of prod failed with RuntimeError.OutOfMemory.",
        "error_code": "RuntimeError.OutOfMemory",
        "error_message": "The pipeline's process was ended: it used more than 4096 MB.\nSee resources.memory_mb_max.",
        "transitions": TRANSITIONS,
        "log_lines": LOG,
        "began_at": "2026-11-20T23:41:07Z",
        "runbook_url": f"{RUNBOOKS}/PipelineDeploymentError.md",
        "dashboard_url": f"{GRAFANA}?var-source=prod&var-pipeline_name={name}",
        "pipeline_url": f"{PAGES}/pipeline-{name}",
    }  # fmt: skip
    return alert(labels, annotations | more, resolved=resolved)


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
        "dashboard_url": f"{GRAFANA}?var-source=prod&var-pipeline_name=orders",
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
    urls = {"runbook_url": "javascript:alert(1)", "pipeline_url": f"{PAGES}/a b|c>d<e\"f'g&h"}
    return bridge(name, **more, **urls, began_at=HOSTILE)


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
    "history": group(bridge(ended_at="2026-11-20T23:41:30Z")),
    "rule": group(rule()),
    "three": group(bridge(), bridge("orders", log_lines=""), bridge("billing", error_code="RuntimeError.Panic")),
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
