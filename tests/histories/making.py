"""How the histories are made: campaigns of a few vials, in which everything happens that may happen in a lab."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson

from agents.instrument_check import standard_measured
from agents.workers import Workers
from bus.blobs import BlobStore
from bus.codec import decode
from bus.replay import opened
from contracts.diffraction import StandardMeasured
from contracts.errors import InstrumentError
from contracts.instruments import ReviewAnswer, ReviewQuestion, ScanRequest, StepReport
from contracts.materials import ArtifactRef
from contracts.upcasters import told_as
from ops.clock import RealClock
from ops.lab import Outcome, run
from ops.order import Order
from ops.settings import load_campaign
from ops.tally import Tally
from simulators.bench import Bench
from simulators.diffractometer import SimulatedDiffractometer, xrdml
from simulators.faults import Faults
from simulators.furnace import SimulatedSynthesiser
from simulators.journal import Entry
from simulators.rates import FaultRates
from simulators.world.structures import perovskite
from simulators.world.vial import Contents, TruePhase
from tests.histories.arithmetic import arithmetic, one_thread
from tests.histories.kept import History

WHOLE = {
    "planner": {"initial": 8, "batch": 2, "pool": 100},
    "budget": {"max_samples": 12},
}
SMALL = {
    "planner": {"initial": 2, "batch": 2, "pool": 100},
    "budget": {"max_samples": 4},
    "laboratory": {
        "furnaces": [{"name": "furnace-1", "capacity": 2}, {"name": "furnace-2", "capacity": 2}],
        "diffractometer": "xrd-1",
        "sample_mass": 5.0,
    },
}
TROUBLED = {
    "planner": {"initial": 4, "batch": 2, "pool": 100},
    "budget": {"max_samples": 6},
    "simulation": {
        "faults": {
            "dropped_vial": 0.08,
            "misweigh": 0.15,
            "dirty_crucible": 0.1,
            "lost_message": 0.05,
            "empty_holder": 0.1,
        }
    },
}
UNDOUBTED = {"rescans_per_sample": 0, "rescan_hours_per_day": 0.0}
DROPPED = SMALL | {
    "budget": {"max_samples": 2},
    "laboratory": SMALL["laboratory"] | {"standard": ""},
    "triage": UNDOUBTED,
    "instruments": {"synthesis": "simulated", "diffraction": "file-drop", "folder": "inbox"},
}
UNCALIBRATED = SMALL | {
    "laboratory": SMALL["laboratory"] | {"calibration_interval_days": 0.0, "standard": ""},
    "triage": UNDOUBTED | {"reviews_per_day": 0},
}
"""As every campaign was before version 2 of its first event, and in doubt before version 3."""


class Person:
    """Somebody at the review desk, who does not like the second candidate."""

    async def decide(self, question: ReviewQuestion) -> ReviewAnswer:
        approved = question.candidate_id != "c-0002"
        reason = "worth a vial" if approved else "we had this one last year"
        return ReviewAnswer(approved=approved, reviewer="a person", simulated=False, reason=reason)


class Failing(SimulatedSynthesiser):
    """A line whose mills stop at the first attempt, and of whose second run nobody can tell how it was fired."""

    async def finish(self, key: str) -> StepReport:
        report = await super().finish(key)
        if "/mill/" in key and key.endswith("/1"):
            return report.model_copy(update={"succeeded": False, "retryable": True, "reason": "the mill stopped"})
        if key.startswith("r-0002/") and "/fire/" in key:
            raise InstrumentError(self.name, "Expected a report of the furnace, got one that is cut off.")
        return report


class Stumbling(Workers):
    """Workers of which one has a mistake in it, once."""

    stumbled = False

    async def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if fn.__name__ == "identify_bytes" and not Stumbling.stumbled:
            Stumbling.stumbled = True
            raise RuntimeError("a mistake that was made for this history")
        return await super().run(fn, *args, **kwargs)


def _only_places(*what: Any) -> StandardMeasured:
    """What a standard told before anybody asked the shapes of its lines."""
    return standard_measured(*what).model_copy(update={"axial": None, "axial_su": None})


@dataclass(frozen=True)
class Making:
    """How one history is made."""

    about: str
    seed: int = 1
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    instead: Mapping[str, Any] = field(default_factory=dict)
    """What stands in for what while it is recorded."""
    files: tuple[str, ...] = ()
    """Names of measured files that are dropped."""
    aged: bool = False
    """Whether its events are told as the first Athanor told them."""


MAKINGS = {
    "quick": Making("the loop closes: an even batch, a model, a ranked and judged batch", seed=1, changes=WHOLE),
    "troubled": Making(
        "vials are dropped, powders mis-weighed, messages lost, mills stop, and a firing that nobody can tell of",
        seed=11,
        changes=TROUBLED,
        instead={"ops.equipment.SimulatedSynthesiser": Failing},
    ),
    "dropped": Making(
        "a real diffractometer drops files, two of them unasked, and a person answers the reviews",
        changes=DROPPED,
        instead={"ops.equipment.SimulatedReviewer": Person},
        files=("c-0001-v1.xrdml", "c-0003-v1.xrdml", "powder 7.xrdml", "garbage.xrdml"),
    ),
    "old": Making(
        "events as older versions told them, and a mistake of the program that was made good at the second attempt",
        seed=5,
        changes=UNCALIBRATED,
        instead={"ops.lab.Workers": Stumbling},
        aged=True,
    ),
    "old-dropped": Making(
        "files as an older Athanor heard of them, a scan of silicon among them",
        changes=UNCALIBRATED | {"budget": DROPPED["budget"], "instruments": DROPPED["instruments"]},
        instead={"agents.xrd_analyser.standard_measured": _only_places},
        files=("standard-Si.xrdml", "c-0001-v1.xrdml", "c-0002-v1.xrdml"),
        aged=True,
    ),
}

# growing old ------------------------------------------------------------------------------------------------


def aged(payload: bytes) -> bytes:
    """An event as its first version told it."""
    document = orjson.loads(payload)
    head, _, _ = document["dataschema"].rpartition(":")
    data = told_as(document["type"], 1, document["data"])
    return orjson.dumps(document | {"dataschema": f"{head}:1", "data": data})


# recording --------------------------------------------------------------------------------------------------


class _Powder(Bench):
    """A bench whose every vial holds pure strontium titanate; what is a standard by its name is that."""

    def contents(self, _sample: str, _at: datetime | None = None) -> Contents:
        crystal, lattice, group = perovskite({"Sr": 1.0}, {"Ti": 1.0}, 1.0, 0)
        return Contents((TruePhase(crystal, 1.0, 900.0, 5e-4, lattice, group),), 1.0, 0.0)


def _measured(folder: Path) -> bytes:
    """A file as a diffractometer writes it."""
    begun = datetime(2026, 1, 5, tzinfo=UTC)
    device = SimulatedDiffractometer("xrd-9", _Powder(0, Faults(0, FaultRates())), RealClock(), folder, begun)
    name = folder.stem.replace(" ", "-")
    request = ScanRequest(key="k", sample_id=name, start=15, stop=90, step=0.02, seconds_per_step=0.5)
    return xrdml(request, *device.scan(request, begun), Entry("k", 1, begun, begun, {}))


def _drop(names: tuple[str, ...], inbox: Path, scratch: Path) -> None:
    inbox.mkdir(parents=True, exist_ok=True)
    for name in names:
        content = b"<xrdMeasurements>never closed" if name.startswith("garbage") else _measured(scratch / name)
        (inbox / name).write_bytes(content)


async def _lived(making: Making, order: Order) -> Outcome:
    """Runs it; a lab that watches a folder is never at rest, so it is stopped when its campaign is over."""
    asked = False

    def show(tally: Tally) -> None:
        nonlocal asked
        if making.files and tally.finished is not None and not asked:
            asked = True
            asyncio.get_running_loop().call_later(15, os.kill, os.getpid(), signal.SIGINT)

    return await run(order, show)


async def record(name: str, folder: Path) -> History:
    """Runs the campaign of a history in a folder, and takes down what happened.

    Args:
        name: of the history.
        folder: an empty one.
    """
    making = MAKINGS[name]
    campaign = load_campaign("quick", {k: dict(v) for k, v in making.changes.items()} | {})
    order = Order(campaign, making.seed, virtual=True, out=folder / "out", telemetry=False)
    _drop(making.files, folder / "out" / "inbox", folder)
    with ExitStack() as stack:
        for what, instead in making.instead.items():
            stack.enter_context(patch(what, instead))
        stack.enter_context(one_thread())
        outcome = await _lived(making, order)
    payloads, needed = [], dict[str, ArtifactRef]()
    async with opened(folder / "out") as source:
        async for recorded in source.events():
            payloads.append(recorded.payload)
            needed |= {ref.sha256: ref for ref in _needed(orjson.loads(recorded.payload)["data"])}
    blobs = BlobStore(folder / "out" / "blobs")
    kept = tuple(aged(payload) if making.aged else payload for payload in payloads)
    assert [decode(payload).id for payload in kept] == [decode(payload).id for payload in payloads]
    return History(
        name, making.about, arithmetic(), outcome.state, kept, {d: blobs.get(ref) for d, ref in needed.items()}
    )


def _needed(data: dict[str, Any]) -> list[ArtifactRef]:
    """Artefacts that decisions rest on: patterns and models; data sets are put together again."""
    fields = ("pattern", "artifact", "trust_artifact")
    return [ArtifactRef.model_validate(data[name]) for name in fields if isinstance(data.get(name), dict)]
