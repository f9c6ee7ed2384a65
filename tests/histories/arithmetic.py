"""The arithmetic of this machine, and how to make it the same for everybody who uses it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from scipy import linalg, special
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums are made in one order: how many processors there are must not matter."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def arithmetic() -> str:
    """Digest of what numerical libraries make of a few sums here.

    Kinds of processors, and versions of libraries, round differently in the last digit. Where this digest is another
    one, decisions may come out with other last digits, and only there.
    """
    with one_thread():
        rng = np.random.default_rng(1)
        square = rng.standard_normal((61, 61))
        positive = square @ square.T + np.eye(61)
        line = np.linspace(0.01, 20, 4001)
        parts = [
            positive,
            np.linalg.solve(positive, square),
            linalg.cholesky(positive),
            np.exp(-line),
            np.sin(line),
            np.log(line),
            line**1.7,
            special.erf(line),
            np.array([np.sum(line), np.dot(line, line), np.std(line)]),
        ]
        heavy = torch.from_numpy(positive)
        parts += [
            torch.linalg.cholesky(heavy).numpy(),
            (heavy @ heavy).numpy(),
            torch.logsumexp(heavy, 0).numpy(),
            torch.tanh(heavy).sum(0).numpy(),
        ]
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()
