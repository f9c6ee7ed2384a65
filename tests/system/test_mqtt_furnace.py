"""Furnaces behind MQTT, each a process of its own: the same campaign as without a wire, whoever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.instruments import StepKind
from contracts.presence import LabTroubled, TroubleKind
from contracts.synthesis import StepCompleted
from tests.bus.test_server import alive
from tests.system.console import athanor, command, environment, read_log, small, summary, without_walls
from tests.system.kept import kept
from tests.system.test_daemon import daemon, status, until

pytestmark = pytest.mark.slow

WIRED = {'synthesis = "simulated"': 'synthesis = "mqtt"\nsimulate_furnace = true'}


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The campaign with its furnaces in the lab's own process."""
    return kept(tmp_path_factory).summary


def test_the_wire_changes_nothing(tmp_path: Path, near: dict[str, Any]) -> None:
    """Decisions, memories, counts and the ledger of faults are those of furnaces without a wire."""
    campaign = small(tmp_path, changes=WIRED)
    far = summary(athanor("run", campaign, "--seed", 4, "--out", tmp_path / "out", "--json"))
    assert far["instrument_troubles"] == []
    assert without_walls(far) == without_walls(near)
    assert far["calibrations"] > 0
    assert _alive(tmp_path / "out") == []


async def test_a_furnace_that_is_killed_in_every_firing_heats_nothing_twice(
    tmp_path: Path, near: dict[str, Any]
) -> None:
    """Kill -9 of its process as soon as its journal shows a firing: the lab is told, waits, and decides the same."""
    out = tmp_path / "out"
    process = _begin(small(tmp_path, changes=WIRED), out)
    killed = set()
    for path in _firings(out, process):
        os.kill(_furnace(out, path.parent.name), signal.SIGKILL)
        killed.add(path)
    stdout, stderr = process.communicate(timeout=700)
    assert process.returncode == 0, stderr
    far = json.loads(stdout.splitlines()[-1])
    assert len(killed) == len([e for e in _entries(out) if e["step"] == "fire"]) >= 2
    ends = [t for t in far["instrument_troubles"] if "ended with code -9" in t]
    assert len(ends) == len(killed)
    assert far["decisions_sha256"] == near["decisions_sha256"]
    assert far["best"] == near["best"]
    assert far["state"] == near["state"]
    await _each_vial_was_heated_once_for_each_firing(out, tmp_path)


async def test_a_lab_that_is_killed_takes_its_furnaces_along_and_goes_on(tmp_path: Path, near: dict[str, Any]) -> None:
    """Kill -9 of the lab in mid-firing: no furnace is left behind, and the same command ends as if nothing had been."""
    out, campaign = tmp_path / "out", small(tmp_path, changes=WIRED)
    process = _begin(campaign, out)
    next(_firings(out, process))
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while _alive(out):
        assert time.monotonic() < deadline, _alive(out)
        await asyncio.sleep(0.05)
    far = summary(athanor("run", campaign, "--seed", 4, "--out", out, "--json"))
    assert far["decisions_sha256"] == near["decisions_sha256"]
    assert far["best"] == near["best"]
    await _each_vial_was_heated_once_for_each_firing(out, tmp_path)


async def test_a_daemon_tells_of_a_furnace_that_dies_in_mid_dwell_and_waits_for_it(tmp_path: Path) -> None:
    """Killed while hot, hours before the end on the lab's clock: that is an event, and the firing ends as it should."""
    out = tmp_path / "lab"
    with daemon(small(tmp_path, changes=WIRED), out) as process:
        path = next(_firings(out, process))
        os.kill(_furnace(out, path.parent.name), signal.SIGKILL)
        firing = json.loads(path.read_text())["entry"]
        assert status(out)["lab_time"] < firing["ends_at"]
        await asyncio.to_thread(until, lambda: status(out)["finished"], process)
        assert status(out)["samples"] == 4
        process.terminate()
        await asyncio.to_thread(process.communicate)
    await _each_vial_was_heated_once_for_each_firing(out, tmp_path)
    log = [r.envelope.data for r in await read_log(out, tmp_path / "again")]
    told = [e.reason for e in log if isinstance(e, LabTroubled) and e.trouble is TroubleKind.INSTRUMENT]
    assert any(path.parent.name in t and "gone offline" in t for t in told)
    assert any("is started again" in t for t in told)
    done = next(e for e in log if isinstance(e, StepCompleted) and e.key == firing["key"])
    assert (done.started_at, done.ended_at) == tuple(
        map(datetime.fromisoformat, (firing["started_at"], firing["ends_at"]))
    )


