"""Campaigns told event by event, with every fate that a candidate can meet, for reports to be made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from bus.blobs import MemoryBlobs
from bus.codec import encode
from bus.protocol import Recorded
from bus.subjects import subject_of
from contracts.campaigns import CampaignFinished, CampaignStarted
from contracts.diffraction import AnalysisFlagged, PatternMeasured, UnexplainedLine
from contracts.envelope import Envelope, schema_uri
from contracts.event import Event
from contracts.identifiers import root_id
from contracts.instruments import Radiation, SampleTrouble, StepKind
from contracts.learning import ObservationRecorded
from contracts.materials import Composition
from contracts.planning import CandidateProposed, ComponentPrediction
from contracts.synthesis import StepCompleted, StepFailed
from contracts.trust import CandidateCleared, ConformalRecord
from ops.reports.evidence import Evidence
from ops.reports.markup import Node
from ops.reports.story import Story, tell
from ops.settings import load_campaign
from tests.agents import said
from tests.science.diffraction.powders import simulated

CAMPAIGN = "bso-match-1"
BEGUN = datetime(2026, 1, 5, 8, tzinfo=UTC)
PLAN = load_campaign("bso-match").plan
SIMULATED = ("furnace-1", "furnace-2", "furnace-3", "reviewer", "xrd-1")


def tree(node: Node) -> ET.Element:
    """A drawing or table, read back by a parser that forgives nothing."""
    return ET.fromstring(node.render())  # noqa: S314  our own text


def words(node: Node | ET.Element) -> str:
    """All text in it."""
    return "".join((tree(node) if isinstance(node, Node) else node).itertext())


def started(**changes: object) -> CampaignStarted:
    """The first event."""
    fields = {
        "plan": PLAN, "seed": 1, "code_version": "0.1.0", "library_sha256": "0" * 64, "virtual": True,
        "simulated": SIMULATED,
    }  # fmt: skip
    return CampaignStarted(**(fields | changes))


def recorded(events: Iterable[Event], *, hours: float = 6) -> list[Recorded]:
    """Events as they stand in a log, one every few hours."""
    log = []
    for n, event in enumerate(events, 1):
        at = BEGUN + timedelta(hours=hours * (n - 1))
        identity = root_id(CAMPAIGN, str(n))
        envelope = Envelope(
            id=identity, source="/agents/planner", type=event.kind, dataschema=schema_uri(event.kind, event.version),
            time=at, campaign=CAMPAIGN, correlationid=identity, data=event,
        )  # fmt: skip
        log.append(Recorded(n, subject_of(CAMPAIGN, event.kind), envelope, encode(envelope), at))
    return log


def story(*events: Event) -> Story:
    """The story of these events after the start."""
    return tell(recorded([started(), *events]), "here")


def predicted(n: int, lattice: float = 4.115, composition: Composition | None = None) -> CandidateProposed:
    """A proposal of a surrogate."""
    event = said.proposed(n)
    expected = (
        ComponentPrediction(component="lattice", mean=lattice, sd=0.002),
        ComponentPrediction(component="phase_fraction", mean=0.9, sd=0.05),
    )
    return event.model_copy(update={"predictions": expected, "composition": composition or event.composition})


def bounded(n: int, low: float | None, high: float | None) -> CandidateCleared:
    """A decision with a conformal interval of the lattice, or with none."""
    record = ConformalRecord(
        component="lattice", family="zirconate", n_calibration=12, alpha=0.1, basis="exact for the family",
        quantile=None, lower=low, upper=high, max_width=0.04,
    )  # fmt: skip
    event = said.cleared(n)
    return event.model_copy(update={"decision": event.decision.model_copy(update={"conformal": (record,)})})


def label(n: int, utility: float = 0.5, **changes: object) -> ObservationRecorded:
    """A label."""
    return said.observed(n, utility=utility).model_copy(update=changes)


def pattern(n: int, blobs: MemoryBlobs, name: str = "BaZr0.6Ti0.4O3") -> PatternMeasured:
    """A measured pattern of a powder, kept among the blobs."""
    measured = simulated({name: 1.0})
    rows = (f"{x:.4f} {y:.0f}" for x, y in zip(measured.two_theta, measured.intensity, strict=True))
    at = BEGUN + timedelta(days=n)
    return PatternMeasured(
        measurement_id=said.scan_of(n), sample_id=said.vial(n), instrument="xrd-1",
        pattern=blobs.put("\n".join([*rows, ""]).encode(), "text/plain", f"{said.vial(n)}.xy"),
        radiation=Radiation(k_alpha1=1.540593), started_at=at, ended_at=at + timedelta(hours=1), asked=True,
    )  # fmt: skip


def flagged(n: int) -> AnalysisFlagged:
    """A pattern with a line that nobody can explain."""
    line = UnexplainedLine(two_theta=29.1, d=3.066, relative_intensity=0.09)
    return AnalysisFlagged(
        measurement_id=said.scan_of(n), sample_id=said.vial(n), reason="1 clear line belongs to no known phase",
        analysis=said.analysis(said.phase(), verdict="unknown", unexplained_lines=(line,)),
    )  # fmt: skip


def step(n: int, *troubles: SampleTrouble, days: float = 1) -> StepCompleted:
    """A firing that the instrument calls done."""
    at = BEGUN + timedelta(days=n)
    return StepCompleted(
        run_id="r-0001", key=f"k/{n}", step=StepKind.FIRE, instrument="furnace-1", sample_ids=(said.vial(n),),
        started_at=at, ended_at=at + timedelta(days=days), readings=(), troubles=troubles,
    )  # fmt: skip


def failed(n: int) -> StepFailed:
    """A step that did not work."""
    return StepFailed(
        run_id="r-0001", key=f"k/{n}", step=StepKind.LOAD, instrument="furnace-2", sample_ids=(said.vial(n),),
        reason="gripper open", retryable=False, readings=(), troubles=(),
    )  # fmt: skip


def every_fate(blobs: MemoryBlobs) -> list[Event]:
    """Seven candidates: success, learnt, withheld (flagged), lost, declined, refused, under way."""
    overshoot = SampleTrouble(sample_id=said.vial(2), reason="furnace overshoot: 1510 °C shown", lost=False)
    return [
        started(),
        *(predicted(n) for n in range(1, 8)),
        bounded(1, 4.11, 4.12), bounded(2, 4.113, 4.117), said.asked(3), said.cleared(4), said.asked(5),
        said.refused(6), said.asked(7), said.answered(3, approved=True), said.answered(5, approved=False),
        step(1), step(2, overshoot), step(3), failed(4), said.gone(4),
        *(said.made(n) for n in (1, 2, 3)), *(said.scanning(n) for n in (1, 2, 3)),
        *(pattern(n, blobs) for n in (1, 2, 3)),
        said.identified(1, said.phase(name="BaZr0.583Ti0.417O3 (Pm-3m)", weight_fraction=1.0)),
        said.identified(2, said.phase()), flagged(3),
        label(1, 0.9, success=True, lattice=4.1161), label(2, 0.4, lattice=4.12),
        said.withheld(3), said.withheld(9, unasked=True),
        said.closed(observed=2, withheld=1, lost=1, declined=1, refused=1),
        said.released(1), said.rejected(2),
        CampaignFinished(reason="enough", samples=4, successes=1, best=None),
    ]  # fmt: skip


def evidence(events: Sequence[Event], blobs: MemoryBlobs | None = None, **changes: object) -> Evidence:
    """What a run of these events leaves, its summary among it."""
    log = recorded(events)
    told = tell(log, "here")
    summary = {
        **json.loads(json.dumps(told.tally.summary())), "interrupted": False, "state": {"planner": "a" * 64},
        "faults_injected": 3, "faults_caught": 1, "faults_missed": ["c-0002-v1: swapped vials (1)"],
        "faults_harmless": 1,
    }  # fmt: skip
    return Evidence("run", log, blobs or MemoryBlobs(), **({"summary": summary} | changes))
