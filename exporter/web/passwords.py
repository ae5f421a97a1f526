"""Passwords compared with bcrypt hashes: off the event loop, in the same time whoever asks, and once per password."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping

import bcrypt

_LONGEST = 72
"""Bytes that bcrypt looks at; what is longer is no password."""

_DEFAULT_COST = 10
_KEPT = 512


class Verdicts:
    """What was found, for the ``kept`` questions asked last."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, question: bytes) -> bool:
        if question not in self._known:
            return False
        self._known.move_to_end(question)
        return True

    def __len__(self) -> int:
        return len(self._known)

    def add(self, question: bytes) -> None:
        """Remember it, and forget the one not asked for longest."""
        self._known[question] = None
        if len(self._known) > self._kept:
            self._known.popitem(last=False)


class Passwords:
    """Says whether a password is right.

    A scrape that comes with the same password as the one before costs no bcrypt: the answer is remembered, the
    password is not. Right and wrong ones are kept apart, so that a flood of guesses makes nobody else wait. Only one
    comparison runs at a time: guessing takes no more than one core.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right, self._wrong = Verdicts(), Verdicts()
        self._one_at_a_time = asyncio.Lock()

    async def right(self, users: Mapping[str, str], name: bytes, password: bytes) -> bool:
        """Whether ``password`` is that of the user ``name``; ``users`` has the hashes."""
        known = users.get(name.decode("utf-8", "surrogateescape"))
        hashed = (known or _decoy(users)).encode()
        question = self._question(name, hashed, password)
        if (verdict := self._remembered(question)) is not None:
            return verdict
        async with self._one_at_a_time:
            if (verdict := self._remembered(question)) is not None:  # another request asked the same meanwhile
                return verdict
            matches = await asyncio.to_thread(_matches, password, hashed)
        verdict = matches and known is not None
        (self._right if verdict else self._wrong).add(question)
        return verdict

    def _remembered(self, question: bytes) -> bool | None:
        if question in self._right:
            return True
        return False if question in self._wrong else None

    def _question(self, *parts: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._key, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


def _decoy(users: Mapping[str, str]) -> str:
    """A hash for users there are not, so that a wrong name takes as long as a wrong password."""
    cost = max((int(hashed[4:6]) for hashed in users.values()), default=_DEFAULT_COST)
    return f"$2b${cost:02}${'.' * 53}"


def _matches(password: bytes, hashed: bytes) -> bool:
    whole = bcrypt.checkpw(password[:_LONGEST], hashed)
    return whole and len(password) <= _LONGEST
