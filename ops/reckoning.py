"""What became of each fault that the simulated world injected: the log knows what was learnt, the world the truth.

A fault is *caught* when what it struck never became a label; *harmless* when it did, and the label is as right as
it would have been without the fault; *missed* otherwise: that label is poisoned. What would have been is not
guessed at. Where a fault changes what is in a vial, the world is asked what the vial would hold without it. Where
it changes what is seen of it, the vial is measured again without it, the agents say what they would have learnt, and
the label must be no further from the truth than that. A label that was taken back counts as none.

A furnace that has drifted is harmless to a vial while it was off by less than its own run-to-run scatter: no two
firings in an undisturbed furnace are closer to each other than that, so such a label is as right as theirs. Off is
what its last calibration should have put right: the drift since then, and what the reference itself read wrong.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bus.protocol import Recorded
from contracts.campaigns import CampaignStarted
from contracts.diffraction import AnalysisFlagged, MeasurementFailed, StandardMeasured
from contracts.identifiers import STANDARD_SCAN
from contracts.instruments import StepKind
from contracts.learning import ObservationRecorded, ObservationRetracted, ObservationWithheld
from contracts.synthesis import SampleLost, SampleSynthesised, StepFailed
from ops.second_opinion import would_be_learnt
from simulators.bench import RUN_SCATTER, Bench, Line
from simulators.diffractometer import SimulatedDiffractometer
from simulators.faults import MAKING, MEASURING, Injected
from simulators.world.vial import Contents, TruePhase

SAME_LATTICE, SAME_SHARE = 0.001, 0.01
"""Å, and share of the wanted phase, within which two vials hold the same."""
READ_LATTICE, READ_SHARE = 0.001, 0.02
"""Å, and share, by which a pattern of the same vial may say something else the next time."""


class Fate(StrEnum):
    """What became of a fault."""

    CAUGHT = "caught"
    HARMLESS = "harmless"
    MISSED = "missed"
    OPEN = "open"


@dataclass
class Heard:
    """What the log says became of vials and actions."""

    started: CampaignStarted | None = None
    made: dict[str, SampleSynthesised] = field(default_factory=dict)
    labels: dict[str, ObservationRecorded] = field(default_factory=dict)
    standards: list[StandardMeasured] = field(default_factory=list)
    kept_out: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def note(self, recorded: Recorded) -> None:
        """Takes in one event."""
        event = recorded.envelope.data
        if isinstance(event, ObservationRecorded):
            self.labels[event.sample_id] = event
        elif isinstance(event, CampaignStarted):
            self.started = event
        elif isinstance(event, SampleSynthesised):
            self.made[event.sample_id] = event
        elif isinstance(event, ObservationRetracted):
            self.labels.pop(event.sample_id, None)
            self.kept_out.add(event.sample_id)
        elif isinstance(event, ObservationWithheld | SampleLost):
            self.kept_out.add(event.sample_id)
        elif isinstance(event, StepFailed):
            self.failed.add(event.key)
        elif isinstance(event, MeasurementFailed):
            self.failed.add(event.measurement_id)
        elif isinstance(event, StandardMeasured):
            self.standards.append(event)
        elif isinstance(event, AnalysisFlagged) and event.measurement_id.startswith(STANDARD_SCAN):
            self.kept_out.add(event.sample_id)  # a standard that shows nothing judges nothing


@dataclass(frozen=True)
class Judged:
    """One fault and its fate."""

    fault: Injected
    fate: Fate
    poisoned: tuple[str, ...] = ()
    """Vials whose labels it poisoned."""

    def __str__(self) -> str:
        """The fault in a few words."""
        told = f"{self.fault.thing}: {self.fault.fault.replace('_', ' ')} ({self.fault.magnitude:.3g})"
        others = [name for name in self.poisoned if name != self.fault.thing]
        return told + (f", {len(others)} labels" if others else "")


@dataclass(frozen=True)
class Reckoning:
    """All faults and their fates."""

    judged: tuple[Judged, ...]

    def table(self) -> dict[str, Counter[Fate]]:
        """Kind of fault → how many met which fate."""
        found: dict[str, Counter[Fate]] = {}
        for one in self.judged:
            found.setdefault(one.fault.fault, Counter())[one.fate] += 1
        return dict(sorted(found.items()))

    def of(self, fate: Fate) -> list[str]:
        """Those that met a fate, in a few words each."""
        return [str(one) for one in self.judged if one.fate is fate]

    @property
    def poisoned(self) -> tuple[str, ...]:
        """Vials whose labels are wrong because of a fault."""
        return tuple(sorted({name for one in self.judged for name in one.poisoned}))

    def poisoned_by(self) -> Counter[str]:
        """Kind of fault → how many labels it made wrong."""
        pairs = {(one.fault.fault, name) for one in self.judged for name in one.poisoned}
        return Counter(kind for kind, _ in sorted(pairs))

    def summary(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "faults_injected": len(self.judged),
            **{f"faults_{fate.value}": len(self.of(fate)) for fate in (Fate.CAUGHT, Fate.HARMLESS, Fate.OPEN)},
            "faults_missed": self.of(Fate.MISSED),
            "faults": {
                kind: {"injected": fates.total(), **{fate.value: fates[fate] for fate in Fate}}
                for kind, fates in self.table().items()
            },
            "poisoned_labels": list(self.poisoned),
            "poisoned_by": dict(self.poisoned_by()),
        }


@dataclass(frozen=True)
class World:
    """Whom to ask for the truth."""

    bench: Bench
    diffractometer: SimulatedDiffractometer | None
    """None where a real one measures."""
    library: str | None
    """Phase library instead of the shipped one."""


async def reckon(world: World, heard: Heard) -> Reckoning:
    """Judges every fault that the world has entered into its ledger."""
    return Reckoning(tuple([await _judge(world, fault, heard) for fault in tuple(world.bench.faults)]))


async def _judge(world: World, fault: Injected, heard: Heard) -> Judged:
    if fault.fault == "thermocouple_drift":
        return _judge_line(world.bench, fault, heard)
    if fault.fault in ("lost_message", "doubled_message"):
        key = fault.thing.rpartition(" ")[0]
        return Judged(fault, Fate.CAUGHT if key in heard.failed else Fate.HARMLESS)
    if fault.fault in ("tube_decay", "dead_tube"):
        return Judged(fault, Fate.HARMLESS)  # fewer counts at the same angles, and scans that wait
    label = heard.labels.get(fault.thing)
    if label is None:
        return Judged(fault, Fate.CAUGHT if fault.thing in heard.kept_out else Fate.OPEN)
    if fault.fault in MAKING:
        unharmed = _holds_the_same(world.bench, world.bench.without(fault.fault), fault.thing)
    else:
        unharmed = fault.fault in MEASURING and await _says_as_much(world, fault, label, heard)
    return Judged(fault, Fate.HARMLESS) if unharmed else Judged(fault, Fate.MISSED, (fault.thing,))


def _judge_line(bench: Bench, fault: Injected, heard: Heard) -> Judged:
    """A furnace that grows hotter: which of the labels that came from it would be others."""
    line = next(line for line in bench.lines if line.name == fault.thing)
    steady = bench.without(fault.fault)
    names = [name for name in heard.labels if _fired_wrong(bench, line, name)]
    poisoned = tuple(name for name in names if not _holds_the_same(bench, steady, name))
    return Judged(fault, Fate.MISSED if poisoned else Fate.HARMLESS, poisoned)


def _fired_wrong(bench: Bench, line: Line, sample: str) -> bool:
    """Whether a vial was ever fired while its furnace was further off than it scatters from run to run."""
    firings = [e for e in line.actions_on(sample) if e.request["step"] == StepKind.FIRE]
    return any(abs(bench.out_of_true(line, e.started_at)) >= RUN_SCATTER for e in firings)


def _holds_the_same(one: Bench, other: Bench, sample: str) -> bool:
    """Whether what can be learnt of a vial is the same in two worlds."""
    mine, its = _wanted(one.contents(sample)), _wanted(other.contents(sample))
    if mine is None or its is None:
        return mine is its
    return (
        mine.symmetry == its.symmetry
        and abs((mine.pseudo_cubic or 0.0) - (its.pseudo_cubic or 0.0)) <= SAME_LATTICE
        and abs(mine.weight_fraction - its.weight_fraction) <= SAME_SHARE
    )


def _wanted(inside: Contents | None) -> TruePhase | None:
    """The perovskite with the largest share, if there is one."""
    phases = [p for p in inside.phases if p.pseudo_cubic is not None] if inside else []
    return max(phases, key=lambda p: p.weight_fraction, default=None)


async def _says_as_much(world: World, fault: Injected, label: ObservationRecorded, heard: Heard) -> bool:
    """Whether a label is as right as what the agents would have learnt, had the measurement been as it should."""
    if world.diffractometer is None or heard.started is None:
        return False
    report = world.diffractometer.without(fault.fault).report(label.measurement_id)
    made = heard.made[label.sample_id]
    again = await would_be_learnt((heard.started, *heard.standards), made, report, world.diffractometer, world.library)
    truth = _wanted(world.bench.contents(label.sample_id))
    mine, its = _errors(label, truth), _errors(again, truth)
    return all(here <= there + more for here, there, more in zip(mine, its, (READ_LATTICE, READ_SHARE), strict=True))


def _errors(label: ObservationRecorded | None, truth: TruePhase | None) -> tuple[float, float]:
    """How far a label is from the truth in Å, and in the share of the wanted phase; nothing for no label at all.

    Where only one of them has found a perovskite, the lattice is as far off as can be.
    """
    if label is None:
        return 0.0, 0.0
    share = abs(label.phase_fraction - (truth.weight_fraction if truth else 0.0))
    if truth is None or label.lattice is None:
        return (0.0 if truth is None and label.lattice is None else math.inf), share
    return abs(label.lattice - (truth.pseudo_cubic or 0.0)), share
