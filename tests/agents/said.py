"""Events as other agents would say them, about the n-th candidate of a test."""

from __future__ import annotations

from datetime import timedelta

from agents.synthesis_robot import expected_product_mass
from contracts.diffraction import Analysis, Cell, MeasurementStarted, PhaseFound, PhasesIdentified, RescanRequested
from contracts.learning import (
    Metric,
    ModelRejected,
    ModelReleased,
    ObservationRecorded,
    ObservationRetracted,
    ObservationWithheld,
)
from contracts.materials import ArtifactRef
from contracts.planning import BatchClosed, CandidateProposed, ConstraintCheck, ModelRef, Origin
from contracts.review import ReviewDecided
from contracts.scheduling import Reservation, RunScheduled, ScheduledSample
from contracts.synthesis import FurnaceCalibrated, FurnaceNotCalibrated, SampleLost, SampleSynthesised
from contracts.trust import CandidateCleared, CandidateRefused, DecisionRecord, Outcome, ReviewRequested, Rubric
from tests.contracts.examples import EPOCH, perovskite, plan, recipe

FINE = ConstraintCheck(name="charge balance", satisfied=True, value=0.0, limit="0 e", reason="it balances")
BROKEN = ConstraintCheck(name="tolerance factor", satisfied=False, value=1.2, limit="to 1.04", reason="it is 1.2")
RUBRIC = Rubric(constraint="c", trust_signal="t", failure_mode="f", mitigation="m")
COMPOSITION = perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5})


def candidate(n: int) -> str:
    return f"c-{n:04d}"


def vial(n: int) -> str:
    return f"{candidate(n)}-v1"


def proposed(n: int, *, batch: int = 1, size: int = 3, constraints=(FINE,), celsius: float = 1450, **changes):
    return CandidateProposed(
        candidate_id=candidate(n),
        batch_id=f"b-{batch:04d}",
        batch_size=size,
        rank=n,
        composition=COMPOSITION,
        family="BaZrO3-BaTiO3",
        recipe=recipe(celsius=celsius, **changes),
        origin=Origin.INITIAL,
        score=None,
        predictions=(),
        model=None,
        constraints=constraints,
        pool_size=100,
    )


def decision(outcome: Outcome) -> DecisionRecord:
    return DecisionRecord(
        outcome=outcome, rank=1, surrogate=None, conformal=(), ood=(), votes=0, feasibility=(FINE,),
        reasons=("because",), human_review="not needed", rubric=RUBRIC,
    )  # fmt: skip


def cleared(n: int) -> CandidateCleared:
    return CandidateCleared(candidate_id=candidate(n), decision=decision(Outcome.CLEARED))


def refused(n: int) -> CandidateRefused:
    return CandidateRefused(candidate_id=candidate(n), hard=False, decision=decision(Outcome.REFUSED))


def asked(n: int) -> ReviewRequested:
    return ReviewRequested(
        candidate_id=candidate(n), review_id=f"q-{candidate(n)}", decision=decision(Outcome.ESCALATED)
    )


def answered(n: int, *, approved: bool) -> ReviewDecided:
    return ReviewDecided(
        review_id=f"q-{candidate(n)}", candidate_id=candidate(n), approved=approved, reviewer="a test",
        simulated=True, reason="because",
    )  # fmt: skip


def gone(n: int) -> SampleLost:
    return SampleLost(sample_id=vial(n), candidate_id=candidate(n), run_id="r-0001", reason="dropped")


def made(n: int, **changes) -> SampleSynthesised:
    mass = expected_product_mass(recipe())
    fields = {
        "sample_id": vial(n), "candidate_id": candidate(n), "run_id": "r-0001", "composition": COMPOSITION,
        "recipe": recipe(), "product_mass": mass, "expected_mass": mass, "steps_ok": True, "doubts": (),
    }  # fmt: skip
    return SampleSynthesised(**(fields | changes))


def scan_of(n: int) -> str:
    return f"{vial(n)}/scan/1"


def scanning(n: int) -> MeasurementStarted:
    return MeasurementStarted(measurement_id=scan_of(n), sample_id=vial(n), instrument="xrd-1")


def rescanned(n: int, hours: float = 2.0) -> RescanRequested:
    return RescanRequested(
        measurement_id=f"{vial(n)}/scan/2", doubted=scan_of(n), sample_id=vial(n), instrument="xrd-1",
        scan=plan().scan.model_copy(update={"seconds_per_step": 2.0}), hours=hours, reason="it is faint",
        expected_gain=0.5,
    )  # fmt: skip


