"""Writes everything that is generated: ``python -m dashboards.generator [--exporter-url=URL] [--runbooks-url=URL]``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.generator import availability, codes, exporter, fleet, pipeline, provisioning, rules
from dashboards.generator.board import Board
from dashboards.generator.variables import USUAL, Places

ROOT = Path(__file__).parents[2]
DOCS = Path("docs/dashboards.md")
BEGIN, END = "<!-- codes: written by make dashboards -->\n", "<!-- end of codes -->\n"


def boards() -> dict[str, Board]:
    """The boards by the names of their files."""
    return {module.__name__.rpartition(".")[2]: module.board() for module in (fleet, pipeline, availability, exporter)}


def files(places: Places = USUAL) -> dict[Path, str]:
    """Every generated file, by its path in the repository."""
    found = {Path(f"dashboards/{name}.json"): _json(board, places) for name, board in boards().items()}
    found[Path("dashboards/provisioning/dashboards/pipeline-exporter.yaml")] = provisioning.DASHBOARDS
    found[Path("dashboards/provisioning/datasources/prometheus.yaml")] = provisioning.DATASOURCES
    found[Path("alerts/rules/pipeline-statuses.rules.yml")] = rules.text()
    return found


def documented(text: str) -> str:
    """The docs with the table of codes as it is now."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{DOCS}: the marks around the table of codes are missing: {BEGIN.strip()} … {END.strip()}")
    return f"{head}{BEGIN}\n{codes.markdown()}\n{END}{tail}"


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--exporter-url", default=USUAL.exporter, help="where browsers find the exporter's own pages")
    parser.add_argument("--runbooks-url", default=USUAL.runbooks, help="where the runbooks are, each named <alert>.md")
    asked = parser.parse_args()
    for path, text in files(Places(asked.exporter_url, asked.runbooks_url)).items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    docs = ROOT / DOCS
    docs.write_text(documented(docs.read_text(encoding="utf-8")), encoding="utf-8")


def _json(board: Board, places: Places) -> str:
    built = json.loads(json.dumps(board.build(places), cls=JSONEncoder))
    for shown in (*built["links"], *built["annotations"]["list"]):
        del shown["placement"]  # the SDK puts all of them into a menu; here they stand at the top
    return json.dumps(built, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
