"""Breaks the alerting rules on purpose, one small change at a time, and looks whether their tests notice.

Each mutant is one rule file with one change. It is tested by those of its own promtool tests that name the alert, in
a temporary copy. What no test notices is printed; less than 90 % noticed is exit code 1.

    python tests/tools/mutate_rules.py [--workers 4] [RULES_FILE ...]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ALERTS = Path(__file__).parents[2] / "alerts"
LEAST = 0.9
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
COMPARISONS = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "=="}
SET_OPERATORS = ("and", "or", "unless")
MATCHERS = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
EXTREMES = {"max": "min", "min": "max"}
TOKENS = re.compile(
    r"""(?P<matcher>\w+\s*(?:=~|!~|!=|=)\s*"[^"]*")
    |(?P<window>\[[^]]*\])
    |(?P<duration>\b\d+[smhd]\b)
    |(?P<number>\b\d+(?:\.\d+)?\b)
    |(?P<labels>\b(?:without|by|on)\s*\([^)]*\))
    |(?P<comparison>==|!=|>=|<=|>|<)
    |(?P<word>[A-Za-z_:][\w:]*)""",
    re.VERBOSE,
)

Rule = dict[str, Any]
Edit = tuple[str, int, int, str]
"""A kind of change, and the text to put between two places of an expression."""


@dataclass(frozen=True)
class Mutant:
    """A rule with one change."""

    file: Path
    index: int
    kind: str
    change: str
    rule: Rule

    @property
    def name(self) -> str:
        """The name of the alert or record."""
        return str(self.rule.get("alert") or self.rule["record"])


# Changes of an expression


def edits(expr: str) -> Iterator[Edit]:
    """Every small change of an expression."""
    for token in TOKENS.finditer(expr):
        kind, start, end, text = str(token.lastgroup), token.start(), token.end(), token.group()
        for name, new in changes(kind, text, expr[end:]):
            yield name, start, end, new


def changes(kind: str, text: str, rest: str) -> Iterator[tuple[str, str]]:
    """What may stand in the place of one token, before the ``rest`` of the expression; each with the kind of change."""
    if kind == "matcher":
        yield from matcher_changes(text)
    elif kind == "comparison":
        yield "comparison", COMPARISONS[text]
    elif kind == "window":
        yield from window_changes(text)
    elif kind == "number":
        yield from (("threshold", number) for number in near(text))
    elif kind == "labels":
        yield from grouping_changes(text)
    elif text in SET_OPERATORS:
        yield from (("set operator", other) for other in SET_OPERATORS if other != text)
    elif text in EXTREMES and not filtered(rest):
        yield "aggregation", EXTREMES[text]


def matcher_changes(text: str) -> Iterator[tuple[str, str]]:
    """A matcher turned round, left out, or without one of its alternatives."""
    label, operator, value = groups(r'(\w+)\s*(=~|!~|!=|=)\s*"(.*)"', text)
    yield "matcher", f'{label}{MATCHERS[operator]}"{value}"'
    yield "matcher", ""
    before, words, after = groups(r"([^(]*\()?([^()]*)(\).*)?", value)
    alternatives = words.split("|")
    if len(alternatives) > 1:
        for left_out in alternatives:
            kept = "|".join(word for word in alternatives if word != left_out)
            yield "matcher", f'{label}{operator}"{before}{kept}{after}"'


def groups(pattern: str, text: str) -> tuple[str, ...]:
    """The groups of a pattern that fits the whole text."""
    match = re.fullmatch(pattern, text)
    assert match is not None, text
    return match.groups(default="")


def near(text: str) -> tuple[str, str]:
    """Two numbers close to a number: its neighbours if it is a small whole one, else 10 % less and more."""
    if "." not in text and len(text) == 1:
        return str(int(text) - 1), str(int(text) + 1)
    return f"{float(text) * 0.9:.10g}", f"{float(text) * 1.1:.10g}"


def grouping_changes(text: str) -> Iterator[tuple[str, str]]:
    """An aggregation or a join that forgets a label."""
    word, *labels = re.findall(r"\w+", text)
    for left_out in labels:
        yield "grouping", f"{word} ({', '.join(label for label in labels if label != left_out)})"


def window_changes(text: str) -> Iterator[tuple[str, str]]:
    """A window of half and of double the length; the step of a subquery stays."""
    number, unit, step = groups(r"\[(\d+)([smhd])(:\w+)?\]", text)
    seconds = int(number) * SECONDS[unit]
    yield from (("window", f"[{length}s{step}]") for length in (seconds // 2, seconds * 2))


def filtered(rest: str) -> bool:
    """Whether what is aggregated has been compared with 1, so that the least and the greatest are the same."""
    argument = re.match(r"\s*(?:without|by)\s*\([^)]*\)\s*\(([^()]*)\)", rest)
    return argument is not None and argument[1].strip().endswith("== 1")


def with_edit(expr: str, edit: Edit) -> str:
    """The changed expression."""
    _, start, end, new = edit
    text = expr[:start] + new + expr[end:]
    return re.sub(r",\s*\}", "}", re.sub(r"\{\s*,", "{", text)).replace(",,", ",")


# Changes of a rule


def mutants(file: Path) -> Iterator[Mutant]:
    """Every mutant of a file."""
    for index, rule in enumerate(rules_of(load(file))):
        for kind, change, mutated in rule_changes(rule):
            yield Mutant(file, index, kind, change, mutated)


def rule_changes(rule: Rule) -> Iterator[tuple[str, str, Rule]]:
    """A rule with each of its changes: kind, what it is, and the rule."""
    expr = rule["expr"]
    for edit in edits(expr):
        new = with_edit(expr, edit)
        promql_parser.parse(new)
        kind, start, end, text = edit
        before = " ".join(expr[max(0, start - 30) : start].split())
        yield kind, f"{before} [{expr[start:end]} -> {text}]", {**rule, "expr": new}
    for key in ("for", "keep_firing_for"):
        for value in durations(rule.get(key)):
            yield key, f"{rule[key]} -> {value}", {**rule, key: value}
    for label in rule.get("labels", {}):
        labels = {name: value for name, value in rule["labels"].items() if name != label}
        yield "label", f"without {label}", {**rule, "labels": labels}


def durations(text: str | None) -> list[str]:
    """A duration left out, a fifth shorter and a fifth longer; at least a minute, which is how often rules are run."""
    if text is None:
        return []
    seconds = int(text[:-1]) * SECONDS[text[-1]]
    step = max(60, seconds // 5)
    return sorted({"0s", f"{seconds - step}s", f"{seconds + step}s"})


# Running


@cache
def load(path: Path) -> Any:
    """A YAML file; not to be changed, because it is read once."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules_of(document: Any) -> list[Rule]:
    """All rules of a file."""
    return [rule for group in document["groups"] for rule in group["rules"]]