def phase(**changes) -> PhaseFound:
    cell = Cell(a=4.116, b=4.116, c=4.116, alpha=90, beta=90, gamma=90)
    fields = {
        "name": "perovskite", "formula": "BaZrO3", "space_group": 221, "weight_fraction": 0.97, "cell": cell,
        "pseudo_cubic": 4.116, "confidence": 0.9, "alternatives": (), "microstrain": 0.0007,
    }  # fmt: skip
    return PhaseFound(**(fields | changes))


def analysis(*phases: PhaseFound, verdict: str = "identified", **changes) -> Analysis:
    fields = {
        "verdict": verdict, "phases": phases, "unexplained_fraction": 0.02, "unexplained_lines": (), "r_wp": 0.05,
        "zero": 0.0, "displacement": 0.0, "wavelength": 1.5406, "flags": (), "library_sha256": "0" * 64,
    }  # fmt: skip
    return Analysis(**(fields | changes))


def identified(n: int, *phases: PhaseFound, measurement: str | None = None, **changes) -> PhasesIdentified:
    return PhasesIdentified(
        measurement_id=measurement or scan_of(n), sample_id=vial(n), analysis=analysis(*phases, **changes)
    )


def observed(n: int, *, batch: int = 1, utility: float = 0.5, success: bool = False) -> ObservationRecorded:
    return ObservationRecorded(
        sample_id=vial(n), candidate_id=candidate(n), batch_id=f"b-{batch:04d}", measurement_id=scan_of(n),
        composition=COMPOSITION, family="BaZrO3-BaTiO3", lattice=4.116, phase_fraction=0.97, cubicity=1.0,
        heterogeneity=0.0, utility=utility, success=success,
    )  # fmt: skip


def withheld(n: int, *, unasked: bool = False) -> ObservationWithheld:
    return ObservationWithheld(
        sample_id=vial(n), candidate_id=None if unasked else candidate(n), reason="it is doubtful"
    )


def retracted(n: int) -> ObservationRetracted:
    return ObservationRetracted(
        sample_id=vial(n), candidate_id=candidate(n), measurement_id=scan_of(n), reason="its furnace was too hot"
    )


def calibrated(deviation: float, furnace: str = "furnace-1", *, run: str = "r-0001", at=EPOCH) -> FurnaceCalibrated:
    return FurnaceCalibrated(
        furnace=furnace, run_id=run, key=f"{run}/1/calibrate/{furnace}/1", calibrated_at=at, temperature=1400.0,
        deviation=deviation, uncertainty=1.0,
    )  # fmt: skip


def not_calibrated(furnace: str = "furnace-1", *, offered: bool = True, run: str = "r-0001") -> FurnaceNotCalibrated:
    return FurnaceNotCalibrated(furnace=furnace, run_id=run, offered=offered, reason="because")


def scheduled(*vials: int, run: int = 1, furnace: str = "furnace-1", start=EPOCH, **changes) -> RunScheduled:
    fired = Reservation(instrument=furnace, start=start, end=start + timedelta(hours=20))
    return RunScheduled(
        run_id=f"r-{run:04d}",
        furnace=furnace,
        samples=tuple(
            ScheduledSample(
                sample_id=vial(n), candidate_id=candidate(n), composition=COMPOSITION, recipe=recipe(**changes)
            )
            for n in vials
        ),
        reservations=(fired,),
    )


def closed(batch: int = 1, **fates: int) -> BatchClosed:
    fields = {"refused": 0, "declined": 0, "lost": 0, "observed": 0, "withheld": 0} | fates
    return BatchClosed(batch_id=f"b-{batch:04d}", proposed=max(sum(fields.values()), 1), **fields)


def artefact(name: str, sha: str = "0" * 64) -> ArtifactRef:
    return ArtifactRef(sha256=sha, size=1, media_type="application/octet-stream", name=name)


def released(n: int, model: ArtifactRef | None = None, trust: ArtifactRef | None = None) -> ModelReleased:
    model, trust = model or artefact("model"), trust or artefact("trust")
    return ModelReleased(
        model=ModelRef(model_id=f"m-{n:04d}", sha256=model.sha256),
        artifact=model,
        trust_model=ModelRef(model_id=f"t-{n:04d}", sha256=trust.sha256),
        trust_artifact=trust,
        dataset=artefact("dataset"),
        n_observations=6,
        metrics=(Metric(name="mae lattice", value=0.01, unit="Angstrom"),),
    )


def rejected(n: int) -> ModelRejected:
    return ModelRejected(model_id=f"m-{n:04d}", dataset_sha256="0" * 64, n_observations=2, reason="too few", metrics=())
