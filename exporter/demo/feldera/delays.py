"""How long the steps of the simulated life cycles take."""

from __future__ import annotations

import random

from msgspec import Struct


class Delays(Struct, frozen=True, kw_only=True):
    """Seconds of each step, before a jitter of so many parts of one."""

    discovery: float = 2.0
    queued: float = 1.0
    sql: float = 3.0
    rust: float = 25.0
    pickup: float = 0.3
    provisioning: float = 4.0
    initializing: float = 3.0
    bootstrapping: float = 6.0
    pausing: float = 0.4
    suspending: float = 1.5
    stopping: float = 2.0
    clearing: float = 3.0
    details: float = 10.0
    heartbeat: float = 600.0
    jitter: float = 0.2

    @classmethod
    def none(cls) -> Delays:
        """Everything at once, except the heartbeats."""
        steps = dict.fromkeys(cls.__struct_fields__, 0.0)
        return cls(**{**steps, "heartbeat": 600.0})

    def jittered(self, seconds: float, source: random.Random) -> float:
        """A delay a little shorter or longer than the given one."""
        return seconds * (1 + self.jitter * source.uniform(-1, 1)) if seconds and self.jitter else seconds
