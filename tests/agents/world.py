"""A laboratory of fakes: instruments, a reviewer and science whose answers are drawn from keyed dice.

Everything outside the agents is kept here over crashes, as a real laboratory outlives a process.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from agents.synthesis_robot import expected_product_mass
from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import (
    REFERENCE,
    SHOWN,
    UNCERTAINTY,
    ActionState,
    Radiation,
    Reading,
    ReviewAnswer,
    SampleTrouble,
    ScanReport,
    StepKind,
    StepReport,
)
from science.acquisition.tasks import Suggestion, Trained
from science.crystals.crystal import Lattice
from science.diffraction.errors import PatternError
from science.generation.pool import feasible_pool
from science.surrogate.dataset import Dataset
from science.surrogate.errors import TooFewObservationsError
from science.trust.conformal import Interval
from science.trust.gate import Assessment
from tests.contracts.examples import EPOCH

GOOD = "good"
"""What happens when nothing is drawn."""


class Score(NamedTuple):
    """As `science.trust.novelty.Score`, which takes seconds to import."""

    name: str
    value: float
    threshold: float | None
    exceeded: bool


@dataclass
class Dice:
    """Answers that depend on the seed and on what they are about, and on nothing else."""

    seed: int = 0
    rates: dict[str, dict[str, float]] = field(default_factory=dict)
    """Topic → answer → share; the rest is `GOOD`."""
    fixed: dict[str, str] = field(default_factory=dict)
    """``topic/thing`` → answer."""

    def draw(self, topic: str, thing: str) -> str:
        if (fixed := self.fixed.get(f"{topic}/{thing}") or self.fixed.get(topic)) is not None:
            return fixed
        left = random.Random(f"{self.seed}/{topic}/{thing}").random()
        for answer, share in self.rates.get(topic, {}).items():
            if left < share:
                return answer
            left -= share
        return GOOD


@dataclass
class Action:
    """Something that an instrument was asked for."""

    request: object
    started: datetime
    ends: datetime


class FakeInstrument:
    """Remembers its actions; counts how often each was begun."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.actions: dict[str, Action] = {}
        self.begun: Counter[str] = Counter()

    def minutes(self, request: object) -> float:
        raise NotImplementedError

    def fate(self, key: str) -> str:
        return self.world.dice.draw("instrument", key)

    async def start(self, request) -> None:
        if request.key in self.actions:
            return
        now = self.world.clock.now()
        if (busy := [a for a in self.actions.values() if a.ends > now]) and self.fate(request.key) != "stale":
            raise InstrumentBusyError(self.name, "something else", busy[0].ends)
        if self.fate(request.key) == "refuses":
            raise InstrumentError(self.name, f"Expected a free hand, got none for {request.key}.")
        self.begun[request.key] += 1
        self.actions[request.key] = Action(request, now, now + timedelta(minutes=self.minutes(request)))
        if self.fate(request.key) == "hangs up":
            raise InstrumentError(self.name, "Expected an answer, got none.")

    async def ask(self, key: str) -> ActionState:
        if self.fate(key) == "forgot":
            return ActionState.UNKNOWN
        if self.fate(key) == "deaf":
            raise InstrumentError(self.name, "Expected an answer, got none.")
        if key not in self.actions:
            return ActionState.NEVER_SEEN
        return ActionState.DONE if self.actions[key].ends <= self.world.clock.now() else ActionState.RUNNING

    async def finish(self, key: str):
        action = self.actions[key]
        await self.world.clock.sleep_until(action.ends)
        if self.fate(key) == "silent":
            raise InstrumentError(self.name, "Expected a report, got none.")
        return self.report(key, action)

    def report(self, key: str, action: Action):
        raise NotImplementedError


