"""One campaign with every fate, its patterns among the blobs; told once, because identification costs seconds."""

from __future__ import annotations

import pytest

from bus.blobs import MemoryBlobs
from ops.reports.diffractogram import Seen, look_again
from ops.reports.evidence import Evidence
from ops.reports.story import Story, tell
from tests.ops.reports.telling import every_fate, evidence


@pytest.fixture(scope="session")
def whole() -> Evidence:
    """What the run left."""
    blobs = MemoryBlobs()
    return evidence(every_fate(blobs), blobs)


@pytest.fixture(scope="session")
def told(whole: Evidence) -> Story:
    """Its story."""
    return tell(whole.log, "here")


@pytest.fixture(scope="session")
def seen(whole: Evidence, told: Story) -> Seen:
    """A second look at the best sample's pattern."""
    best = told.best
    assert best is not None
    return look_again(best, whole)
