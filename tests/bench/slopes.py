"""Whether something grows: looks at it while it goes on, their slope, and the rule of `tests.bench.endurance`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

BLOCKS = 10
SHARE = 0.02
"""Of its mean, which a size may grow by over what was looked at."""
EXACT = ("descriptors", "threads", "consumers", "streams", "connections", "subscriptions", "files")
"""Last words of what is counted."""


class Part:
    """Looks at something that goes on: how far it was, and what was taken."""

    def __init__(self, name: str, unit: float, of: str, patience: Mapping[str, float]) -> None:
        """Args: what it is called; how much a slope is told for; of what; seconds that something takes to fill up."""
        self.name, self.unit, self.of, self.patience, self.begun = name, unit, of, patience, time.monotonic()
        self.x: list[float] = []
        self.at: list[float] = []
        self.y: dict[str, list[float]] = defaultdict(list)

    def note(self, x: float, taken: dict[str, float]) -> None:
        """One look."""
        self.x.append(x)
        self.at.append(time.monotonic() - self.begun)
        for name, value in taken.items():
            self.y[name].append(value)

    def tell(self) -> list[str]:
        """Prints slopes; the names of what is not flat."""
        print(f"\n{self.name}: {len(self.x)} looks, {self.x[-1] - self.x[0]:,.0f} {self.of}; without the first third")
        print(f"{'':38} {'mean':>10} {'first':>10} {'last':>10}   slope per {self.unit:,.0f} {self.of}")
        growing = []
        x, at = np.array(self.x), np.array(self.at)
        for name, values in self.y.items():
            if len(values) < len(x):
                continue  # something was away at one of the looks
            late = np.arange(len(x)) >= len(x) // 3
            late &= at > self.patience.get(name, 0.0)
            u, y = x[late] / self.unit, np.array(values)[late]
            if len(y) < 2 * BLOCKS:
                print(f"{name:38} {values[0]:21.2f} {values[-1]:10.2f}   not judged: too few looks after filling up")
                continue
            slope, error = slope_of(u, y)
            flat = is_flat(u, y, exact=name.endswith(EXACT))
            growing += [] if flat else [f"{self.name}: {name}"]
            numbers = f"{y.mean():10.2f} {y[0]:10.2f} {y[-1]:10.2f}   {slope:+9.3f} ± {error:.3f}"
            print(f"{name:38} {numbers}  {'flat' if flat else 'NOT FLAT'}")
        return growing


def slope_of(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and its standard error, from the means of blocks: looks one after the other are not independent.

    Args:
        x: ``(n,)`` how far.
        y: ``(n,)`` what was taken.
    """
    blocks = min(BLOCKS, len(x) // 2)
    if blocks < 3:
        return 0.0, float("inf")
    u, v = (np.array([part.mean() for part in np.array_split(each, blocks)]) for each in (x, y))
    slope, offset = np.polyfit(u, v, 1)
    left = v - slope * u - offset
    error = np.sqrt((left**2).sum() / (blocks - 2) / ((u - u.mean()) ** 2).sum())
    return float(slope), float(error)


def is_flat(x: np.ndarray, y: np.ndarray, *, exact: bool) -> bool:
    """By the rule at the top of this file."""
    if exact:
        half = len(y) // 2
        return bool(y[half:].max() <= y[:half].max())
    slope, error = slope_of(x, y)
    return bool((slope - 2 * error) * (x[-1] - x[0]) <= SHARE * y.mean())
