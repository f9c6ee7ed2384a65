"""A folder in which a newer Athanor has worked: this one says so, and touches nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contracts.presence import SpeakersListed
from tests.system.console import athanor, read_log, say_as_a_newer_athanor, small

pytestmark = pytest.mark.slow


async def test_a_newer_athanors_folder_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    """run, up and replay end with 2 and say which version they expected; the log has not grown."""
    campaign, out = small(tmp_path), tmp_path / "out"
    done = await asyncio.to_thread(athanor, "run", campaign, "--seed", 1, "--out", out)
    assert done.returncode == 0, done.stderr
    (tmp_path / "before").mkdir()
    events = await read_log(out, tmp_path / "before")
    roll = next(r.envelope.data for r in events if isinstance(r.envelope.data, SpeakersListed))
    await say_as_a_newer_athanor(out, events[-1], roll)
    for words in (
        ("run", campaign, "--seed", 1, "--out", out),
        ("up", "--campaign", campaign, "--seed", 1, "--out", out, "--http-port", 0),
        ("replay", out),
    ):
        told = await asyncio.to_thread(athanor, *words)
        assert told.returncode == 2, (words, told.stdout[-2000:], told.stderr[-2000:])
        assert "newer" in told.stderr
        assert "Traceback" not in told.stderr
