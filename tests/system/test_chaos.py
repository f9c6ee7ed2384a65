"""A few kills of everything at random moments: `make chaos` in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import chaos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def test_six_kills_lose_nothing_and_change_nothing(tmp_path: Path) -> None:
    """No event is lost, nothing is heated twice, no place is missing, and the decisions are the undisturbed run's."""
    tales = await chaos(6, 3, tmp_path, print)
    assert sum(t.kills.total() for t in tales) == 6
    assert {t.what for t in tales} == {"virtual", "wired", "daemon", "crews"}
    for tale in tales:
        assert tale.clean, (tale.wrong, tale.lost, tale.findings)
    assert any(t.same_decisions for t in tales)
