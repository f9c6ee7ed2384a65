"""What `athanor replay` prints of decisions that differ, and how it exits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.trust import CandidateCleared
from ops.exits import FOUND_WANTING
from ops.replays import command
from ops.replays.command import ReplayOrder, replay
from ops.replays.living import Lived
from tests.ops.replays.world import again, altered_log


@pytest.fixture
def decided_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the command find a past with one altered decision, all of it decided by code of some version."""
    world, lab = asyncio.run(altered_log(CandidateCleared, "decision.rank", 99))

    async def lived(code_version: str) -> Lived:
        return await again(world, lab, decided_by=code_version)

    def find(code_version: str) -> None:
        async def found(_: ReplayOrder) -> tuple[Lived, None]:
            return await lived(code_version), None

        monkeypatch.setattr(command, "_replayed", found)

    return find


@pytest.mark.parametrize(
    ("decider", "words"),
    [
        ("0.0.1", "decided by an earlier Athanor: 1 differ (0.0.1)"),
        ("99.0.0", "decided by a later Athanor: 1 differ (99.0.0)"),
        ("jane-1", "decided by another program: 1 differ (jane-1)"),
    ],
)
def test_what_other_code_decided_is_told_apart(
    decided_by: Callable[[str], None], capsys: pytest.CaptureFixture[str], decider: str, words: str
) -> None:
    """People read how many and whose, programs get each of them, and the exit code finds nothing wanting."""
    decided_by(decider)
    assert replay(ReplayOrder("somewhere")) == 0
    told = capsys.readouterr().out
    assert words in told
    assert " decisions made again: 0 differ," in told
    assert replay(ReplayOrder("somewhere", as_json=True)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["differences"] == []
    [apart] = document["decided_by_others"]
    assert (apart["code_version"], apart["kind"], apart["what"]) == (decider, CandidateCleared.kind, "other")


def test_what_this_code_decided_is_found_wanting(
    decided_by: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same difference in a log of this very version is one."""
    decided_by(command.version())
    assert replay(replace(ReplayOrder("somewhere"), as_json=True)) == FOUND_WANTING
    document = json.loads(capsys.readouterr().out)
    assert (len(document["differences"]), document["decided_by_others"]) == (1, [])