class FakeSynthesiser(FakeInstrument):
    """A synthesis line. Keys: ``run/firing/step/who/attempt``."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.was_offered: Counter[StepKind] = Counter()

    def minutes(self, request) -> float:
        long = {StepKind.FIRE: 600.0, StepKind.MILL: 120.0, StepKind.REGRIND: 120.0, StepKind.CALIBRATE: 200.0}
        return long.get(request.step, 6.0)

    async def offers(self, step: StepKind) -> bool:
        self.was_offered[step] += 1
        return step is not StepKind.CALIBRATE or self.world.dice.draw("offers", self.name) == GOOD

    def report(self, key: str, action: Action) -> StepReport:
        request, fate = action.request, self.fate(key)
        ids = [s.sample_id for s in request.samples]
        readings = ()
        if request.step is StepKind.UNLOAD:
            off = {"light": 0.9, "negative": -1.0}.get(self.world.dice.draw("product", ids[0]), 1.0)
            mass = expected_product_mass(request.samples[0].recipe) * off
            readings = (Reading(name="product mass", value=mass, unit="g"),)
        if ids and self.world.dice.draw("product", ids[0]) == "unweighed":
            readings = ()
        if request.step is StepKind.CALIBRATE:
            more = {"off": 9.0, "cold": -9.0, "mad": 4000.0}.get(self.world.dice.draw("calibration", key), 1.0)
            readings = (
                Reading(name=SHOWN, value=1400.0, unit="Cel"),
                Reading(name=REFERENCE, value=1400.0 + more, unit="Cel"),
                Reading(name=UNCERTAINTY, value=1.0, unit="K"),
            )
        troubles = {"drops": [(i, True) for i in ids[:1]], "doubts": [(i, False) for i in ids]}.get(fate, [])
        return StepReport(
            key=key,
            succeeded=fate not in ("fails", "stumbles"),
            retryable=fate == "stumbles",
            reason=f"it {fate}" if fate in ("fails", "stumbles") else "",
            started_at=action.started,
            ended_at=action.ends,
            readings=readings,
            troubles=tuple(SampleTrouble(sample_id=i, reason=f"it {fate}", lost=lost) for i, lost in troubles),
        )


class FakeDiffractometer(FakeInstrument):
    """A diffractometer whose files hold the name of the sample; those of a rescan also which one it was."""

    def minutes(self, request) -> float:
        return 30.0

    def report(self, key: str, action: Action) -> ScanReport:
        sample = action.request.sample_id
        problem = "the file is cut short" if self.fate(key) == "cut" else ""
        return ScanReport(
            key=key,
            sample_id=sample,
            content=b"" if problem else (key if "/scan/" in key and not key.endswith("/scan/1") else sample).encode(),
            file_name=f"{sample}.xy",
            radiation=Radiation(anode="Cu", k_alpha1=1.5405929),
            started_at=action.started,
            ended_at=action.ends,
            problem=problem,
        )


class FakeReviewer:
    """Counts who was asked about what."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: Counter[str] = Counter()

    async def decide(self, question) -> ReviewAnswer:
        self.asked[question.candidate_id] += 1
        minutes = 1 + random.Random(f"{self.world.dice.seed}/{question.candidate_id}").randrange(600)
        await self.world.clock.sleep_until(EPOCH + timedelta(minutes=minutes))
        approved = self.world.dice.draw("review", question.candidate_id) == GOOD
        return ReviewAnswer(approved=approved, reviewer="a test", simulated=True, reason="so it was drawn")


