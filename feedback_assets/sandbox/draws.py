"""Deterministic random draws, determined only by seed, stream name and index.

Only draws belong here. The details of a record are drawn again each time it is rendered, so that
a world stores only times, and a record is always the same.
"""

from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def stream_key(seed: int, stream: str) -> int:
    """A 64-bit key for a stream of draws, independent of Python's hash seed."""
    return int.from_bytes(sha256(f"{seed}:{stream}".encode()).digest()[:8], "big")


def generator(seed: int, stream: str) -> np.random.Generator:
    """A generator for bulk draws from one stream."""
    return np.random.default_rng(stream_key(seed, stream))


def bits(seed: int, stream: str, index: Array) -> Array:
    """64 random bits for each index (splitmix64)."""
    z = np.atleast_1d(index).astype(np.uint64) * _GOLDEN
    z += np.uint64(stream_key(seed, stream))
    z ^= z >> np.uint64(30)
    z *= _FIRST
    z ^= z >> np.uint64(27)
    z *= _SECOND
    z ^= z >> np.uint64(31)
    return z


def unit(seed: int, stream: str, index: Array) -> Array:
    """A float in [0, 1) for each index."""
    return (bits(seed, stream, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def pick(seed: int, stream: str, index: Array, count: int) -> Array:
    """An integer in [0, count) for each index."""
    return ((bits(seed, stream, index) >> np.uint64(33)) % np.uint64(count)).astype(np.int64)
