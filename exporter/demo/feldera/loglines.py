"""The text of log lines: what the manager says of a pipeline and what the pipeline itself prints."""

from __future__ import annotations

from exporter.demo.feldera.identity import rfc3339_micros

_COLORS = {"ERROR": 31, "WARN": 33, "INFO": 32, "DEBUG": 34, "TRACE": 35}


def manager_line(at_us: int, level: str, message: str, *, target: str, pipeline_id: str, name: str) -> str:
    """A line of the control plane."""
    labels = f'pipeline-id="{pipeline_id}" pipeline-name="{name}"'
    return f"[manager] {rfc3339_micros(at_us)} {level:>5} {target}: {message} {labels}"


def pipeline_line(at_us: int, level: str, message: str, *, name: str, ansi: bool = False) -> str:
    """A line of the pipeline's process, with terminal colours if wanted."""
    stamp = rfc3339_micros(at_us)
    if ansi:
        shown = f"\x1b[{_COLORS[level]}m{level:>5}\x1b[0m"
        return f"[{name}] \x1b[2m{stamp}\x1b[0m {shown} \x1b[2mdbsp_adapters::controller\x1b[0m: {message}"
    return f"[{name}] {stamp} {level:>5} dbsp_adapters::controller: {message}"


def process_start(at_us: int, name: str) -> list[str]:
    """What the process of a pipeline prints first; its logger uses terminal colours at that time."""
    lines = (("INFO", "Listening on 0.0.0.0:8080"), ("INFO", "Opening the storage"), ("WARN", "No checkpoint found"))
    return [pipeline_line(at_us, level, message, name=name, ansi=True) for level, message in lines]


def panic_lines(worker: int, message: str) -> list[str]:
    """What a panicking worker leaves on stderr: no prefix and no time."""
    return [
        f"thread 'dbsp-worker-{worker}' panicked at crates/dbsp/src/operator/join.rs:417:21:",
        message,
        "stack backtrace:",
        "   0: rust_begin_unwind",
        "   1: core::panicking::panic_fmt",
        "   2: dbsp::operator::join::Join<I1,I2,Z>::eval",
        "note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.",
    ]


def snake_case(status: str | None) -> str:
    """A status as log lines spell it."""
    if status is None:
        return "none"
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in status).lstrip("_")
