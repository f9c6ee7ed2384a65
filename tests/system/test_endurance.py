"""What runs for long grows by nothing that is counted, and the rule that says so can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.endurance import restarted
from tests.bench.slopes import is_flat, slope_of

ROLLING = np.random.default_rng(1)
X = np.arange(60.0)


def test_a_slope_has_its_error() -> None:
    """A line in noise is found within three standard errors, and a flat one is flat within them."""
    noise = ROLLING.normal(0, 1, len(X))
    slope, error = slope_of(X, 100 + 0.5 * X + noise)
    assert abs(slope - 0.5) < 3 * error < 0.2
    slope, error = slope_of(X, 100 + noise)
    assert abs(slope) < 3 * error


def test_what_grows_is_not_called_flat() -> None:
    """A leak of a tenth shows in noise of a hundredth; noise alone, a size that sinks and nothing at all are flat."""
    noise = ROLLING.normal(0, 1, len(X))
    assert not is_flat(X, 100 + 10 * X / len(X) + noise, exact=False)
    assert is_flat(X, 100 + noise, exact=False)
    assert is_flat(X, 100 - X + noise, exact=False)
    assert is_flat(X, 0 * X, exact=False)


def test_one_descriptor_more_is_growth() -> None:
    """What is counted is flat only where it is never more than before."""
    assert is_flat(X, 0 * X + 11, exact=True)
    assert is_flat(X, 11.0 + (X % 2), exact=True)
    assert not is_flat(X, np.where(X < 50, 11.0, 12.0), exact=True)


@pytest.mark.slow
async def test_restarts_leave_nothing_behind(tmp_path: Path) -> None:
    """Each restart makes connections, consumers, tasks and threads anew, and each time as many as the one before."""
    part = await restarted(tmp_path, 24)
    for name in (
        "broker: consumers", "broker: streams", "broker: connections", "broker: subscriptions",
        "agents: descriptors", "agents: threads", "agents: roots", "snapshots: files",
    ):  # fmt: skip
        late = np.array(part.y[name][8:])
        assert is_flat(X[: len(late)], late, exact=True), (name, part.y[name])