@pytest.mark.parametrize(
    ("instruments", "arguments", "told"),
    [
        ('synthesis = "mqtt"', [], "expected a real diffractometer beside real furnaces"),
        ('synthesis = "mqtt"\nfolder = "inbox"', [], "expected a real diffractometer beside real furnaces"),
        ('synthesis = "simulated"\nsimulate_furnace = true', [], 'expected synthesis = "mqtt" beside simulate_furnace'),
        (WIRED['synthesis = "simulated"'] + '\nbroker = "tcp://x"', [], "Expected a broker as mqtt://host:port"),
        (WIRED['synthesis = "simulated"'], ["--nats", "NATS"], "Expected the address of an MQTT broker"),
    ],
)
async def test_what_cannot_work_is_said_before_anything_is_made(
    tmp_path: Path, instruments: str, arguments: list[str], told: str
) -> None:
    """Exit 2, and the way out."""
    from bus.server import EmbeddedServer

    server = await EmbeddedServer.start(tmp_path / "elsewhere")
    campaign = small(tmp_path, changes={'synthesis = "simulated"': instruments})
    words = [server.url if a == "NATS" else a for a in arguments]
    answer = await asyncio.to_thread(athanor, "run", campaign, "--out", tmp_path / "out", *words)
    await server.stop()
    assert answer.returncode == 2, answer.stderr
    assert told.lower() in answer.stderr.lower()


def test_real_furnaces_need_real_time(tmp_path: Path) -> None:
    """A clock that jumps would leave the furnace behind: exit 2."""
    real = {'synthesis = "simulated"': 'synthesis = "mqtt"', 'diffraction = "simulated"': 'diffraction = "file-drop"'}
    answer = athanor("run", small(tmp_path, changes=real), "--out", tmp_path / "out")
    assert answer.returncode == 2
    assert "Expected --real-time with real furnaces" in answer.stderr


# what the folder shows -------------------------------------------------------------------------


def _begin(campaign: Path, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("run", campaign, "--seed", 4, "--out", out, "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip


def _firings(out: Path, process: subprocess.Popen[str]) -> Iterator[Path]:
    """Journal entries of firings, each as soon as it is there, until the lab has ended."""
    seen: set[Path] = set()
    deadline = time.monotonic() + 280
    while process.poll() is None:
        assert time.monotonic() < deadline
        for path in sorted((out / "instruments").glob("furnace-*/*.json")):
            if path in seen:
                continue
            seen.add(path)
            if json.loads(path.read_text())["entry"]["request"]["step"] == "fire":
                yield path
        time.sleep(0.001)


def _fired(out: Path) -> Counter[str]:
    """Vial → how often the furnaces' journals say that it was fired."""
    return Counter(s["sample_id"] for e in _entries(out) if e["step"] == "fire" for s in e["samples"])


def _entries(out: Path) -> list[dict[str, Any]]:
    """What the furnaces were asked for."""
    return [json.loads(p.read_text())["entry"]["request"] for p in (out / "instruments").glob("furnace-*/*.json")]


def _furnace(out: Path, name: str) -> int:
    """The process that plays a furnace, as its lock says."""
    return int((out / "instruments" / f"{name}.lock").read_text().removeprefix("process "))


def _alive(out: Path) -> list[int]:
    """Furnace processes of a run that still run."""
    pids = [_furnace(out, p.stem) for p in (out / "instruments").glob("*.lock")]
    assert pids
    return [p for p in pids if alive(p)]


async def _each_vial_was_heated_once_for_each_firing(out: Path, scratch: Path) -> None:
    """The journals of the furnaces and the log of the lab agree, and no action stands twice."""
    (scratch / "copy").mkdir()
    (scratch / "again").mkdir()
    done = [
        (sample, event.key)
        for r in await read_log(out, scratch / "copy")
        if isinstance(event := r.envelope.data, StepCompleted) and event.step is StepKind.FIRE
        for sample in event.sample_ids
    ]
    assert done
    assert len(done) == len(set(done))
    assert Counter(sample for sample, _ in done) == _fired(out)
