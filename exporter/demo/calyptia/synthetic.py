"""Made-up identities, tokens and configurations, the same for the same seed; none opens anything anywhere."""

from __future__ import annotations

import base64
import random
import uuid

import msgspec

from exporter.demo.calyptia.times import rfc3339

_RAW_CONFIG = """\
[SERVICE]
    Flush            1
    Log_Level        info
[INPUT]
    Name             http
    Listen           0.0.0.0
    Port             9880
    Tag              {name}
[FILTER]
    Name             record_modifier
    Match            *
    Record           pipeline {name}
    Record           revision {revision}
[OUTPUT]
    Name             http
    Alias            sink
    Match            *
    Host             logs.example.com
    Port             443
    tls              on
    HTTP_User        shipper
    HTTP_Passwd      {secret}
"""


def raw_config(name: str, revision: str, secret: str) -> str:
    """Write a classic Fluent Bit configuration with a password in it."""
    return _RAW_CONFIG.format(name=name, revision=revision, secret=secret)


class Maker:
    """Source of everything random in a world: ids, tokens, the planted secret."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uuid(self) -> str:
        """Make a random-looking UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def secret(self) -> str:
        """Make the string that must never leave a configuration or a payload."""
        return f"planted-{self._random.getrandbits(96):024x}"

    def project_token(self, project_id: str) -> str:
        """Make a project token: ids as JSON, a dot, a 48-byte signature, both base64url without padding."""
        ids = msgspec.json.encode({"TokenID": self.uuid(), "ProjectID": project_id})
        return f"{_base64url(ids)}.{_base64url(self._random.randbytes(48))}"

    def user_token(self) -> str:
        """Make something that looks like a user's JWT."""
        parts = (b'{"alg":"RS256","typ":"JWT"}', b'{"sub":"demo"}', self._random.randbytes(32))
        return ".".join(_base64url(part) for part in parts)

    def resource_profile(self, created: float) -> msgspec.Raw:
        """Make the `best-effort` resource profile."""
        moment = rfc3339(created)
        profile = {
            "id": self.uuid(), "name": "best-effort", "createdAt": moment, "updatedAt": moment,
            "storageMaxChunksUp": 128, "storageSyncFull": False, "storageBacklogMemLimit": "5Mi",
            "storageVolumeSize": "1Gi", "storageMaxChunksPause": False, "cpuBufferWorkers": 2,
            "cpuLimit": "1", "cpuRequest": "100m", "memoryLimit": "2Gi", "memoryRequest": "128Mi",
        }  # fmt: skip
        return msgspec.Raw(msgspec.json.encode(profile))

    def config_section(self, project_id: str, secret: str, created: float) -> msgspec.Raw:
        """Make an output section, password included."""
        moment = rfc3339(created)
        pairs = [{"key": "name", "value": "http"}, {"key": "http_passwd", "value": secret}]
        section = {
            "id": self.uuid(), "projectID": project_id, "processingRuleID": None, "kind": "output",
            "properties": pairs, "createdAt": moment, "updatedAt": moment,
        }  # fmt: skip
        return msgspec.Raw(msgspec.json.encode(section))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
