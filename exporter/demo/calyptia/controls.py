"""POST /demo/…: the actions of the world as JSON, so that a test can steer a simulator in another process."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from exporter.demo.calyptia.fleet import Look
from exporter.demo.calyptia.pipelines import KubeEvent
from exporter.demo.calyptia.traces import Tap
from exporter.demo.calyptia.world import World


class Control(Protocol):
    """A decoded body that knows what to do to the world; what it returns is the answer's `result`."""

    def apply(self, world: World) -> object:
        """Do it; raises Refusal."""


class Report(msgspec.Struct, forbid_unknown_fields=True):
    """Report a pipeline's status."""

    pipeline: str
    status: str
    events: list[KubeEvent] | UnsetType | None = UNSET

    def apply(self, world: World) -> str:
        """Give the id of the row."""
        return world.report(self.pipeline, self.status, self.events)


class Rollout(msgspec.Struct, forbid_unknown_fields=True):
    """Give a pipeline a new configuration."""

    pipeline: str
    text: str | None = None

    def apply(self, world: World) -> str:
        """Give the id of the configuration."""
        return world.rollout(self.pipeline, self.text)


class Scale(msgspec.Struct, forbid_unknown_fields=True):
    """Ask for another number of replicas."""

    pipeline: str
    replicas: int

    def apply(self, world: World) -> None:
        """Give nothing."""
        world.scale(self.pipeline, self.replicas)


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """Change fields of a pipeline, by their names in Python (`checks_total`, `error`, …)."""

    pipeline: str
    fields: Look

    def apply(self, world: World) -> None:
        """Give nothing."""
        world.change(self.pipeline, **self.fields)


class AddPipeline(msgspec.Struct, forbid_unknown_fields=True):
    """Create a pipeline."""

    name: str
    instance: str | None = None
    status: str = "NEW"
    events: list[KubeEvent] | UnsetType | None = UNSET
    fields: Look = msgspec.field(default_factory=lambda: Look())

    def apply(self, world: World) -> str:
        """Give its id."""
        return world.add_pipeline(
            self.name, instance=self.instance, status=self.status, events=self.events, **self.fields
        )


class Delete(msgspec.Struct, forbid_unknown_fields=True):
    """Remove a pipeline."""

    pipeline: str

    def apply(self, world: World) -> None:
        """Give nothing."""
        world.delete(self.pipeline)


class AddCoreInstance(msgspec.Struct, forbid_unknown_fields=True):
    """Add a core instance."""

    name: str
    status: str | None = "running"
    version: str | None = "v3.55.0"
    tags: list[str] | None = None

    def apply(self, world: World) -> str:
        """Give its id."""
        return world.add_core_instance(self.name, status=self.status, version=self.version, tags=self.tags)


class InstanceStatus(msgspec.Struct, forbid_unknown_fields=True):
    """Set what the last ping of a core instance says."""

    instance: str
    status: str | None

    def apply(self, world: World) -> None:
        """Give nothing."""
        world.instance_status(self.instance, self.status)


class StartTrace(msgspec.Struct, forbid_unknown_fields=True):
    """Start a trace session, `lifespan` in seconds."""

    pipeline: str
    lifespan: float = 600.0
    plugins: list[str] | None = None
    as_number: bool = False

    def apply(self, world: World) -> str:
        """Give its id."""
        return world.start_trace(self.pipeline, lifespan=self.lifespan, plugins=self.plugins, as_number=self.as_number)


class ExtendTrace(msgspec.Struct, forbid_unknown_fields=True):
    """Change the lifespan of an active trace session, in seconds."""

    session: str
    lifespan: float
    as_number: bool = False

    def apply(self, world: World) -> None:
        """Give nothing."""
        world.extend_trace(self.session, self.lifespan, as_number=self.as_number)


class EndTrace(msgspec.Struct, forbid_unknown_fields=True):
    """Terminate a trace session."""

    session: str

    def apply(self, world: World) -> None:
        """Give nothing."""
        world.end_trace(self.session)


class EmitRecord(msgspec.Struct, forbid_unknown_fields=True):
    """Let a trace record arrive; `record` has the fields of `Tap`."""

    session: str
    record: Tap

    def apply(self, world: World) -> str:
        """Give its id."""
        return world.emit_record(self.session, self.record)


class RotateToken(msgspec.Struct, forbid_unknown_fields=True):
    """Give out a new project token."""

    gone: bool = True

    def apply(self, world: World) -> str:
        """Give the new token."""
        return world.rotate_token(gone=self.gone)


CONTROLS: dict[str, type[Any]] = {
    "report": Report,
    "rollout": Rollout,
    "scale": Scale,
    "change": Change,
    "add_pipeline": AddPipeline,
    "delete": Delete,
    "add_core_instance": AddCoreInstance,
    "instance_status": InstanceStatus,
    "start_trace": StartTrace,
    "extend_trace": ExtendTrace,
    "end_trace": EndTrace,
    "emit_record": EmitRecord,
    "rotate_token": RotateToken,
}
"""The actions by the last part of their path."""


def apply(world: World, action: str, body: bytes) -> object:
    """Decode and do one action; raises KeyError for an unknown one, msgspec.DecodeError, Refusal."""
    control: Control = msgspec.json.decode(body or b"{}", type=CONTROLS[action])
    return control.apply(world)
