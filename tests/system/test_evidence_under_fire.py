"""A few kills of everything that keeps the log and its ledger: `make chaos-ledger` in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.evidence_under_fire import VICTIMS, fire

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


async def test_kills_under_load_cost_no_event_and_no_proof(tmp_path: Path) -> None:
    """No acknowledged event is lost, none is seen twice, and the ledger verifies after each kill and in the end."""
    toll = await fire(12, 5, tmp_path / "fire", print)
    assert toll.clean, toll
    assert {victim: toll.kills[victim] for victim in VICTIMS} == dict.fromkeys(VICTIMS, 3)
    assert toll.acked > 50