def survives(mutant: Mutant, promtool: str) -> bool:
    """Whether the tests of a mutant pass."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write(place / "rules" / mutant.file.name, {"groups": [{"name": "mutant", "rules": needed_rules(mutant)}]})
        write(place / "tests" / "test.yml", needed_tests(mutant))
        command = [promtool, "test", "rules", str(place / "tests" / "test.yml")]
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def needed_rules(mutant: Mutant) -> list[Rule]:
    """The changed rule with those of its name, and the records; of a changed record, all rules."""
    rules = list(rules_of(load(mutant.file)))
    rules[mutant.index] = mutant.rule
    return [rule for rule in rules if "record" in {*rule, *mutant.rule} or rule["alert"] == mutant.name]


def needed_tests(mutant: Mutant) -> Any:
    """The tests that name the alert; of a record, all of its file."""
    document = load(mutant.file.parents[1] / "tests" / mutant.file.name.replace(".rules.yml", ".test.yml"))
    if "record" in mutant.rule:
        return document
    return {**document, "tests": [test for test in document["tests"] if mutant.name in names_in(test)]}


def names_in(test: Any) -> set[str]:
    """The alerts that a promtool test is about."""
    return {check["alertname"] for check in test.get("alert_rule_test", ())}


def write(path: Path, value: Any) -> None:
    """Write JSON, which is YAML, too, and much faster."""
    path.parent.mkdir()
    path.write_text(json.dumps(value), encoding="utf-8")


def with_alerts() -> list[Path]:
    """The files that have alerting rules."""
    files = sorted((ALERTS / "rules").glob("*.rules.yml"))
    return [file for file in files if any("alert" in rule for rule in rules_of(load(file)))]


def unchanged(files: list[Path]) -> list[Mutant]:
    """Every rule as it is: its tests have to pass, or the rest says nothing."""
    return [Mutant(file, i, "", "", rule) for file in files for i, rule in enumerate(rules_of(load(file)))]


def main() -> int:
    """Run all mutants and say what was noticed; the exit code."""
    parser = argparse.ArgumentParser(description="Break the alerting rules on purpose and see whether tests notice.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--workers", type=int, default=4)
    given = parser.parse_args()
    promtool = shutil.which("promtool")
    if promtool is None:
        print("promtool is not installed", file=sys.stderr)
        return 2
    files = [file.resolve() for file in given.files] or with_alerts()
    with ThreadPoolExecutor(given.workers) as pool:
        run = partial(survives, promtool=promtool)
        sound, found = unchanged(files), [mutant for file in files for mutant in mutants(file)]
        broken = [mutant.name for mutant, passed in zip(sound, pool.map(run, sound), strict=True) if not passed]
        if broken:
            print(f"tests fail without any change: {', '.join(broken)}", file=sys.stderr)
            return 2
        return report(list(zip(found, pool.map(run, found), strict=True)))


def report(outcome: list[tuple[Mutant, bool]]) -> int:
    """Print survivors and counts; the exit code."""
    total, killed = Counter[str](), Counter[str]()
    for mutant, survived in outcome:
        total[mutant.kind] += 1
        killed[mutant.kind] += not survived
        if survived:
            print(f"survived: {mutant.file.name}: {mutant.name}: {mutant.kind}: {mutant.change}")
    for kind in sorted(total):
        print(f"{kind}: {killed[kind]}/{total[kind]}")
    share = killed.total() / total.total()
    print(f"all: {killed.total()}/{total.total()} ({share:.1%})")
    return int(share < LEAST)


if __name__ == "__main__":
    sys.exit(main())
