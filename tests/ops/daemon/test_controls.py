"""The commands that speak to a daemon: what they print, and with which code they end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from ops.daemon.card import Card
from ops.daemon.controls import retry, switch
from tests.ops.daemon.test_door import Lab, lab

__all__ = ["lab"]


@pytest.fixture
def folder(lab: Lab, tmp_path: Path) -> Path:
    """Where the card of that face lies."""
    Card(os.getpid(), lab.face.url, "nats://nowhere", "c-1").leave(tmp_path)
    return tmp_path


@pytest.mark.parametrize("length", [501, 65_000, 2_000_000])
async def test_a_reason_that_is_too_long_is_told(folder: Path, lab: Lab, length: int, capsys) -> None:
    """Exit 2 and the daemon's own sentence, however long it is; nothing is switched."""
    assert await asyncio.to_thread(switch, folder, "pause", "x" * length) == 2
    assert f"Expected a reason of at most 500 characters, got {length}" in capsys.readouterr().err
    assert lab.pressed == []


async def test_what_the_daemon_refuses_is_told_in_its_words(folder: Path, lab: Lab, capsys) -> None:
    """A daemon that reads its past does not pause; the command says so and ends with 2."""
    lab.away = "starting: the past is being read"
    assert await asyncio.to_thread(switch, folder, "pause", "lunch") == 2
    assert capsys.readouterr().err.strip() == lab.away
    assert await asyncio.to_thread(retry, folder, "nobody", "mended") == 2
    assert "Expected an agent among planner, got nobody" in capsys.readouterr().err


async def test_what_was_done_is_printed(folder: Path, lab: Lab, capsys) -> None:
    """A reason of any script goes over whole; with nothing to retry the code is 0 and a sentence says so."""
    assert await asyncio.to_thread(switch, folder, "pause", "Läuft [nicht] & so") == 0
    assert "paused: Läuft [nicht] & so" in capsys.readouterr().out
    assert await asyncio.to_thread(retry, folder, "planner", "mended") == 0
    assert "nothing was set aside" in capsys.readouterr().out
    assert lab.pressed == [("pause", "Läuft [nicht] & so"), ("retry planner", "mended")]
