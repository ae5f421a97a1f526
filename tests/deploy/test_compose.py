"""deploy/compose: what can be known of the containers without starting them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from exporter import __version__
from exporter.config import Config
from exporter.config.file import load
from exporter.demo.calyptia import World
from exporter.demo.servers import KINDS as SIMULATED
from exporter.sources.kinds import KINDS
from tests.deploy.composition import FOLDER, ROOT, binds, compose, config_of, inside, services

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "compose.json").read_text(encoding="utf-8"))
SERVICES = sorted(services())
SIMULATORS = {"feldera", "calyptia"}


def exporter_config() -> Config:
    """The exporter's config file."""
    return load(config_of("exporter"), {name: kind.config for name, kind in KINDS.items()}, environ={})


def test_fits_the_schema() -> None:
    """Every key is one of Compose; images are pinned, ports on loopback, root file systems read-only, users numeric."""
    jsonschema.Draft7Validator(SCHEMA).validate(compose())


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [
        ("grafana", "image", "grafana/grafana:latest"),
        ("grafana", "image", "grafana/grafana"),
        ("grafana", "ports", ["3000:3000"]),
        ("grafana", "user", "0"),
        ("exporter", "read_only", False),
        ("exporter", "depend_on", {}),
    ],
)
def test_the_schema_refuses(service: str, key: str, value: object) -> None:
    """What the schema is there to prevent is not valid."""
    changed = compose()
    changed["services"][service][key] = value
    assert not jsonschema.Draft7Validator(SCHEMA).is_valid(changed)


def test_images_of_ours_have_the_version() -> None:
    """The exporter and the simulators are one image, built here, with the version of the package."""
    ours = {name: one for name, one in services().items() if "build" in one}
    assert ours.keys() == SIMULATORS | {"exporter"}
    assert {one["image"] for one in ours.values()} == {f"pipeline-exporter:{__version__}"}
    for one in ours.values():
        assert (FOLDER / one["build"]["context"] / one["build"]["dockerfile"]).samefile(ROOT / "Dockerfile")


@pytest.mark.parametrize("service", SERVICES)
def test_mounted_places_exist(service: str) -> None:
    """Every mounted file and folder is in the repository, and every volume is declared."""
    assert [path for path in binds(service).values() if not path.exists()] == []
    named = {one["source"] for one in services()[service].get("volumes", []) if one["type"] == "volume"}
    assert named <= compose()["volumes"].keys()


def test_every_volume_is_used() -> None:
    """No volume is declared for nobody."""
    used = {v["source"] for one in services().values() for v in one.get("volumes", []) if v["type"] == "volume"}
    assert used == compose()["volumes"].keys()


@pytest.mark.parametrize("service", SERVICES)
def test_dependencies_can_become_healthy(service: str) -> None:
    """A service that others wait for has a healthcheck: its own, or, for the exporter, that of the image."""
    for needed in services()[service].get("depends_on", {}):
        assert "healthcheck" in services()[needed] or needed == "exporter"


