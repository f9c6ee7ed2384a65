"""A synthesis line over the hidden world: balance, mill, furnace and robot arm under one name."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from contracts.errors import InstrumentError
from contracts.instruments import (
    ActionState,
    Clock,
    Reading,
    SampleTrouble,
    StepKind,
    StepReport,
    StepRequest,
    StepSample,
)
from simulators.dice import dice
from simulators.faults import Faults
from simulators.journal import Entry, Journal
from simulators.world.powders import atoms_in, moles_weighed, oxide_mass
from simulators.world.reaction import Firing
from simulators.world.thermochemistry import CHARGES
from simulators.world.vial import Contents, contents, weighed

MINUTES = {StepKind.WEIGH: 12.0, StepKind.LOAD: 6.0, StepKind.UNLOAD: 6.0}
"""How long the short steps take."""
VIBRATION_LIMIT = 1.5
"""Acceleration in g above which the robot arm reports a drop."""
OVERSHOOT_LIMIT = 20.0
"""Kelvin above the set point at which the controller complains."""


class Bench:
    """What the world knows of all vials: their history on every synthesis line."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.seed, self.faults = seed, faults
        self.lines: list[SimulatedSynthesiser] = []

    def history(self, sample: str, until: datetime | None = None) -> tuple[StepSample | None, list[Firing]]:
        """What was weighed into a vial, and the firings that it has behind it.

        Args:
            sample: the vial.
            until: what ended later has not happened yet; everything counts without it.
        """
        who: StepSample | None = None
        firings: list[tuple[datetime, Firing]] = []
        for line in self.lines:
            for entry in line.actions_on(sample):
                if until is not None and entry.ends_at > until:
                    continue
                request = StepRequest.model_validate(entry.request)
                if request.step is StepKind.WEIGH:
                    who = next(s for s in request.samples if s.sample_id == sample)
                elif request.step is StepKind.FIRE:
                    firings.append((entry.started_at, line.true_firing(request)))
        return who, [f for _, f in sorted(firings, key=lambda f: f[0])]

    def firings_of(self, sample: str) -> int:
        """How often a vial was heated."""
        return len(self.history(sample)[1])

    def recall(self) -> None:
        """Lets every recorded action draw its faults again, so that their ledger is whole after a restart."""
        for line in self.lines:
            for entry in line.journal:
                line.findings(StepRequest.model_validate(entry.request))

    def contents(self, sample: str, until: datetime | None = None) -> Contents | None:
        """What a vial really holds at a time; none if it was never filled."""
        who, firings = self.history(sample, until)
        if who is None:
            return None
        mistake = self.faults.misweigh(who)
        amounts = weighed(self.seed, sample, who.recipe, mistake[:2] if mistake else None)
        return contents(self.seed, sample, who.composition, who.recipe, amounts, firings)


