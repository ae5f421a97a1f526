"""Shards: every pipeline belongs to exactly one, and stays there as far as it can."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Sharding
from exporter.config.shard import Shard, ordinal, part_of
from exporter.config.units import Positive, WholeNumber
from exporter.errors import ConfigError

IDS = [f"pipeline-{number:032x}" for number in range(5000)]
POD = {"POD_NAME": "pipeline-exporter-2"}


@given(identity=st.text(), total=st.integers(1, 300))
def test_a_pipeline_belongs_to_one_shard(identity: str, total: int) -> None:
    """The shards together are the whole, and no two overlap, whatever the identity is."""
    assert [Shard(index, total).owns(identity) for index in range(total)].count(True) == 1


def test_the_parts_are_known_for_ever() -> None:
    """Another version puts pipelines where this one does: state files and counters stay with their pods."""
    assert [part_of(identity, 10) for identity in IDS[:12]] == [9, 1, 1, 2, 9, 3, 9, 8, 7, 5, 8, 1]


@pytest.mark.parametrize("total", [2, 3, 7, 16])
def test_the_parts_are_about_equal(total: int) -> None:
    """No shard has much more to do than another."""
    counts = Counter(part_of(identity, total) for identity in IDS)
    assert len(counts) == total
    assert max(counts.values()) < 1.3 * len(IDS) / total


@pytest.mark.parametrize("total", [1, 2, 3, 10, 30])
def test_one_shard_more_moves_as_little_as_it_must(total: int) -> None:
    """What moves goes to the new shard, and it is no more than the new one's share."""
    moved = [identity for identity in IDS if part_of(identity, total) != part_of(identity, total + 1)]
    assert {part_of(identity, total + 1) for identity in moved} == {total}
    assert len(moved) < 1.3 * len(IDS) / (total + 1)


@pytest.mark.parametrize(
    ("environ", "number"),
    [({}, None), (POD, 2), ({"POD_NAME": "exporter"}, None), ({"POD_NAME": "e-0"}, 0), ({"POD_NAME": "e-1-x"}, None)],
)
def test_the_ordinal_of_a_pod(environ: dict[str, str], number: int | None) -> None:
    """A StatefulSet's pods are numbered at the end of their names."""
    assert ordinal(environ) == number


@pytest.mark.parametrize(
    ("index", "total", "environ", "flags", "shard"),
    [
        (None, 1, {}, {}, Shard(0, 1)),
        (None, 1, POD, {}, Shard(0, 1)),
        (1, 3, POD, {}, Shard(1, 3)),
        (None, 3, POD, {}, Shard(2, 3)),
        (1, 3, POD, {"index": 0}, Shard(0, 3)),
        (1, 3, {}, {"total": 5}, Shard(1, 5)),
        (None, 1, POD, {"total": 4}, Shard(2, 4)),
        (None, 1, {}, {"index": 3, "total": 4}, Shard(3, 4)),
    ],
)
def test_who_decides(
    index: int | None, total: int, environ: dict[str, str], flags: dict[str, int], shard: Shard
) -> None:
    """The command line goes before the config file, and that before the pod's name."""
    section = Sharding(index=None if index is None else WholeNumber(index), total=Positive(total))
    assert section.shard(environ, **flags) == shard


@pytest.mark.parametrize(
    ("total", "environ", "flags", "problem"),
    [
        (3, {}, {}, "sharding.index: is missing, and total is 3; give it, or --shard.index, or POD_NAME=name-N as a "
                    "StatefulSet has it"),
        (2, POD, {}, "sharding.index: 2 is not from 0 to total - 1, which is 1"),
        (1, {}, {"index": 1}, "sharding.index: 1 is not from 0 to total - 1, which is 0"),
    ],
)  # fmt: skip
def test_a_shard_that_cannot_be(total: int, environ: dict[str, str], flags: dict[str, int], problem: str) -> None:
    """What is missing or does not fit is told in a sentence."""
    with pytest.raises(ConfigError) as caught:
        Sharding(total=Positive(total)).shard(environ, **flags)
    assert caught.value.problems == [problem]
