"""One log with every fate, brought in once: nothing that is asked of it changes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ops.asking.told import Told, asked, chained, every_fate


@pytest.fixture(scope="session")
def log() -> Iterator[Any]:
    """The log as a database."""
    with asked(Told(chained(every_fate()))) as (connection, _):
        yield connection
