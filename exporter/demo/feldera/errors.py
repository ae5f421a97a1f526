"""The errors the simulated control plane answers with: HTTP status, code, message, details."""

from __future__ import annotations

from msgspec import Struct

NAME_PATTERN = "^([A-Za-z0-9][-A-Za-z0-9_]*)?[A-Za-z0-9]$"
_NAME_RULE = (
    "be non-empty and only contain lowercase (a-z), uppercase (A-Z), number (0-9), underscore (_) or hyphen (-) "
    "characters, but cannot start or end with hyphen or underscore"
)


class SimulatedError(Exception):
    """A refusal, as the API sends it: `status` and the members of the JSON body."""

    def __init__(self, status: int, error_code: str, message: str, details: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.details = details


class Failure(Struct, frozen=True):
    """A `deployment_error`: what ended a deployment, in the shape of every error body of the API."""

    message: str
    error_code: str
    details: object = None


def unknown_pipeline(name: str) -> SimulatedError:
    """No pipeline has this name."""
    details = {"pipeline_name": name}
    return SimulatedError(404, "UnknownPipelineName", f"Unknown pipeline name '{name}'", details)


def no_events() -> SimulatedError:
    """The pipeline has no event yet."""
    message = "There are no pipeline monitor events available yet"
    return SimulatedError(404, "NoPipelineMonitorEventsAvailable", message)


def unknown_event(event_id: str) -> SimulatedError:
    """No retained event has this identifier."""
    message = f"Unknown pipeline monitor event '{event_id}'"
    return SimulatedError(404, "UnknownPipelineMonitorEvent", message, {"event_id": event_id})


def no_cluster_events() -> SimulatedError:
    """The monitor of the cluster has not run yet."""
    message = "There are no cluster monitor events available yet"
    return SimulatedError(404, "NoClusterMonitorEventsAvailable", message)


def unknown_cluster_event(event_id: str) -> SimulatedError:
    """No retained cluster event has this identifier."""
    message = f"Unknown cluster monitor event '{event_id}'"
    return SimulatedError(404, "UnknownClusterMonitorEvent", message, {"event_id": event_id})


def invalid_uuid(value: str) -> SimulatedError:
    """A path parameter that should be a UUID is none."""
    message = f"Unable to parse '{value}' as UUID"
    return SimulatedError(400, "InvalidUuidParam", message, {"value": value})


def invalid_selector(value: str) -> SimulatedError:
    """The selector is none of those this endpoint knows."""
    message = f"Query deserialize error: unknown variant `{value}`"
    return SimulatedError(400, "InvalidSelector", message, {"selector": value})


def invalid_body(reason: str) -> SimulatedError:
    """The JSON body cannot be read."""
    return SimulatedError(400, "InvalidJson", f"Json deserialize error: {reason}")


def duplicate_name() -> SimulatedError:
    """Another pipeline has this name already."""
    return SimulatedError(409, "DuplicateName", "An entity with this name already exists")


def bad_name(name: str) -> SimulatedError:
    """The name does not follow the rule for names."""
    details = {"name": name, "pattern": NAME_PATTERN, "pattern_description": _NAME_RULE}
    message = f"Name '{name}' should {_NAME_RULE} (pattern: '{NAME_PATTERN}')"
    return SimulatedError(400, "NameDoesNotMatchPattern", message, details)


def illegal_action(status: str, desired: str, wanted: str, hint: str) -> SimulatedError:
    """The resources cannot be asked to become this now."""
    current = f"(current: '{status}', desired: '{desired}')"
    message = f"Deployment resources status {current} cannot have desired changed to '{wanted}'. {hint}"
    details = {"status": status, "current_desired_status": desired, "new_desired_status": wanted, "hint": hint}
    return SimulatedError(400, "IllegalPipelineAction", message, details)


def restricted(error_code: str, message: str) -> SimulatedError:
    """The pipeline must be stopped, or its storage cleared, for this."""
    return SimulatedError(400, error_code, message)


def invalid_storage_transition(current: str, wanted: str) -> SimulatedError:
    """The storage cannot go from the one status to the other."""
    message = f"Cannot transition from storage status '{current.lower()}' to '{wanted.lower()}'"
    details = {"current_status": current, "new_status": wanted}
    return SimulatedError(400, "InvalidStorageStatusTransition", message, details)


def not_deployed(name: str, status: str) -> SimulatedError:
    """The action needs a running process, and there is none."""
    message = f"Unable to interact with pipeline because it is not deployed: its status is '{status}'"
    details = {"pipeline_name": name, "status": status}
    return SimulatedError(503, "PipelineInteractionNotDeployed", message, details)


def database_down() -> SimulatedError:
    """The database cannot be reached."""
    return SimulatedError(500, "DatabaseConnectionError", "Unable to reach the database")
