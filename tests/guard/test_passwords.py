"""Passwords against bcrypt hashes."""

from __future__ import annotations

import asyncio
import time

import bcrypt
import pytest

from exporter.web.passwords import Passwords, Verdicts
from tests.guard.served import HASH, PASSWORD

USERS = {"alice": HASH, "bób": HASH}


@pytest.mark.parametrize(
    ("name", "password", "right"),
    [
        (b"alice", PASSWORD.encode(), True),
        ("bób".encode(), PASSWORD.encode(), True),
        (b"alice", b"wrong", False),
        (b"alice", b"", False),
        (b"alice", PASSWORD.encode() + b"\0", False),
        (b"carol", PASSWORD.encode(), False),
        (b"", PASSWORD.encode(), False),
        ("bób".encode("latin-1"), PASSWORD.encode(), False),
        (b"alice", b"\xff\xfe", False),
        (b"alice", b"x" * 5000, False),
    ],
)
async def test_who_may_look(name: bytes, password: bytes, right: bool) -> None:
    """Only the right password of a user who is there; asked again, the answer is the same."""
    passwords = Passwords()
    assert [await passwords.right(USERS, name, password) for _ in range(2)] == [right, right]


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
async def test_all_kinds_of_hash(kind: str) -> None:
    """htpasswd writes 2y, Python 2b, older tools 2a; they mean the same."""
    hashed = f"${kind}${HASH[4:]}"
    assert await Passwords().right({"alice": hashed}, b"alice", PASSWORD.encode())
    assert not await Passwords().right({"alice": hashed}, b"alice", b"wrong")


async def test_a_password_longer_than_bcrypt_looks_at_is_none() -> None:
    """bcrypt looks at 72 bytes; more of them are not taken for the same password."""
    password = b"x" * 72
    users = {"alice": bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()}
    assert await Passwords().right(users, b"alice", password)
    assert not await Passwords().right(users, b"alice", password + b"x")


async def test_a_new_hash_counts_at_once() -> None:
    """What was found for the old hash says nothing of the new one."""
    passwords = Passwords()
    rotated = {"alice": bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()}
    assert await passwords.right(USERS, b"alice", PASSWORD.encode())
    assert not await passwords.right(rotated, b"alice", PASSWORD.encode())
    assert await passwords.right(rotated, b"alice", b"new")
    assert not await passwords.right({}, b"alice", b"new")


async def test_a_known_password_costs_no_bcrypt_and_an_unknown_user_does() -> None:
    """Compared with a hash that takes long: the second time is far below it, a wrong name is not."""
    users = {"alice": bcrypt.hashpw(b"slow", bcrypt.gensalt(11)).decode()}
    passwords = Passwords()
    first = await _seconds(passwords, users, b"alice", b"slow")
    again = min([await _seconds(passwords, users, b"alice", b"slow") for _ in range(5)])
    nobody = await _seconds(passwords, users, b"nobody", b"slow")
    assert again < first / 10
    assert again < nobody / 10


async def _seconds(passwords: Passwords, users: dict[str, str], name: bytes, password: bytes) -> float:
    begin = time.perf_counter()
    await passwords.right(users, name, password)
    return time.perf_counter() - begin


async def test_the_event_loop_goes_on_meanwhile() -> None:
    """Ten guesses are compared in a thread; the loop runs other things between them and during each."""
    users = {"alice": bcrypt.hashpw(b"slow", bcrypt.gensalt(10)).decode()}
    passwords = Passwords()
    guesses = asyncio.gather(*(passwords.right(users, b"alice", b"%d" % number) for number in range(10)))
    turns = 0
    while not guesses.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert not any(await guesses)
    assert turns > 30


async def test_many_who_ask_the_same_cost_one_comparison() -> None:
    """Requests that come together with one password wait for one answer."""
    users = {"alice": bcrypt.hashpw(b"slow", bcrypt.gensalt(10)).decode()}
    passwords = Passwords()
    one = await _seconds(Passwords(), users, b"alice", b"slow")
    begin = time.perf_counter()
    answers = await asyncio.gather(*(passwords.right(users, b"alice", b"slow") for _ in range(100)))
    assert all(answers)
    assert time.perf_counter() - begin < 50 * one


def test_verdicts_have_a_bound() -> None:
    """What was asked last is kept, the rest is forgotten."""
    verdicts = Verdicts(kept=3)
    for question in (b"a", b"b", b"c"):
        verdicts.add(question)
    assert b"a" in verdicts
    verdicts.add(b"d")
    assert len(verdicts) == 3
    assert [question in verdicts for question in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


async def test_guesses_do_not_push_out_who_is_known() -> None:
    """However many wrong passwords come, the right one is still known."""
    passwords = Passwords()
    users = {"alice": HASH}
    await passwords.right(users, b"alice", PASSWORD.encode())
    for number in range(600):
        await passwords.right(users, b"alice", b"%d" % number)
    assert passwords._remembered(passwords._question(b"alice", HASH.encode(), PASSWORD.encode())) is True
    assert len(passwords._wrong) == 512
