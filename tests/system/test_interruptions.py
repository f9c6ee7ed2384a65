"""What happens to a campaign that is stopped, killed, or given to another server."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bus.server import EmbeddedServer
from contracts.instruments import StepKind
from contracts.presence import AgentStopped
from contracts.synthesis import StepCompleted
from tests.system.console import athanor, command, environment, read_log, small, summary
from tests.system.kept import kept

pytestmark = pytest.mark.slow


def _until_journal(out: Path, entries: int, process: subprocess.Popen[str]) -> None:
    """Waits until the instruments have been asked for that many actions."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if len(list((out / "instruments").glob("*/*.json"))) >= entries:
            return
        time.sleep(0.01)
    raise AssertionError("Expected instruments at work, got none.")


def _interrupt(campaign: Path, out: Path, entries: int, number: signal.Signals) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command("run", campaign, "--seed", 4, "--out", out, "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    _until_journal(out, entries, process)
    process.send_signal(number)
    return process


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The campaign that nobody stops."""
    return kept(tmp_path_factory).summary


async def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(
    tmp_path: Path, undisturbed: dict[str, object]
) -> None:
    """Exit 130, agents say that they stopped; afterwards the decisions are those of a run that nobody stopped."""
    campaign, out = small(tmp_path), tmp_path / "out"
    process = _interrupt(campaign, out, 9, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from here" in stderr
    assert json.loads(stdout.splitlines()[-1])["interrupted"] is True
    (tmp_path / "first").mkdir()
    log = await read_log(out, tmp_path / "first")
    assert sum(isinstance(r.envelope.data, AgentStopped) for r in log) == 7
    told = summary(athanor("run", campaign, "--seed", 4, "--out", out, "--json"))
    assert told["decisions_sha256"] == undisturbed["decisions_sha256"]
    assert told["best"] == undisturbed["best"]


@pytest.mark.parametrize("entries", [1, 6, 14])
async def test_kill_9_loses_nothing_and_heats_nothing_twice(
    tmp_path: Path, undisturbed: dict[str, object], entries: int
) -> None:
    """The whole process group dies in the middle; the same command ends as if nothing had happened."""
    campaign, out = small(tmp_path), tmp_path / "out"
    process = _interrupt(campaign, out, entries, signal.SIGKILL)
    process.communicate(timeout=60)
    await asyncio.sleep(0.5)  # the server notices that its parent is gone
    told = summary(athanor("run", campaign, "--seed", 4, "--out", out, "--json"))
    assert told["decisions_sha256"] == undisturbed["decisions_sha256"]
    assert told["best"] == undisturbed["best"]
    (tmp_path / "copy").mkdir()
    heated = [
        (sample, event.key)
        for r in await read_log(out, tmp_path / "copy")
        if isinstance(event := r.envelope.data, StepCompleted) and event.step is StepKind.FIRE
        for sample in event.sample_ids
    ]
    assert heated
    assert len(heated) == len(set(heated))


async def test_a_server_of_ones_own_is_used(tmp_path: Path, undisturbed: dict[str, object]) -> None:
    """``--nats URL``: the log is in that server, and the decisions are the same."""
    server = await EmbeddedServer.start(tmp_path / "elsewhere")
    try:
        told = summary(
            athanor("run", small(tmp_path), "--seed", 4, "--out", tmp_path / "out", "--nats", server.url, "--json")
        )
    finally:
        await server.stop()
    assert told["decisions_sha256"] == undisturbed["decisions_sha256"]
    assert not (tmp_path / "out" / "store").exists()


def test_two_processes_on_one_folder_are_not_let_in(tmp_path: Path) -> None:
    """The second is told who holds the store, and the first goes on."""
    campaign, out = small(tmp_path), tmp_path / "out"
    first = _interrupt(campaign, out, 1, signal.SIGCONT)
    try:
        answer = athanor("run", campaign, "--seed", 4, "--out", out)
        assert answer.returncode == 2
        assert f"in use by process {first.pid}" in answer.stderr
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)


def test_a_space_without_feasible_candidates_ends_with_a_reason(tmp_path: Path) -> None:
    """Lanthanum with titanium cannot balance its charges: the campaign says so and makes nothing."""
    campaign = small(
        tmp_path,
        changes={
            'a_site = ["Ca", "Sr", "Ba"]': 'a_site = ["La"]',
            'b_site = ["Ti", "Zr", "Sn", "Hf"]': 'b_site = ["Ti"]',
            "max_fraction = { Sn = 0.10 }": "max_fraction = {}",
        },
    )
    answer = athanor("run", campaign, "--out", tmp_path / "out", "--json")
    assert answer.returncode == 1
    told = json.loads(answer.stdout.splitlines()[-1])
    assert told["samples"] == 0
    assert "100% break charge balance" in told["finished"]
