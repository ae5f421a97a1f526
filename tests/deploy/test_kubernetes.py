"""deploy/kubernetes: the manifests are valid, fit each other and the exporter, and run with no right too many."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from exporter import __version__
from exporter.cli import main
from tests.deploy.manifests import (
    BASE,
    ROOT,
    SHARDED,
    Manifest,
    container,
    kustomization,
    manifests,
    of_kind,
    pod,
    the,
)
from tests.e2e.processes import COMMAND

SCHEMAS = Path(__file__).parent / "schemas"
CUSTOM = {kind: json.loads((SCHEMAS / f"{kind.lower()}.json").read_text()) for kind in ("PodMonitor", "PrometheusRule")}
CORE = [one for one in manifests() if one["kind"] not in CUSTOM]
SELECTOR = {"app.kubernetes.io/name": "pipeline-exporter"}


def name_of(manifest: Manifest) -> str:
    """What a manifest is called in a report."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


# Valid


@pytest.mark.parametrize("version", ["1.29", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("manifest", CORE, ids=name_of)
def test_core_kinds_are_valid(manifest: Manifest, version: str) -> None:
    """Kubernetes' own schemas accept it, with no field that they do not know."""
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_are_strict() -> None:
    """A misspelt field, which the API server would drop, is an error."""
    wrong = the("StatefulSet")
    wrong["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.29", strict=True)


@pytest.mark.parametrize(
    "manifest", [one for one in manifests() if one["kind"] in CUSTOM], ids=name_of
)  # fmt: skip
def test_custom_kinds_are_valid(manifest: Manifest) -> None:
    """The operator's kinds have the fields they should, and no others."""
    jsonschema.Draft7Validator(CUSTOM[manifest["kind"]]).validate(manifest)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "intervall"), "15s"),
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "interval"), "15 seconds"),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "for"), 5),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "labels"), {"severity": None}),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0), {"alert": "A", "record": "a", "expr": "1"}),
    ],
)
def test_custom_schemas_refuse(kind: str, path: tuple[Any, ...], value: object) -> None:
    """A misspelt field or a wrong value is an error."""
    wrong = of_kind(kind)[0]
    place = wrong
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not jsonschema.Draft7Validator(CUSTOM[kind]).is_valid(wrong)


# One set


def test_references_of_the_kustomizations_resolve() -> None:
    """Every file that a kustomization names is there, and every manifest beside it is named."""
    base = kustomization()
    assert {path.name for path in BASE.glob("*.yaml")} == {*base["resources"], "kustomization.yaml"}
    assert [(BASE / name).is_file() for one in base["configMapGenerator"] for name in one["files"]] == [True]
    assert [(SHARDED / one).resolve() for one in kustomization(SHARDED)["resources"]] == [BASE]


def test_no_manifest_twice() -> None:
    """A kind has a name once."""
    names = [*map(name_of, manifests()), *(f"ConfigMap/{one['name']}" for one in kustomization()["configMapGenerator"])]
    assert len(names) > 15
    assert sorted(names) == sorted(set(names))


def test_all_have_the_label() -> None:
    """Everything is found, and deleted, by one label."""
    assert [name_of(one) for one in manifests() if not SELECTOR.items() <= one["metadata"]["labels"].items()] == []


def test_selectors_choose_the_pods() -> None:
    """Service, budget, policy, monitor and StatefulSet mean the same pods."""
    labels = the("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    chosen = [
        the("Service")["spec"]["selector"],
        the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        the("PodMonitor")["spec"]["selector"]["matchLabels"],
        the("StatefulSet")["spec"]["selector"]["matchLabels"],
        *(one["labelSelector"]["matchLabels"] for one in pod()["topologySpreadConstraints"]),
    ]
    assert chosen == [labels] * len(chosen)


def test_names_of_objects_fit() -> None:
    """What refers to an object by its name refers to one there is; the Secret alone is brought by the operator."""
    spec = the("StatefulSet")["spec"]
    assert spec["serviceName"] == the("Service")["metadata"]["name"]
    assert pod()["serviceAccountName"] == the("ServiceAccount")["metadata"]["name"]
    assert [one["configMap"]["name"] for one in pod()["volumes"] if "configMap" in one] == [
        one["name"] for one in kustomization()["configMapGenerator"]
    ]
    (claim,) = spec["volumeClaimTemplates"]
    volumes = {one["name"] for one in pod()["volumes"]} | {claim["metadata"]["name"]}
    assert {one["name"] for one in container()["volumeMounts"]} == volumes


