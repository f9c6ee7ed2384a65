"""Dice keyed by what they are thrown for.

A fault in sample 12 must not shift the noise of sample 13, and a run in another order must see the same
world. So every draw has its own stream, named by seed, thing and channel.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.random import Generator


def dice(seed: int, thing: str, channel: str) -> Generator:
    """The stream for one channel of one thing (a sample, a run, a furnace)."""
    return np.random.default_rng(
        np.random.SeedSequence([seed, zlib.crc32(thing.encode()), zlib.crc32(channel.encode())])
    )
