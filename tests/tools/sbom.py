"""Writes what the image holds as CycloneDX JSON: ``python tests/tools/sbom.py FILE [LOCK]``.

A component is what ``requirements.lock`` pins, with the hashes of all its files; the same lock gives the same bytes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def command(output: Path, lock: Path) -> list[str]:
    """How cyclonedx-py is called; it reads files and asks nobody."""
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    root = ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"]
    form = ["--output-reproducible", "--spec-version", "1.6", "--output-format", "JSON", "--validate"]
    return [program, "requirements", *root, *form, "--output-file", str(output), str(lock)]


def main(arguments: Sequence[str]) -> int:
    """Write it; exit 1 with a sentence if the file is not named or cannot be written."""
    if not 1 <= len(arguments) <= 2:
        print("usage: sbom.py FILE [LOCK]", file=sys.stderr)
        return 1
    output, lock = Path(arguments[0]), Path(arguments[1]) if len(arguments) == 2 else ROOT / "requirements.lock"
    done = subprocess.run(command(output, lock), capture_output=True, text=True)
    if done.returncode:
        print(f"{output}: cannot be written: {(done.stderr.strip().splitlines() or ['?'])[-1]}", file=sys.stderr)
        return 1
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
