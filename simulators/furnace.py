"""A synthesis line over the hidden world: balance, mill, furnace and robot arm under one name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from contracts.errors import InstrumentError
from contracts.instruments import ActionState, Clock, SampleTrouble, StepKind, StepReport, StepRequest
from simulators.bench import Bench, Line, hours_at_peak
from simulators.journal import Entry
from simulators.logs import calibration, findings
from simulators.world.powders import atoms_in
from simulators.world.thermochemistry import CHARGES

MINUTES = {StepKind.WEIGH: 12.0, StepKind.LOAD: 6.0, StepKind.UNLOAD: 6.0, StepKind.CALIBRATE: 225.0}
"""How long the steps take that no recipe says it of."""


class SimulatedSynthesiser(Line):
    """A line that can be asked to act. Keeps the promises of `contracts.instruments.Synthesiser`."""

    def __init__(self, name: str, bench: Bench, clock: Clock, folder: Path) -> None:
        super().__init__(name, bench, folder)
        self.clock = clock

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

    def _duration(self, request: StepRequest) -> timedelta:
        if request.step in MINUTES:
            return timedelta(minutes=MINUTES[request.step])
        recipe = request.samples[0].recipe
        if request.step is StepKind.FIRE:
            share = self.bench.faults.controller_stall(request.key, tuple(s.sample_id for s in request.samples))
            cut_short = timedelta(hours=hours_at_peak(recipe.profile)) * (1 - share)
            return timedelta(seconds=recipe.profile.duration()) - cut_short
        return timedelta(seconds=recipe.milling.duration)

    def _report(self, entry: Entry, request: StepRequest) -> StepReport:
        if request.step is StepKind.CALIBRATE:
            readings, troubles = calibration(self.bench.shown_by_reference(self, entry)), list[SampleTrouble]()
        else:
            readings, troubles = findings(self.bench, request)
        return StepReport(
            key=entry.key,
            succeeded=True,
            started_at=entry.started_at,
            ended_at=entry.ends_at,
            readings=tuple(readings),
            troubles=tuple(troubles),
        )


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


__all__ = ["Bench", "Line", "SimulatedSynthesiser"]
