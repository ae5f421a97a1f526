"""The exporter's program, which also says how many asyncio tasks it has when it gets SIGUSR1."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from types import FrameType

from exporter.cli import main


def _tell(number: int, frame: FrameType | None) -> None:
    print(json.dumps({"msg": "tasks", "tasks": len(asyncio.all_tasks())}), file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _tell)
    main()