def test_prometheus_config(tool: Callable[[str], str], tmp_path: Path) -> None:
    """Promtool accepts it, with the rules where the container sees them."""
    text = config_of("prometheus").read_text(encoding="utf-8")
    (pattern,) = yaml.safe_load(text)["rule_files"]
    folder = inside("prometheus", str(Path(pattern).parent))
    assert folder == ROOT / "alerts" / "rules"
    path = tmp_path / "prometheus.yml"
    path.write_text(text.replace(pattern, f"{folder}/{Path(pattern).name}"))
    done = subprocess.run([tool("promtool"), "check", "config", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rules found") == len(list(folder.glob("*.yml")))


def test_alertmanager_config(tool: Callable[[str], str]) -> None:
    """Amtool accepts it."""
    done = subprocess.run([tool("amtool"), "check-config", config_of("alertmanager")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_inhibition_is_the_one_that_is_shipped() -> None:
    """The demo mutes what alerts/alertmanager mutes."""
    shipped = yaml.safe_load((ROOT / "alerts/alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    assert yaml.safe_load(config_of("alertmanager").read_text())["inhibit_rules"] == shipped["inhibit_rules"]


def test_alertmanager_needs_no_secret() -> None:
    """Nothing is sent anywhere: no receiver has more than a name."""
    receivers = yaml.safe_load(config_of("alertmanager").read_text(encoding="utf-8"))["receivers"]
    assert receivers == [{"name": "nobody"}]


def test_exporter_reads_the_simulators() -> None:
    """Its sources are the simulators, of their kinds, at the ports they listen on."""
    sources = {source.type: str(source.url) for source in exporter_config().sources}
    assert sources == {kind: f"http://{kind}:8080" for kind in SIMULATORS}
    for kind in SIMULATORS:
        assert {"demo-server", f"--kind={kind}", "--listen-address=:8080"} <= set(services()[kind]["command"])


@pytest.mark.parametrize("kind", sorted(SIMULATORS))
def test_exporter_asks_for_all_that_the_simulators_have(kind: str) -> None:
    """Logs and traces are followed as in ``demo``, so that their panels have something to show."""
    sources = yaml.safe_load(config_of("exporter").read_text(encoding="utf-8"))["sources"]
    (source,) = [one for one in sources if one["type"] == kind]
    assert source.items() >= SIMULATED[kind](1, 0).keys.items()


def test_project_token_is_that_of_the_seed() -> None:
    """The simulated Calyptia takes the token in the config: it depends on the seed alone."""
    (seed,) = [int(one.removeprefix("--seed=")) for one in services()["calyptia"]["command"] if "--seed" in one]
    (source,) = yaml.safe_load(config_of("exporter").read_text())["sources"][1:]
    assert source["project_token"] == World(seed=seed).project_token


def test_external_labels_agree() -> None:
    """Alertmanager can tell that an alert of the bridge and one of the rules are the same."""
    config = exporter_config()
    assert config.alerting is not None
    scraping = yaml.safe_load(config_of("prometheus").read_text(encoding="utf-8"))
    assert config.alerting.external_labels == scraping["global"]["external_labels"] != {}


def test_addresses_in_configs_are_services() -> None:
    """Every host that a config names is a service, and its port is one that the service serves."""
    served = {"feldera": "8080", "calyptia": "8080", "localhost": "9090"}
    served |= {name: port.rpartition(":")[2] for name, one in services().items() for port in one.get("ports", [])}
    texts = [path.read_text(encoding="utf-8") for path in (*map(config_of, ("exporter", "prometheus")), datasource())]
    named = {pair for text in texts for pair in re.findall(r"(?:'|//)([a-z]+):(\d+)\b", text)}
    assert len(named) == 6
    assert named <= served.items()


def datasource() -> Path:
    """The data source that Grafana is given."""
    (path,) = (ROOT / "dashboards/provisioning/datasources").glob("*.yaml")
    return path


def test_grafana_finds_the_dashboards() -> None:
    """The folder that the provider names is the one where the container has the dashboards."""
    (path,) = (ROOT / "dashboards/provisioning/dashboards").glob("*.yaml")
    (provider,) = provisioned(path)["providers"]
    assert inside("grafana", provider["options"]["path"]) == ROOT / "dashboards"
    assert inside("grafana", f"/etc/grafana/provisioning/dashboards/{path.name}") == path
    assert inside("grafana", f"/etc/grafana/provisioning/datasources/{datasource().name}") == datasource()


def test_datasource_has_the_scrape_interval() -> None:
    """Grafana's rate interval fits how often Prometheus scrapes."""
    (source,) = provisioned(datasource())["datasources"]
    scraping = yaml.safe_load(config_of("prometheus").read_text(encoding="utf-8"))
    assert source["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]


def provisioned(path: Path) -> dict[str, Any]:
    """A provisioning file of Grafana."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))
