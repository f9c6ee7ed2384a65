"""A real diffractometer in the loop: files that are dropped into a folder while a campaign runs."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.diffraction import AnalysisFlagged, MeasurementFailed, PatternMeasured, PhasesIdentified
from contracts.instruments import ScanRequest
from contracts.learning import ObservationWithheld
from ops.clock import RealClock
from simulators.diffractometer import SimulatedDiffractometer
from simulators.faults import Faults
from simulators.furnace import Bench
from simulators.rates import FaultRates
from simulators.world.structures import perovskite
from simulators.world.vial import Contents, TruePhase
from tests.system.console import command, environment, read_log

pytestmark = pytest.mark.slow


class _Powder(Bench):
    """A bench whose every vial holds pure strontium titanate."""

    def contents(self, _sample: str, _at: datetime | None = None) -> Contents:
        crystal, lattice, group = perovskite({"Sr": 1.0}, {"Ti": 1.0}, 1.0, 0)
        return Contents((TruePhase(crystal, 1.0, 900.0, 5e-4, lattice, group),), 1.0, 0.0)


def _measured(folder: Path) -> bytes:
    """A file as a diffractometer writes it."""
    from simulators.diffractometer import xrdml
    from simulators.journal import Entry

    begun = datetime(2026, 1, 5, tzinfo=UTC)
    device = SimulatedDiffractometer("xrd-9", _Powder(0, Faults(0, FaultRates())), RealClock(), folder, begun)
    request = ScanRequest(key="k", sample_id="s", start=15, stop=90, step=0.02, seconds_per_step=0.5)
    return xrdml(request, *device.scan(request, begun), Entry("k", 1, begun, begun, {}))


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A campaign that makes nothing and listens to a folder."""
    out = tmp_path / "out"
    process = subprocess.Popen(
        command("run", "file-drop", "--out", out, "--real-time", "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    _wait((out / "inbox").is_dir, process)
    yield process, out
    if process.poll() is None:
        process.kill()
        process.communicate()


def _wait(done: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while not done():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_dropped_files_are_events_like_everything_else(
    listening: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    """A measured file is identified, a half-written one is waited for, garbage is flagged once and stays there."""
    process, out = listening
    inbox = out / "inbox"
    content = _measured(tmp_path / "device")
    (inbox / "powder 7.xrdml").write_bytes(content[: len(content) // 2])
    time.sleep(1.5)  # noqa: ASYNC251  a slow copy, as a real instrument makes one
    (inbox / "powder 7.xrdml").write_bytes(content)
    (inbox / "garbage.xrdml").write_bytes(b"<xrdMeasurements>never closed")
    (inbox / "empty.xy").write_bytes(b"")
    blobs = out / "blobs"
    _wait(lambda: any(p.read_bytes() == content for p in blobs.glob("*/*")), process)
    time.sleep(12)  # noqa: ASYNC251  long enough for the garbage to settle and the pattern to be analysed
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert json.loads(stdout.splitlines()[-1])["measured"] == 1
    (tmp_path / "copy").mkdir()
    events = [r.envelope.data for r in await read_log(out, tmp_path / "copy")]
    measured = [e for e in events if isinstance(e, PatternMeasured)]
    assert [(e.sample_id, e.asked, e.pattern.size) for e in measured] == [("powder-7", False, len(content))]
    identified = [e for e in events if isinstance(e, PhasesIdentified)]
    assert [p.formula for p in identified[0].analysis.phases] == ["SrTiO3"]
    assert not any(isinstance(e, AnalysisFlagged) for e in events)
    failed = {e.sample_id: e.reason for e in events if isinstance(e, MeasurementFailed)}
    assert set(failed) == {"garbage", "empty"}
    assert "half written" in failed["garbage"]
    assert "empty file" in failed["empty"]
    assert {p.name for p in inbox.iterdir()} == {"powder 7.xrdml", "garbage.xrdml", "empty.xy"}
    withheld = {e.sample_id for e in events if isinstance(e, ObservationWithheld)}
    assert withheld == {"powder-7", "garbage", "empty"}
