"""Logs told event by event, ready to be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from bus.blobs import MemoryBlobs
from bus.codec import encode
from bus.errors import UndecodableEventError
from bus.protocol import Recorded
from contracts.event import Event
from contracts.identifiers import root_id
from contracts.instruments import Reading, SampleTrouble, StepKind
from contracts.planning import ModelRef
from contracts.synthesis import StepCompleted, StepFailed, StepStarted
from contracts.trust import ConformalRecord, OodScore, SurrogateRecord
from ops.asking.loading import Loaded, loaded
from tests.agents import said
from tests.ops.reports.telling import BEGUN, CAMPAIGN, flagged, label, pattern, predicted, recorded, started

MODEL = ModelRef(model_id="m-0001", sha256="0" * 64)


class Told:
    """A past that is held in memory."""

    def __init__(self, log: Sequence[Recorded], garbage: dict[int, str] | None = None) -> None:
        self.log, self.garbage, self.blobs = log, garbage or {}, MemoryBlobs()

    async def events(self, stop: int | None = None, *, passed_over: Any = lambda _: None) -> Any:
        for sequence, reason in self.garbage.items():
            passed_over(UndecodableEventError(sequence, reason))
        for one in self.log:
            if stop is None or one.sequence <= stop:
                yield one


@contextmanager
def asked(source: Told, until: int | None = None, outlet: Path | None = None) -> Iterator[tuple[Any, Loaded]]:
    """A log, ready to be asked."""
    loop = asyncio.new_event_loop()
    opened = loaded(source, until, outlet=outlet)
    try:
        entered = loop.run_until_complete(opened.__aenter__())
        try:
            yield entered
        finally:
            loop.run_until_complete(opened.__aexit__(None, None, None))
    finally:
        loop.close()


def step_of(n: int, kind: StepKind, *others: int) -> dict[str, Any]:
    """What the start and the end of a step share."""
    vials = tuple(said.vial(m) for m in (n, *others))
    return {"run_id": "r-0001", "key": f"{kind}/{n}", "step": kind, "instrument": "furnace-1", "sample_ids": vials}


def begun(n: int, kind: StepKind, *others: int) -> StepStarted:
    """A step that is begun."""
    return StepStarted(**step_of(n, kind, *others), firing=1)


def done(n: int, kind: StepKind, *others: int, hours: float = 5, trouble: SampleTrouble | None = None) -> StepCompleted:
    """Its good end."""
    at = BEGUN + timedelta(hours=100)
    return StepCompleted(
        **step_of(n, kind, *others), started_at=at, ended_at=at + timedelta(hours=hours),
        readings=(Reading(name="peak temperature", value=1449.5, unit="Cel"),),
        troubles=(trouble,) if trouble is not None else (),
    )  # fmt: skip


def failed(n: int, kind: StepKind) -> StepFailed:
    """Its bad end."""
    return StepFailed(**step_of(n, kind), reason="gripper open", retryable=False, readings=(), troubles=())


def believed(n: int) -> Any:
    """A clearance that rests on a model, an interval and scores."""
    interval = ConformalRecord(
        component="lattice", family="zirconate", n_calibration=12, alpha=0.1, basis="exact for the family",
        quantile=1.2, lower=4.11, upper=4.12, max_width=0.04,
    )  # fmt: skip
    scores = (
        OodScore(name="latent distance", value=3.0, threshold=2.5, exceeded=True),
        OodScore(name="design distance", value=0.5, threshold=None, exceeded=False),
    )
    known = SurrogateRecord(model=MODEL, trust_model=MODEL, dataset_sha256="0" * 64, n_observations=6)
    event = said.cleared(n)
    change = {"surrogate": known, "conformal": (interval,), "ood": scores, "votes": 1}
    return event.model_copy(update={"decision": event.decision.model_copy(update=change)})


def every_fate() -> list[Event]:
    """Nine candidates: success, learnt, withheld, lost, declined, refused, under way, retracted, decided by a model."""
    blobs = MemoryBlobs()
    short = SampleTrouble(sample_id=said.vial(2), reason="balance shows 2.1 g", lost=False)
    made = (1, 2, 3, 8)
    return [
        started(),
        *(predicted(n) for n in range(1, 9)),
        *(said.cleared(n) for n in (1, 2, 4, 8)), said.asked(3), said.asked(5), said.refused(6), said.asked(7),
        said.answered(3, approved=True), said.answered(5, approved=False),
        said.scheduled(1, 2, 3, 4, 8),
        begun(1, StepKind.FIRE, 2, 3, 8), done(1, StepKind.FIRE, 2, 3, 8),
        begun(2, StepKind.WEIGH), done(2, StepKind.WEIGH, hours=0.25, trouble=short),
        begun(4, StepKind.LOAD), failed(4, StepKind.LOAD), said.gone(4),
        *(said.made(n) for n in made), *(said.scanning(n) for n in made), *(pattern(n, blobs) for n in made),
        said.identified(1, said.phase(name="BaZr0.583Ti0.417O3 (Pm-3m)", weight_fraction=1.0)),
        said.identified(2, said.phase(), said.phase(name="BaCO3", weight_fraction=0.05, pseudo_cubic=None)),
        flagged(3), said.identified(8, said.phase()),
        label(1, 0.9, success=True, lattice=4.1161), label(2, 0.4, lattice=4.12), said.withheld(3), label(8, 0.2),
        said.released(1), said.retracted(8), said.rejected(2), said.released(3, said.artefact("model", "3" * 64)),
        predicted(9), believed(9), begun(1, StepKind.REGRIND),
    ]  # fmt: skip


def chained(events: Sequence[Event]) -> list[Recorded]:
    """A log in which each event is caused by the one before it."""
    log = recorded(events)
    cause = [None, *(root_id(CAMPAIGN, str(n)) for n in range(1, len(log)))]
    return [
        Recorded(r.sequence, r.subject, e := r.envelope.model_copy(update={"causationid": c}), encode(e), r.stored_at)
        for r, c in zip(log, cause, strict=True)
    ]