class SimulatedSynthesiser:
    """One synthesis line. Keeps the promises of `contracts.instruments.Synthesiser`."""

    def __init__(self, name: str, bench: Bench, clock: Clock, folder: Path) -> None:
        self._name, self.bench, self.clock = name, bench, clock
        self.journal = Journal(folder, name)
        self.offset = float(dice(bench.seed, name, "thermocouple").normal(0, 6))
        self._actions: dict[str, list[Entry]] = {}
        for entry in self.journal:
            self._file(entry)
        bench.lines.append(self)

    @property
    def name(self) -> str:
        """Name of the line."""
        return self._name

    async def start(self, request: StepRequest) -> None:
        """Begins an action, once for each key."""
        _check(self._name, request)
        begun = self.journal.begin(
            request.key, self.clock.now(), self._duration(request), request.model_dump(mode="json")
        )
        if begun is not None:
            self._file(begun)

    async def ask(self, key: str) -> ActionState:
        """What became of a key."""
        return self.journal.state(key, self.clock.now())

    async def finish(self, key: str) -> StepReport:
        """Waits for the end of an action and reports."""
        entry = self.journal.entry(key)
        await self.clock.sleep_until(entry.ends_at)
        return self._report(entry, StepRequest.model_validate(entry.request))

    def actions_on(self, sample: str) -> tuple[Entry, ...]:
        """Everything that was done to a vial, in order."""
        return tuple(self._actions.get(sample, ()))

    def _file(self, entry: Entry) -> None:
        for sample in entry.request["samples"]:
            self._actions.setdefault(sample["sample_id"], []).append(entry)

    @staticmethod
    def _duration(request: StepRequest) -> timedelta:
        recipe = request.samples[0].recipe
        if request.step is StepKind.FIRE:
            return timedelta(seconds=recipe.profile.duration())
        if request.step in (StepKind.MILL, StepKind.REGRIND):
            return timedelta(seconds=recipe.milling.duration)
        return timedelta(minutes=MINUTES[request.step])

    def true_firing(self, request: StepRequest) -> Firing:
        """Temperature and time that the vials really saw."""
        profile = request.samples[0].recipe.profile
        ids = tuple(s.sample_id for s in request.samples)
        overshoot = self.bench.faults.overshoot(request.key, ids)
        scatter = float(dice(self.bench.seed, request.key, "temperature").normal(0, 3))
        celsius = profile.peak - 273.15 + self.offset + scatter + overshoot
        dwell = sum(s.dwell for s in profile.segments if s.target > profile.peak - 50) / 3600
        # an Arrhenius rate makes of the way up as much as R T²/E, about sixty kelvin of it, at the peak
        ramp = 60.0 / next(s.rate for s in profile.segments if s.target == profile.peak) / 60.0
        return Firing(celsius, dwell + ramp)

    def _report(self, entry: Entry, request: StepRequest) -> StepReport:
        readings, troubles = self.findings(request)
        return StepReport(
            key=entry.key,
            succeeded=True,
            started_at=entry.started_at,
            ended_at=entry.ends_at,
            readings=tuple(readings),
            troubles=tuple(troubles),
        )

    def findings(self, request: StepRequest) -> tuple[list[Reading], list[SampleTrouble]]:
        """What the logs of a step show."""
        if request.step is StepKind.WEIGH:
            return self._weighing(request.samples[0])
        if request.step is StepKind.LOAD:
            return self._loading(request)
        if request.step is StepKind.FIRE:
            return self._firing(request)
        if request.step is StepKind.UNLOAD:
            return self._unloading(request.samples[0])
        return [], []

    def _weighing(self, sample: StepSample) -> tuple[list[Reading], list[SampleTrouble]]:
        mistake = self.bench.faults.misweigh(sample)
        rng = dice(self.bench.seed, sample.sample_id, "balance")
        readings, troubles = [], []
        for precursor in sample.recipe.precursors:
            mass = precursor.mass * (1 + rng.normal(0, 5e-4))
            if mistake and mistake[2] and precursor.element == mistake[0]:
                mass *= mistake[1]
                reason = f"balance shows {mass:.4f} g of {precursor.formula}, {precursor.mass:.4f} g planned"
                troubles.append(SampleTrouble(sample_id=sample.sample_id, reason=reason, lost=False))
            readings.append(Reading(name=f"mass of {precursor.formula}", value=round(mass, 5), unit="g"))
        return readings, troubles

    def _loading(self, request: StepRequest) -> tuple[list[Reading], list[SampleTrouble]]:
        sample = request.samples[0].sample_id
        rng = dice(self.bench.seed, request.key, "vibration")
        dropped = request.firing == 1 and self.bench.faults.dropped_vial(sample)
        peak = float(rng.uniform(2.5, 6.0) if dropped else rng.gamma(2.0, 0.1))
        reading = Reading(name="peak vibration", value=round(peak, 3), unit="g")
        if peak < VIBRATION_LIMIT:
            return [reading], []
        return [reading], [SampleTrouble(sample_id=sample, reason=f"vial dropped (vibration {peak:.1f} g)", lost=True)]

    def _firing(self, request: StepRequest) -> tuple[list[Reading], list[SampleTrouble]]:
        shown = self.true_firing(request).celsius - self.offset
        wanted = request.samples[0].recipe.profile.peak - 273.15
        readings = [Reading(name="peak temperature", value=round(shown, 1), unit="Cel")]
        if shown - wanted < OVERSHOOT_LIMIT:
            return readings, []
        reason = f"furnace overshoot: {shown:.0f} °C shown, {wanted:.0f} °C set"
        return readings, [SampleTrouble(sample_id=s.sample_id, reason=reason, lost=False) for s in request.samples]

    def _unloading(self, sample: StepSample) -> tuple[list[Reading], list[SampleTrouble]]:
        mistake = self.bench.faults.misweigh(sample)
        wrong, factor = mistake[:2] if mistake else ("", 1.0)
        oxides = {e: n * oxide_mass(e) for e, n in moles_weighed(sample.recipe.precursors).items()}
        total = sum(mass * (factor if e == wrong else 1.0) for e, mass in oxides.items())
        scatter = float(dice(self.bench.seed, sample.sample_id, "product").normal(0, 0.002))
        return [Reading(name="product mass", value=round(total * (1 + scatter), 4), unit="g")], []


def _check(instrument: str, request: StepRequest) -> None:
    """Refuses what this line cannot make.

    Raises:
        InstrumentError: a powder that does not bring its cation, or no perovskite.
    """
    for sample in request.samples:
        for powder in sample.recipe.precursors:
            if powder.element not in atoms_in(powder.formula) or powder.element not in CHARGES:
                known = " ".join(CHARGES)
                raise InstrumentError(
                    instrument,
                    f"Expected a powder that brings one of {known}, got {powder.formula} for {powder.element}.",
                )
        if not {"A", "B"} <= {site.label for site in sample.composition.sublattices}:
            raise InstrumentError(
                instrument,
                f"Expected a perovskite with the sites A and B, got {sample.composition.formula}. "
                "This line makes no other compounds.",
            )
