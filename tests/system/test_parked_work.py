"""Work that a daemon has set aside: seen by everybody, there after `kill -9`, taken up on request, and done once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from contracts.instruments import StepKind
from contracts.presence import AgentFaulted, WorkTakenUp
from contracts.synthesis import StepCompleted, StepStarted
from tests.system.console import athanor, command, environment, read_log, small
from tests.system.test_daemon import SPEED, status, until

pytestmark = pytest.mark.slow

CLUMSY = """
import sys
from pathlib import Path
import agents.synthesis_robot as robot
from ops.cli import main
mistake, once = Path(sys.argv.pop(1)), robot.effectively_once
async def clumsy(instrument, request, wait_until):
    if mistake.exists() and request.step.value == "fire":
        raise KeyError(request.key)
    return await once(instrument, request, wait_until)
robot.effectively_once = clumsy
main()
"""
"""The command, with a mistake in it for as long as a file is there."""


@contextmanager
def clumsy(mistake: Path, out: Path, campaign: Path) -> Iterator[subprocess.Popen[str]]:
    """A daemon whose robot stumbles over each firing while the mistake is there."""
    options = ["--campaign", campaign, "--out", out, "--speed", SPEED, "--http-port", 0]
    process = subprocess.Popen(
        [sys.executable, "-c", CLUMSY, str(mistake), "up", *map(str, options)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def look(out: Path, page: str) -> tuple[int, str]:
    """Status code and text of a page of the daemon."""
    card = json.loads((out / "daemon.json").read_text())
    try:
        with urllib.request.urlopen(f"{card['http']}/{page}", timeout=10) as answer:  # noqa: S310  loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def test_parked_work_is_seen_survives_a_kill_and_is_done_once_when_it_is_taken_up(tmp_path: Path) -> None:
    """Nobody calls a lab ready whose runs lie on the shelf; asked twice at once, in a pause, it takes them up once."""
    campaign, out, mistake = small(tmp_path), tmp_path / "lab", tmp_path / "mistake"
    mistake.touch()
    with clumsy(mistake, out, campaign) as process:
        until(lambda: status(out).get("parked_events") == {"synthesis_robot": 2}, process)
        code, words = look(out, "readyz")
        assert code == 503
        assert "2 events were set aside, first scheduling.run_scheduled by synthesis_robot: KeyError" in words
        assert 'athanor_parked{agent="synthesis_robot"} 2.0' in look(out, "metrics")[1]
        told = athanor("status", out)
        assert told.returncode == 1
        assert "set aside by synthesis_robot: scheduling.run_scheduled" in told.stdout
        assert athanor("retry", out, "--agent", "nobody").returncode == 2
        assert "Nothing is set aside" in athanor("retry", out, "--agent", "planner").stdout
        process.kill()
        process.wait()
    with clumsy(mistake, out, campaign) as process:
        until(lambda: status(out).get("parked_events") == {"synthesis_robot": 2}, process)
        assert len(status(out)["parked"]) == 2
        assert athanor("pause", out, "--reason", "we look").returncode == 0
        mistake.unlink()
        with ThreadPoolExecutor() as consoles:
            asked = [consoles.submit(athanor, "retry", out, "--reason", "mended") for _ in range(2)]
        told = sorted(answer.result().stdout.strip() for answer in asked)
        assert [answer.result().returncode for answer in asked] == [0, 0]
        assert told == [
            "Nothing is set aside: there is nothing to take up again.",
            "taken up again: scheduling.run_scheduled by synthesis_robot (2 times)",
        ]
        until(lambda: status(out).get("ready"), process)
        process.kill()  # in the middle of what was taken up
        process.wait()
    with clumsy(mistake, out, campaign) as process:
        until(lambda: status(out).get("ready"), process)
        assert athanor("resume", out, "--reason", "it is well").returncode == 0
        until(lambda: status(out).get("finished"), process)
        assert status(out)["samples"] == 4
        assert athanor("retry", out).returncode == 0
        assert athanor("stop", out).returncode == 0
        process.communicate(timeout=60)
    (tmp_path / "copy").mkdir()
    events = [r.envelope.data for r in await read_log(out, tmp_path / "copy")]
    assert len([e for e in events if isinstance(e, WorkTakenUp)]) == 2
    assert len([e for e in events if isinstance(e, AgentFaulted) and e.parked]) == 2
    begun = [e.key for e in events if isinstance(e, StepStarted)]
    assert len(begun) == len(set(begun))
    heated = [e.key for e in events if isinstance(e, StepCompleted) and e.step is StepKind.FIRE]
    assert len(heated) == len(set(heated)) == len([k for k in begun if "/fire/" in k])
    replayed = athanor("replay", out)
    assert replayed.returncode == 0, replayed.stdout
    assert " 0 differ" in replayed.stdout


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="a small disk is mounted by root")
async def test_a_disk_without_names_for_files_is_waited_out(tmp_path: Path) -> None:
    """For seconds, days in the lab, no file can be made: told, not ready, nothing set aside; then all is done, once."""
    campaign, disk = small(tmp_path), tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(  # noqa: ASYNC221  before anything waits
        ["mount", "-t", "tmpfs", "-o", "size=768m,nr_inodes=3000", "tmpfs", disk], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("tmpfs cannot be mounted here")
    process = None
    try:
        out, ballast = disk / "lab", disk / "ballast"
        process = subprocess.Popen(  # noqa: ASYNC220  same
            command("up", "--campaign", campaign, "--out", out, "--speed", SPEED, "--http-port", 0),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
        )  # fmt: skip
        until(lambda: status(out).get("counts", {}).get("synthesis.step_completed", 0) >= 2, process)
        _fill(ballast)
        until(lambda: status(out).get("waiting"), process)
        told = status(out)
        assert "more files on the disk" in told["not_ready_because"]
        assert "No space left on device" in told["waiting"][0]
        shutil.rmtree(ballast)
        until(lambda: status(out).get("finished"), process)
        told = status(out)
        assert (told["samples"], told["agent_faults"], told["parked_events"]) == (4, 0, {})
        assert not told["waiting"]
        process.terminate()
        process.communicate(timeout=60)
        (tmp_path / "copy").mkdir()
        events = [r.envelope.data for r in await read_log(out, tmp_path / "copy")]
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.communicate()
        subprocess.run(["umount", "-l", disk], check=False)  # noqa: ASYNC221  same
    heated = [e.key for e in events if isinstance(e, StepCompleted) and e.step is StepKind.FIRE]
    assert len(heated) == len(set(heated)) >= 1


def _fill(ballast: Path) -> None:
    """Takes every name for a file that there is."""
    ballast.mkdir()
    for n in range(10**6):
        try:
            (ballast / str(n)).touch()
        except OSError:
            return