class FakeWorkers:
    """Science without weight: real feasible pools, drawn verdicts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ran: Counter[str] = Counter()

    async def run(self, fn, /, *args):
        self.ran[fn.__name__] += 1
        return getattr(self, fn.__name__)(*args)

    def close(self) -> None:
        pass

    def draw(self, brief):
        import numpy as np

        rng = np.random.default_rng(brief.seed)
        pool = feasible_pool(brief.space, max(brief.count, 10), rng, barred=brief.barred, near=brief.near)
        return tuple(Suggestion(d, None, {}) for d in pool.designs[: brief.count]), len(pool.designs)

    def suggest(self, brief, model):
        found, size = self.draw(brief)
        if model is None:
            return found, size
        predictions = {"lattice": (4.1, 0.01), "phase_fraction": (0.9, 0.05)}
        return tuple(Suggestion(s.design, 0.5, predictions) for s in found), size

    def judge(self, design, problem, _model, _trust, alpha) -> Assessment:
        drawn = self.world.dice.draw("judge", repr(design))
        outcome = "cleared" if drawn in (GOOD, "nan") else drawn
        exceeded = {"hard-refused": 2, "refused": 1}.get(outcome, 0)
        widths = {name: 0.4 * width for name, width in problem.widths.items()}
        value = float("nan") if drawn == "nan" else 1.0
        names = ("latent distance", "mahalanobis distance", "ensemble disagreement")
        return Assessment(
            outcome=outcome,
            intervals={
                name: Interval(design.family, 12, alpha, width / 2, 4.0 - width / 2, 4.0 + width / 2, "drawn")
                for name, width in widths.items()
            },
            scores=tuple(Score(name, value, 2.0, n < exceeded) for n, name in enumerate(names)),
            votes=exceeded,
            silent=False,
            reasons=(f"it was drawn: {outcome}",),
        )

    def train(self, dataset: bytes, _problem, _percentile: float) -> Trained:
        rows = Dataset.from_bytes(dataset).rows
        if len(rows) < 4:
            raise TooFewObservationsError("any kind", 4, len(rows))
        off = float("nan") if self.world.dice.draw("train", str(len(rows))) == "nan" else 0.01
        return Trained(b"model of " + dataset, b"trust of " + dataset, {"mae lattice": off, "mae phase_fraction": 0.1})

    def identify_bytes(self, _name, content, *_how):
        from science.diffraction.identify import Identification, IdentifiedPhase, UnexplainedLine

        verdict = self.world.dice.draw("pattern", content.decode())
        if verdict == "garbage":
            raise PatternError("Expected a powder pattern, got noise. Measure again.")
        perovskite = IdentifiedPhase(
            name="perovskite",
            formula="BaZrO3",
            space_group=221,
            weight_fraction=0.97,
            lattice=Lattice(4.1, 4.1, 4.1),
            confidence=0.3 if verdict == "unsure" else 0.9,
            alternatives=("another",) if verdict == "alternatives" else (),
            microstrain=0.001,
            origin="library",
        )
        trace = IdentifiedPhase("carbonate", "BaCO3", 62, 0.03, Lattice(5.3, 8.9, 6.4), 0.5, (), 0.001, "library")
        other = IdentifiedPhase("oxide", "BaO", 225, 0.97, Lattice(5.5, 5.5, 5.5), 0.9, (), 0.001, "library")
        return Identification(
            verdict={
                "unknown": "unknown",
                "nothing": "unknown",
                "faint": "ambiguous",
                "no perovskite, ambiguous": "ambiguous",
            }.get(verdict, "identified"),
            phases={"nothing": (), "faint": (perovskite, trace)}.get(
                verdict, (other,) if verdict.startswith("no perovskite") else (perovskite,)
            ),
            unexplained_fraction=0.02,
            unexplained_lines=(UnexplainedLine(30.0, 2.98, 0.2),) if verdict == "unknown" else (),
            r_wp=0.05,
            zero=0.0,
            displacement=0.0,
            wavelength=1.5405929,
            flags=("no-peaks",) if verdict == "nothing" else (),
        )

    def aligned_bytes(self, _name, content, standard, _wavelength):
        import numpy as np

        from science.diffraction.standards import Alignment

        if self.world.dice.draw("standard", content.decode()) != GOOD:
            raise PatternError(f"Expected clear lines of {standard}, got none.")
        return Alignment(0.02, 0.001, -0.01, 0.002, 0.04, 0.01, np.arange(6.0), np.zeros(6), 0.001)


class World:
    """All that is outside the agents."""

    def __init__(self, dice: Dice | None = None, furnaces: tuple[str, ...] = ("furnace-1",)) -> None:
        self.dice = dice or Dice()
        self.clock = None  # each life brings its own
        self.synthesisers = {name: FakeSynthesiser(self, name) for name in furnaces}
        self.diffractometer = FakeDiffractometer(self, "xrd-1")
        self.reviewer = FakeReviewer(self)
        self.workers = FakeWorkers(self)

    @property
    def begun(self) -> Counter[str]:
        """Key → how often the action was begun."""
        instruments = (*self.synthesisers.values(), self.diffractometer)
        return sum((i.begun for i in instruments), start=Counter())
