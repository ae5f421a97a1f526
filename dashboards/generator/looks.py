"""What values look like: thresholds, mappings, colours, legends. Every colour says something."""

from __future__ import annotations

from collections.abc import Iterable

from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from dashboards.generator.codes import BAD, FAILED, GOOD, OFF, Code, Scale

Steps = tuple[tuple[float | None, str], ...]

PLAIN: Steps = ((None, "blue"),)
"""A number that is neither good nor bad."""

BAD_IF_ANY: Steps = ((None, GOOD), (1, FAILED))
ODD_IF_ANY: Steps = ((None, GOOD), (1, BAD))
GOOD_IF_ONE: Steps = ((None, FAILED), (1, GOOD))

DOWN_UP = (Code(0, "down", FAILED), Code(1, "up", GOOD))
NO_YES = (Code(0, "no", OFF), Code(1, "yes", "blue"))
NO_ERROR_ERROR = (Code(0, "no error", GOOD), Code(1, "error", FAILED))
FAILED_OK = (Code(0, "failed", FAILED), Code(1, "ok", GOOD))


def thresholds(steps: Steps) -> ThresholdsConfig:
    """Colours from a value on; the first has none and is what lies below."""
    found = [Threshold(value=value, color=colour) for value, colour in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)


def dashed() -> GraphThresholdsStyleConfig:
    """Thresholds as dashed lines in a graph."""
    return GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)


def mappings(codes: Iterable[Code]) -> list[ValueMapping]:
    """Texts and colours of codes; no value at all is said to be none."""
    options = {
        str(code.number): ValueMappingResult(text=code.status, color=code.colour, index=index)
        for index, code in enumerate(codes)
    }
    nothing = ValueMappingResult(text="no data", color="transparent", index=len(options))
    null = DashboardSpecialValueMapOptions(match=SpecialValueMatch.NULL_AND_NAN, result=nothing)
    return [ValueMap(options=options), SpecialValueMap(options=null)]


def by_threshold() -> FieldColor:
    """Colour by the value's threshold."""
    return FieldColor().mode(FieldColorModeId.THRESHOLDS)


def by_name() -> FieldColor:
    """Colour by the series' name, so that it keeps its colour when others come and go."""
    return FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def fixed(colour: str) -> DynamicConfigValue:
    """One colour."""
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})


def colours_of(*scales: Scale) -> dict[str, str]:
    """Colours of the statuses, by name."""
    return {code.status: code.colour for scale in scales for code in scale.codes}


def legend() -> VizLegendOptions:
    """A table below the graph, with the last value of each."""
    return (
        VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.BOTTOM)
        .calcs(["lastNotNull"])
    )


def no_legend() -> VizLegendOptions:
    """None: the rows have their names beside them, and the values theirs."""
    return (
        VizLegendOptions()
        .show_legend(False)
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .calcs([])
    )


def tooltip() -> VizTooltipOptions:
    """All series, the largest first."""
    return VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)


def tooltip_of_one() -> VizTooltipOptions:
    """The series under the pointer."""
    return VizTooltipOptions().mode(TooltipDisplayMode.SINGLE).sort(SortOrder.NONE)


def last() -> ReduceDataOptions:
    """The last value."""
    return ReduceDataOptions().values(False).calcs(["lastNotNull"]).fields("")
