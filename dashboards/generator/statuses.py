"""Queries over all dimensions at once: the present statuses with their beginnings, and what is wanted."""

from __future__ import annotations

from dashboards.generator.codes import DIMENSIONS
from dashboards.generator.queries import PIPELINE, pipelines

WANTED = ("resources", "runtime")

_SINCE = "pipeline_status_since_timestamp_seconds"


def present() -> str:
    """The time, in milliseconds, at which each present status began; its name is the label ``status``."""
    branches = "\n or ".join(map(_present, DIMENSIONS))
    return f"1000 * max by ({PIPELINE}, dimension, status) (\n{branches}\n)"


def wanted() -> str:
    """1 for each wanted status; its name is the label ``wanted``."""
    branches = "\n or ".join(map(_wanted, WANTED))
    return f"max by ({PIPELINE}, dimension, wanted) (\n{branches}\n)"


def _present(dimension: str) -> str:
    since = pipelines(_SINCE, f'dimension="{dimension}"')
    status = pipelines(f"pipeline_{dimension}_status")
    return f"{since} * on (job, instance, source, pipeline) group_left (status) ({status} == 1)"


def _wanted(dimension: str) -> str:
    desired = pipelines(f"pipeline_{dimension}_desired_status")
    named = f'label_replace({desired} == 1, "wanted", "$1", "status", "(.+)")'
    return f'label_replace({named}, "dimension", "{dimension}", "", "")'
