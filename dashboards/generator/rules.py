"""alerts/rules/pipeline-statuses.rules.yml: every pipeline's status as one number, for timelines."""

from __future__ import annotations

from dashboards.generator.codes import SCALES, Code, Scale

_HEAD = """\
# Written by `make dashboards` from dashboards/generator/codes.py; change it there.
#
# Each status as one number a pipeline, which is what a state timeline can draw; the table of codes is in
# docs/dashboards.md, and a code never changes its meaning.
#
# - Only `== 1` is asked for, so the rules work with status_series dense and sparse alike.
# - A status that this version does not know has no code: the timeline has a gap there, and
#   pipeline_exporter_unknown_status_total counts it. So has a status that is null.
# - Two exporters that read one control plane are one row: instance and pod are aggregated away. While they disagree,
#   between their polls, the larger code is taken. job stays, so that exporters of different jobs are never merged.
# - These are for showing, not for alerting: alert on the 0/1 series themselves.

groups:
  - name: pipeline-statuses
    rules:
"""


def text() -> str:
    """The whole file."""
    return _HEAD + "".join(map(_rule, SCALES))


def _rule(scale: Scale) -> str:
    branches = f"\n{12 * ' '}or\n".join(_branch(scale, code) for code in scale.codes)
    return (
        f"      - record: {scale.record}\n"
        f"        expr: |\n"
        f"          max without ({scale.label}, instance, pod) (\n{branches}\n          )\n"
    )


def _branch(scale: Scale, code: Code) -> str:
    return f'{14 * " "}{code.number} * ({scale.family}{{{scale.label}="{code.status}"}} == 1)'
