"""Agents in several processes over one folder and one broker work in the same laboratory."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from bus.blobs import BlobStore
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.diffraction import PhasesIdentified
from contracts.learning import ObservationRecorded
from tests.system.console import command, environment, small
from tests.system.test_daemon import SPEED, status, until

pytestmark = pytest.mark.slow
CREWS = ("xrd_analyser", "planner,trust_auditor,review_desk,scheduler,synthesis_robot,retrainer")


async def test_an_analyser_sees_what_another_process_made(tmp_path: Path) -> None:
    """The diffractometer of one process measures what the furnaces of the other fired, and not empty holders."""
    server, out = await EmbeddedServer.start(tmp_path / "broker"), tmp_path / "lab"
    crews: list[subprocess.Popen[str]] = []
    campaign = small(tmp_path)
    try:
        for n, crew in enumerate(CREWS):
            words = ["--campaign", campaign, "--out", out, "--speed", SPEED, "--http-port", 0, "--nats", server.url]
            crews.append(
                subprocess.Popen(  # noqa: ASYNC220  started once, before anything waits
                    command("up", *words, "--agents", crew, "--no-telemetry"),
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
                )
            )  # fmt: skip
            if n == 0:  # its diffractometer is there before anything is made
                await asyncio.to_thread(until, lambda: status(out).get("ready"), crews[0])
        bus = await JetStreamBus.connect(server.url, BlobStore(out / "blobs"))
        learnt: list[ObservationRecorded] = []
        async with asyncio.timeout(200):
            while len(learnt) < 2:
                await asyncio.sleep(1)
                events = [r.envelope.data async for r in bus.read()]
                learnt = [e for e in events if isinstance(e, ObservationRecorded)]
        await bus.close()
    finally:
        for crew in crews:
            crew.kill()
            await asyncio.to_thread(crew.communicate)
        await server.stop()
    found = [e for e in events if isinstance(e, PhasesIdentified)]
    assert len(found) >= 2
    assert all(e.analysis.phases for e in found)
