"""The Grafana dashboards as code: ``python -m dashboards.generator`` writes the JSON, the rules and the code table.

Classic dashboards, because every Grafana imports them; the SDK would rather have its second format, and warns when
modules of the others are loaded.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import grafana_foundation_sdk.builders.dashboard
    import grafana_foundation_sdk.models.dashboardv2beta1  # noqa: F401
