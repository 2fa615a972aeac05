"""Random streams, one per purpose and entity, so that one never moves another.

A stream is ``Generator(Philox(SeedSequence(seed, spawn_key=...)))`` with a key made from the
words that name it.  Adding an injector, a node or a strategy opens new streams and leaves all
others as they were (common random numbers across variants of a scenario).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import Generator

#: Kubernetes' alphabet for generated names (apimachinery pkg/util/rand): no vowels, no 0 1 3.
NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def _words(key: tuple[str | int, ...]) -> tuple[int, ...]:
    text = "\x1f".join(f"{type(part).__name__[0]}{part}" for part in key)
    raw = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(0, 16, 4))


def stream(seed: int, purpose: str, *entity: str | int) -> Generator:
    """Return the random stream of one purpose and entity.

    Parameters
    ----------
    seed : int
        The scenario's seed, at least 0.
    purpose : str
        What is drawn, e.g. ``"start"``.
    *entity : str or int
        Whom it is drawn for, e.g. a pod's name and attempt.

    Examples
    --------
    >>> float(stream(7, "start", "train-w-0").random()) == float(stream(7, "start", "train-w-0").random())
    True
    """
    import numpy as np

    sequence = np.random.SeedSequence(seed, spawn_key=_words((purpose, *entity)))
    return np.random.Generator(np.random.Philox(sequence))


def uniform(seed: int, purpose: str, *entity: str | int) -> float:
    """Return one draw in [0, 1) that depends on the key alone; cheap enough for each pod.

    The keyed hash BLAKE2b takes the place of the generator here: setting up a Philox stream
    for a single number costs 40 times as much.
    """
    text = "\x1f".join(f"{type(part).__name__[0]}{part}" for part in (purpose, *entity))
    raw = hashlib.blake2b(text.encode(), digest_size=8, key=seed.to_bytes(16, "big", signed=True)).digest()
    return (int.from_bytes(raw, "big") >> 11) * 2.0**-53


class NameSource:
    """Generated name suffixes and UIDs: one deterministic stream each, drawn in blocks."""

    def __init__(self, seed: int) -> None:
        self._suffixes = stream(seed, "name-suffix")
        self._uids = stream(seed, "uid")
        self._suffix_block: list[str] = []
        self._uid_block: list[str] = []

    def suffix(self) -> str:
        """Return five characters of Kubernetes' name alphabet."""
        if not self._suffix_block:
            rows = self._suffixes.integers(0, len(NAME_ALPHABET), size=(256, 5)).tolist()
            self._suffix_block = ["".join(NAME_ALPHABET[i] for i in row) for row in reversed(rows)]
        return self._suffix_block.pop()

    def uid(self) -> str:
        """Return a version 4 UUID as text."""
        if not self._uid_block:
            raw = self._uids.bytes(16 * 256).hex()
            parts = [raw[i : i + 32] for i in range(0, len(raw), 32)]
            self._uid_block = [
                f"{p[:8]}-{p[8:12]}-4{p[13:16]}-{'89ab'[int(p[16], 16) & 3]}{p[17:20]}-{p[20:]}"
                for p in parts
            ]
        return self._uid_block.pop()
