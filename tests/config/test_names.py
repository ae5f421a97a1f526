"""Names of sources: what can stand in a label and in a path."""

from __future__ import annotations

import pytest

from exporter.config.units import Name


@pytest.mark.parametrize("name", [".", ".."])
def test_a_step_in_a_path_is_no_name(name: str) -> None:
    """A browser would leave it out of the address of a page."""
    with pytest.raises(
        ValueError, match=r"^a browser takes '\.' and '\.\.' for a step in a path; choose another name$"
    ):
        Name.parse(name)


@pytest.mark.parametrize("name", ["prod", "a b", "...", ".prod", "é"])
def test_other_dots_are_not_in_the_way(name: str) -> None:
    """What a browser leaves as it is may be a name."""
    assert Name.parse(name) == name