def test_ports_fit() -> None:
    """Everybody means the port that the exporter listens on by default, by its name."""
    (port,) = container()["ports"]
    default = next(option.default for option in main.commands["run"].params if option.name == "address")
    assert f":{port['containerPort']}" == default
    probes = [container()[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    monitored = [one["port"] for one in the("PodMonitor")["spec"]["podMetricsEndpoints"]]
    served = [one["targetPort"] for one in the("Service")["spec"]["ports"]]
    allowed = [one["port"] for rule in the("NetworkPolicy")["spec"]["ingress"] for one in rule["ports"]]
    assert {*probes, *monitored, *served, *allowed} == {port["name"]}


def test_image_has_the_version() -> None:
    """The image is that of this version, and the container's name for it is the one that is replaced."""
    (image,) = kustomization()["images"]
    assert image == {"name": container()["image"], "newName": "pipeline-exporter", "newTag": __version__}


# No right too many


def test_security_context() -> None:
    """No root, no capability, no escalation, no write outside the volumes, no token of the API server."""
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    context = pod()["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 65532
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is the("ServiceAccount")["automountServiceAccountToken"] is False


def test_only_the_state_is_writable() -> None:
    """Every other volume is mounted read-only."""
    assert [one["name"] for one in container()["volumeMounts"] if not one.get("readOnly")] == ["state"]


def test_stop_has_its_time() -> None:
    """A pod is killed only after a clean stop, of 10 s at most, had its time."""
    assert pod()["terminationGracePeriodSeconds"] == 15


# The exporter inside


def test_arguments_are_options() -> None:
    """The command and every option exist."""
    command, *options = container()["args"]
    known = {name for parameter in main.commands[command].params for name in parameter.opts}
    assert {option.partition("=")[0] for option in options} <= known


@pytest.mark.parametrize("replicas", [1, 3])
def test_config_is_valid_in_a_pod(replicas: int, tmp_path: Path) -> None:
    """The exporter accepts the config, with the environment and the Secret of a pod."""
    (mount,) = [one["mountPath"] for one in container()["volumeMounts"] if one["name"] == "credentials"]
    text = (BASE / "config.yml").read_text(encoding="utf-8")
    assert f"{mount}/feldera.token" in text
    (tmp_path / "feldera.token").write_text("a-token")
    (tmp_path / "config.yml").write_text(text.replace(mount, str(tmp_path)))
    environment = {"POD_NAME": f"pipeline-exporter-{replicas - 1}", "SHARD_TOTAL": str(replicas)}
    assert environment.keys() == {one["name"] for one in container()["env"]}
    done = subprocess.run(
        [*COMMAND, "check-config", f"--config.file={tmp_path / 'config.yml'}"],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_config_is_where_it_is_looked_for() -> None:
    """The file that the command names, and the state that the config names, are in volumes."""
    mounts = {one["name"]: one["mountPath"] for one in container()["volumeMounts"]}
    (generated,) = kustomization()["configMapGenerator"]
    assert f"--config.file={mounts['config']}/{generated['files'][0]}" in container()["args"]
    state = yaml.safe_load((BASE / "config.yml").read_text(encoding="utf-8"))["state"]["path"]
    assert Path(state).parent == Path(mounts["state"])


def test_pods_know_their_number() -> None:
    """POD_NAME is the pod's name, whose end is its number."""
    (variable,) = [one for one in container()["env"] if one["name"] == "POD_NAME"]
    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


@pytest.mark.parametrize("folder", [BASE, SHARDED], ids=lambda folder: folder.name)
def test_total_is_the_number_of_replicas(folder: Path) -> None:
    """Wherever the number of replicas is set, it is copied to the variable that the config reads."""
    own = kustomization(folder)
    assert [one["name"] for one in own["replicas"]] == [the("StatefulSet")["metadata"]["name"]]
    (replacement,) = own["replacements"]
    assert replacement["source"] == {"kind": "StatefulSet", "name": "pipeline-exporter", "fieldPath": "spec.replicas"}
    (target,) = replacement["targets"]
    assert target["select"] == {"kind": "StatefulSet", "name": "pipeline-exporter"}
    variable = f"spec.template.spec.containers.[name={container()['name']}].env.[name=SHARD_TOTAL].value"
    assert target["fieldPaths"] == [variable]
    assert {"name": "SHARD_TOTAL", "value": "1"} in container()["env"]
    assert "total: ${SHARD_TOTAL}" in (BASE / "config.yml").read_text(encoding="utf-8")
