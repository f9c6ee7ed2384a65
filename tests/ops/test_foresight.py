"""What a played diffractometer will hand over is known ahead, to the last byte, and looking changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.xrd_analyser import XrdAnalyser
from contracts.errors import InstrumentBusyError
from ops.foresight import foresight
from science.diffraction.standards import aligned_bytes
from science.diffraction.tasks import identify_bytes
from simulators.rates import FaultRates
from tests.simulators.lab import SimulatedLab
from tests.simulators.test_diffractometer import filled

RATES = FaultRates.none().model_copy(update={"displaced_holder": 1.0, "tube_decay": 0.08})


async def queued(folder: Path) -> SimulatedLab:
    """A scan under way, and two that were asked for meanwhile."""
    lab = await filled(folder, "c-1-v1", "c-2-v1", "c-3-v1", rates=RATES)
    await lab.diffractometer.start(lab.scan("c-1-v1"))
    for sample in ("c-2-v1", "c-3-v1", "c-2-v1"):
        with pytest.raises(InstrumentBusyError):
            await lab.diffractometer.start(lab.scan(sample))
    return lab


async def test_scans_under_way_and_waiting_are_known_to_the_last_byte(tmp_path: Path) -> None:
    """Each begins when the one before it ends, as whoever waits for it will have it."""
    lab = await queued(tmp_path)
    coming = list(lab.diffractometer.coming())
    found = [await lab.diffractometer.finish(lab.scan("c-1-v1").key)]
    for sample in ("c-2-v1", "c-3-v1"):
        await lab.diffractometer.start(lab.scan(sample))
        found.append(await lab.diffractometer.finish(lab.scan(sample).key))
    assert coming == found
    assert list(lab.diffractometer.coming()) == []


async def test_looking_ahead_leaves_no_trace(tmp_path: Path) -> None:
    """No fault is entered, nothing is begun, and what waits has still to be asked for."""
    lab = await queued(tmp_path)
    faults, entries = list(lab.faults), list(lab.diffractometer.journal)
    assert len(list(lab.diffractometer.coming())) == 3
    assert (list(lab.faults), list(lab.diffractometer.journal)) == (faults, entries)


async def test_the_analyser_foresees_what_it_will_ask(tmp_path: Path) -> None:
    """The very question that it asks once the pattern is in the log; of a standard, how the instrument stands."""
    lab = await queued(tmp_path)
    analyser = XrdAnalyser(lab.diffractometer)
    tasks = list(foresight(lab.diffractometer, [analyser])())
    assert [task.fn for task in tasks] == [identify_bytes] * 3
    assert tasks[1].args[0] == "c-2-v1.xrdml"
    [standard] = [
        analyser.foreseen(r.model_copy(update={"key": "standard/xrd-1/1", "sample_id": "standard-Si-0001"}))
        for r in list(lab.diffractometer.coming())[:1]
    ]
    assert standard.fn is aligned_bytes
    assert list(foresight(lab.diffractometer, [])()) == []
