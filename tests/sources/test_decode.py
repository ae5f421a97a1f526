"""Arrays decoded again and again: what did not change is not made anew, and nothing gets lost."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import BadResponse
from exporter.sources.decode import Identity, ListDecoder, decode_list


class Thing(msgspec.Struct, frozen=True):
    """An element."""

    id: str
    size: int = 0


def body(*elements: object) -> bytes:
    """An array."""
    return json.dumps(elements).encode()


def thing(name: str, size: int = 0) -> dict[str, object]:
    """An element of the shape that is wanted."""
    return {"id": name, "size": size}


async def test_an_element_that_did_not_change_stays_the_same_object() -> None:
    """The one that changed is another one."""
    decoder = ListDecoder(Thing, "/things")
    before, _ = await decoder.decode(body(thing("a"), thing("b"), thing("c")))
    after, _ = await decoder.decode(body(thing("a"), thing("b", 1), thing("c"), thing("d")))
    assert [old is new for old, new in zip(before, after, strict=False)] == [True, False, True]
    assert after == [Thing("a"), Thing("b", 1), Thing("c"), Thing("d")]


ELEMENTS = st.lists(
    st.builds(thing, st.sampled_from("abcd"), st.integers(0, 2))
    | st.sampled_from([{"id": "bad", "size": "x"}, 7, None])
)


@given(arrays=st.lists(ELEMENTS, max_size=5))
async def test_it_gives_what_decoding_from_scratch_gives(arrays: list[list[object]]) -> None:
    """However the arrays follow one another, bad elements among them."""
    decoder = ListDecoder(Thing, "/things")
    for array in arrays:
        try:
            expected = decode_list(body(*array), Thing, "/things")
        except BadResponse as error:
            with pytest.raises(BadResponse, match=str(error)):
                await decoder.decode(body(*array))
        else:
            assert await decoder.decode(body(*array)) == expected


@pytest.mark.parametrize("answer", [b"", b"{}", b"[", b"[1]", b"\xff"])
async def test_a_bad_answer_does_not_spoil_the_next(answer: bytes) -> None:
    """It says so, and the next good one is read whole."""
    decoder = ListDecoder(Thing, "/things")
    good = body(thing("a"), thing("b"))
    await decoder.decode(good)
    with pytest.raises(BadResponse, match="/things"):
        await decoder.decode(answer)
    assert await decoder.decode(good) == ([Thing("a"), Thing("b")], [])


async def test_a_bad_element_is_told_each_time() -> None:
    """It stays bad while it stays the same, known by its id."""
    decoder = ListDecoder(Thing, "/things")
    for _ in range(2):
        found = await decoder.decode(body(thing("a"), {"id": "b", "size": "large"}, 7))
        assert found == ([Thing("a")], [Identity("b"), Identity()])
