"""What a daemon does when the ground shakes: a broker that stays away, a disk that is full."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bus.blobs import BlobStore
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.instruments import StepKind
from contracts.presence import LabTroubled
from contracts.synthesis import StepCompleted
from tests.system.console import athanor, command, environment, small
from tests.system.test_daemon import SPEED, daemon, status, until

pytestmark = pytest.mark.slow
AWAY = 30.0
"""Real seconds that the broker stays away."""


async def test_a_broker_that_is_away_for_half_a_minute_costs_nothing(tmp_path: Path) -> None:
    """Not ready meanwhile; then everything goes on to the end, nothing is missing and nothing was heated twice."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    server = await EmbeddedServer.start(tmp_path / "elsewhere")
    port = int(server.url.rpartition(":")[2])
    process = subprocess.Popen(  # noqa: ASYNC220  started once, before anything waits
        command("up", "--campaign", campaign, "--out", out, "--speed", SPEED, "--http-port", 0, "--nats", server.url),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        counts = lambda: status(out).get("counts", {})  # noqa: E731  named for the line's sake
        await asyncio.to_thread(until, lambda: counts().get("synthesis.step_started", 0) >= 2, process)
        server.kill()
        await asyncio.sleep(AWAY)
        assert status(out)["not_ready_because"] == "the broker is away"
        server = await EmbeddedServer.start(tmp_path / "elsewhere", port=port)
        await asyncio.to_thread(until, lambda: status(out).get("finished"), process)
        assert status(out)["samples"] == 4
        bus = await JetStreamBus.connect(server.url, BlobStore(out / "blobs"))
        log = [r async for r in bus.read()]  # raises if a sequence is missing
        await bus.close()
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate)
        await server.stop()
    events = [r.envelope.data for r in log]
    assert any(isinstance(e, LabTroubled) for e in events)
    heated = [e.key for e in events if isinstance(e, StepCompleted) and e.step is StepKind.FIRE]
    assert len(heated) == len(set(heated)) >= 1


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="a small disk is mounted by root")
def test_a_full_disk_stops_cleanly_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """The daemon says that there is no room and exits with 2; with room the same command ends as it should."""
    campaign, disk = small(tmp_path), tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", disk], check=False)
    if mounted.returncode != 0:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        out, ballast = disk / "lab", disk / "ballast"
        with daemon(campaign, out) as process:
            until(lambda: status(out).get("counts", {}).get("synthesis.step_completed", 0) >= 2, process)
            free = shutil.disk_usage(disk).free
            ballast.write_bytes(b"\0" * max(free - 24 * 1024**2, 0))
            assert process.wait(timeout=120) == 2
            words = process.communicate()[1]
        assert "Traceback" not in words
        assert "room" in words
        ballast.unlink()
        told = athanor("status", out)
        assert told.returncode == 2
        with daemon(campaign, out) as process:
            until(lambda: status(out).get("finished"), process)
            assert status(out)["samples"] == 4
            process.terminate()
            process.communicate(timeout=60)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
