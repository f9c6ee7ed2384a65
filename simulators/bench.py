"""What the world knows of all vials: what was done to them on every synthesis line, and what that made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from contracts.instruments import StepKind, StepRequest, StepSample
from contracts.recipe import ThermalProfile
from simulators.dice import dice
from simulators.faults import Faults
from simulators.journal import Entry, Journal
from simulators.wear import drifted, reference_error, thermocouple_drift
from simulators.world.reaction import Firing
from simulators.world.vial import Contents, TruePhase, contents, soiled, weighed

RUN_SCATTER = 3.0
"""Standard deviation in K of the peak temperature from run to run: no firing is better known than that."""
TARE_SCATTER = 0.3
"""g by which crucibles of one kind differ; each has its own tare, found when it was new."""


class Line:
    """One synthesis line as the world knows it: what was done on it."""

    def __init__(self, name: str, bench: Bench, folder: Path) -> None:
        self._name, self.bench = name, bench
        self.journal = Journal(folder, name)
        self.offset = float(dice(bench.seed, name, "thermocouple").normal(0, 6))
        self._actions: dict[str, list[Entry]] = {}
        self._calibrations: list[Entry] = []
        for entry in self.journal:
            self._file(entry)
        bench.lines.append(self)

    @property
    def name(self) -> str:
        """Name of the line."""
        return self._name

    def entries(self) -> Iterator[Entry]:
        """Everything that it was asked for, in order."""
        return iter(self.journal)

    def actions_on(self, sample: str) -> tuple[Entry, ...]:
        """Everything that was done to a vial, in order."""
        return tuple(self._actions.get(sample, ()))

    def calibrated_before(self, at: datetime) -> Entry | None:
        """The last calibration that had ended at a time."""
        return next((e for e in reversed(self._calibrations) if e.ends_at <= at), None)

    def _file(self, entry: Entry) -> None:
        if entry.request["step"] == StepKind.CALIBRATE:
            self._calibrations.append(entry)
        for sample in entry.request["samples"]:
            self._actions.setdefault(sample["sample_id"], []).append(entry)

    def unchecked(self, at: datetime) -> timedelta:
        """How long its thermocouple has drifted: since its last calibration, or the first thing that was done on it."""
        last = self.calibrated_before(at)
        first = next(self.entries(), None)
        since = last.ends_at if last else first.started_at if first else at
        return max(at - since, timedelta())


@dataclass(frozen=True)
class _Batch:
    """Vials that are fired side by side."""

    line: Line
    entry: Entry
    request: StepRequest

    @property
    def names(self) -> tuple[str, ...]:
        """The vials, in their order."""
        return _names(self.request)


def _names(request: StepRequest) -> tuple[str, ...]:
    return tuple(s.sample_id for s in request.samples)


def hours_at_peak(profile: ThermalProfile) -> float:
    """Hours that a profile asks for near its peak."""
    return sum(s.dwell for s in profile.segments if s.target > profile.peak - 50) / 3600


class Bench:
    """All vials."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.seed, self.faults = seed, faults
        self.lines: list[Line] = []

    def without(self, fault: str) -> Bench:
        """The same vials in a world without one fault: what they would hold then."""
        other = Bench(self.seed, self.faults.without(fault))
        other.lines = self.lines
        return other

    def unseen(self) -> Bench:
        """The same vials in the same world, with a ledger of faults that nobody reads."""
        other = Bench(self.seed, self.faults.unseen())
        other.lines = self.lines
        return other

    # what was done -------------------------------------------------------------------------------

    def history(self, sample: str, until: datetime | None = None) -> tuple[StepSample | None, list[Firing]]:
        """What was weighed into the vial of that name, and the firings that were done on it.

        Args:
            sample: the vial.
            until: what ended later has not happened yet; everything counts without it.
        """
        who: StepSample | None = None
        firings: list[tuple[datetime, Firing]] = []
        for line, entry, request in self._actions(sample, until):
            if request.step is StepKind.WEIGH:
                who = next(s for s in request.samples if s.sample_id == sample)
            elif request.step is StepKind.FIRE:
                firings.append((entry.started_at, self.firing(line, entry)))
        return who, [f for _, f in sorted(firings, key=lambda f: f[0])]

    def _actions(self, sample: str, until: datetime | None) -> Iterator[tuple[Line, Entry, StepRequest]]:
        for line in self.lines:
            for entry in line.actions_on(sample):
                if until is None or entry.ends_at <= until:
                    yield line, entry, StepRequest.model_validate(entry.request)

    def firings_of(self, sample: str) -> int:
        """How often a vial was heated."""
        return len(self.history(sample)[1])

    def firing(self, line: Line, entry: Entry) -> Firing:
        """Temperature and time that the vials of a firing really saw."""
        request = StepRequest.model_validate(entry.request)
        profile = request.samples[0].recipe.profile
        drift = thermocouple_drift(self.faults, line.name, line.unchecked(entry.started_at))
        share = self.faults.controller_stall(request.key, _names(request))
        # an Arrhenius rate makes of the way up as much as R T²/E, about sixty kelvin of it, at the peak
        ramp = 60.0 / next(s.rate for s in profile.segments if s.target == profile.peak) / 60.0
        off = drift - self._left_by_reference(line, entry.started_at)
        return Firing(self.shown_celsius(request) + line.offset + off, share * hours_at_peak(profile) + ramp)

    def out_of_true(self, line: Line, at: datetime) -> float:
        """Kelvin by which a furnace is hotter than its thermocouple says, as far as a calibration is to put that right.

        A reference thermocouple stands beside the furnace's own (a system accuracy test of AMS 2750G: within 7.5 cm)
        and shows what that one does wrong. It does not show the constant `Line.offset` between there and where the
        vials stand: that would take a survey of the whole chamber.
        """
        return drifted(self.faults, line.unchecked(at)) - self._left_by_reference(line, at)

    def shown_by_reference(self, line: Line, entry: Entry) -> float:
        """Kelvin by which the reference shows more than the furnace, in a calibration."""
        return self.out_of_true(line, entry.started_at) + reference_error(self.seed, entry.key)

    def _left_by_reference(self, line: Line, at: datetime) -> float:
        """What the reference of the last calibration read too high: by that a furnace is too cold since then."""
        last = line.calibrated_before(at)
        return reference_error(self.seed, last.key) if last else 0.0

    def shown_celsius(self, request: StepRequest) -> float:
        """Peak temperature of a firing in °C as the thermocouple shows it."""
        scatter = float(dice(self.seed, request.key, "temperature").normal(0, RUN_SCATTER))
        overshoot = self.faults.overshoot(request.key, _names(request))
        return request.samples[0].recipe.profile.peak - 273.15 + scatter + overshoot

    def recall(self) -> None:
        """Lets every recorded action draw its faults again, so that their ledger is whole after a restart."""
        for line in self.lines:
            for entry in line.entries():
                request = StepRequest.model_validate(entry.request)
                for sample in request.samples:
                    if request.step is StepKind.WEIGH:
                        self.faults.misweigh(sample)
                    elif request.step is StepKind.LOAD and request.firing == 1:
                        self.faults.dropped_vial(sample.sample_id)
                    elif request.step is StepKind.FIRE:
                        self.residue(sample.sample_id)
                        self.held_by(sample.sample_id)
                if request.step is StepKind.FIRE:
                    self.firing(line, entry)

    # which crucible is which ---------------------------------------------------------------------

    def _first_batch(self, sample: str, until: datetime | None) -> _Batch | None:
        """The batch in which a vial was fired for the first time."""
        fired = [_Batch(*a) for a in self._actions(sample, until) if a[2].step is StepKind.FIRE]
        return min(fired, key=lambda b: b.entry.started_at, default=None)

    def held_by(self, sample: str, until: datetime | None = None) -> tuple[str, bool]:
        """Whose crucible bears the name of a vial, and whether its bar code gives it away if it is another's."""
        batch = self._first_batch(sample, until)
        swapped = self.faults.swapped_vials(batch.names) if batch else {}
        return swapped.get(sample, (sample, False))

    def tare(self, sample: str) -> float:
        """Grams by which the crucible that was given out for a vial differs from others of its kind."""
        return float(dice(self.seed, sample, "tare").normal(0, TARE_SCATTER))

    def residue(self, sample: str, until: datetime | None = None) -> tuple[TruePhase, float] | None:
        """What was left in the crucible that was given out for a vial, and which share of its product that is.

        A crucible of the same kind was used on this line before: the latest that is not of the same batch.
        """
        share = self.faults.dirty_crucible(sample)
        batch = self._first_batch(sample, until) if share else None
        if batch is None:
            return None
        vessel = next(s.recipe.vessel for s in batch.request.samples if s.sample_id == sample)
        for entry in reversed(list(batch.line.entries())):
            request = StepRequest.model_validate(entry.request)
            if entry.order >= batch.entry.order or request.step is not StepKind.FIRE:
                continue
            for before in reversed(request.samples):
                if before.recipe.vessel is vessel and before.sample_id not in batch.names:
                    made = self._made(before.sample_id, before.sample_id, entry.ends_at)
                    if made is not None:
                        self.faults.note(sample, "dirty_crucible", share, logged=False)
                        return made.phases[0], share
        return None

    # what is inside ------------------------------------------------------------------------------

    def amounts(self, who: StepSample) -> dict[str, float]:
        """Moles of each cation that really went into a vial, per mole of B cations in its recipe."""
        mistake = self.faults.misweigh(who)
        return weighed(self.seed, who.sample_id, who.recipe, mistake[:2] if mistake else None)

    def _made(self, powder: str, place: str, until: datetime | None) -> Contents | None:
        """What the powder of one vial became in the place of another."""
        who = self.history(powder, until)[0]
        if who is None:
            return None
        firings = self.history(place, until)[1]
        return contents(self.seed, powder, who.composition, who.recipe, self.amounts(who), firings)

    def contents(self, sample: str, until: datetime | None = None) -> Contents | None:
        """What the vial of that name really holds at a time; none if it was never filled."""
        owner, _ = self.held_by(sample, until)
        made = self._made(owner, sample, until)
        left = self.residue(owner, until) if made else None
        return soiled(made, *left) if made and left else made
