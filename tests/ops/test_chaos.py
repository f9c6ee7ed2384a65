"""What becomes of faults when the real agents make, measure and learn in the simulated laboratory."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from contracts.diffraction import AnalysisFlagged, PatternMeasured
from contracts.learning import ObservationRecorded, ObservationWithheld
from contracts.presence import AgentFaulted
from contracts.synthesis import SampleLost, StepCompleted
from ops.reckoning import Fate
from simulators.rates import STRIKING, FaultRates
from tests.ops.making import make

CALM = FaultRates.none()


def fates(made: object, kind: str) -> dict[Fate, int]:
    """How many faults of a kind met which fate."""
    return dict(made.reckoning.table().get(kind, {}))


def of_vials(events: list) -> list:
    """Those that are not about a standard."""
    return [e for e in events if not e.sample_id.startswith("standard-")]


@pytest.mark.parametrize("fault", ["empty_holder", "shutter_stuck"])
async def test_a_pattern_of_nothing_never_becomes_a_label(tmp_path: Path, fault: str) -> None:
    """With no sample in the beam, or no beam, every pattern is flagged and every observation withheld."""
    made = await make(tmp_path, CALM.model_copy(update={fault: 1.0}), vials=8)
    assert set(fates(made, fault)) == {Fate.CAUGHT}
    assert not made.of(ObservationRecorded, AgentFaulted)
    flagged, withheld, measured = made.of(AnalysisFlagged), made.of(ObservationWithheld), made.of(PatternMeasured)
    assert len(of_vials(flagged)) == len(withheld) == len(of_vials(measured)) > 4
    standards = [e for e in flagged if e not in of_vials(flagged)]
    assert bool(standards) is (fault == "shutter_stuck"), "a standard is in its holder, and needs the beam"


@pytest.mark.parametrize("fault", ["overshoot", "controller_stall", "dropped_vial"])
async def test_what_a_log_shows_is_never_learnt_from(tmp_path: Path, fault: str) -> None:
    """A trouble that an instrument tells of keeps the vial from teaching, or the vial is gone."""
    made = await make(tmp_path, CALM.model_copy(update={fault: 1.0}), vials=4)
    assert fates(made, fault) == {Fate.CAUGHT: 4}
    assert not made.of(ObservationRecorded, AgentFaulted)
    assert len(made.of(SampleLost if fault == "dropped_vial" else ObservationWithheld)) == 4


async def test_a_file_of_an_unknown_schema_is_flagged_and_withheld(tmp_path: Path) -> None:
    """During the update every file is refused by its version, nothing is misread, and the reason reaches the log."""
    update = CALM.model_copy(update={"schema_change_week": 0, "schema_change_days": 99.0})
    made = await make(tmp_path, update, seed=105, vials=4)  # there the update comes in the first hours
    hit = {j.fault.thing for j in made.reckoning.judged}
    assert {name for name in hit if name.startswith("c-")} == {e.sample_id for e in made.of(ObservationWithheld)}
    assert len(hit) == 5, "four vials and their standard"
    assert {j.fate for j in made.reckoning.judged} == {Fate.CAUGHT}
    flagged = {e.sample_id: e.reason for e in made.of(AnalysisFlagged)}
    assert all("got version 3.0" in flagged[name] for name in hit)
    assert not hit & {e.sample_id for e in made.of(ObservationRecorded)}
    assert not made.of(AgentFaulted)


@pytest.mark.slow
async def test_lost_and_doubled_messages_change_nothing(tmp_path: Path) -> None:
    """With every message struck, each step is done once, and the same is learnt as over a good line, to the letter."""
    good = await make(tmp_path / "good", CALM, vials=4)
    for fault in ("lost_message", "doubled_message"):
        bad = await make(tmp_path / fault, CALM.model_copy(update={fault: 1.0}), vials=4)
        for kind in (StepCompleted, PatternMeasured, ObservationRecorded, ObservationWithheld, SampleLost):
            assert bad.of(kind) == good.of(kind)
        assert set(fates(bad, fault)) == {Fate.HARMLESS}
        assert fates(bad, fault)[Fate.HARMLESS] == 3 * (len(bad.of(StepCompleted)) + len(bad.of(PatternMeasured)))


async def test_a_diffractometer_that_is_down_for_days_loses_nothing(tmp_path: Path) -> None:
    """A tube that dies just before the vials come out delays their patterns by the repair; each is measured once."""
    dying = CALM.model_copy(update={"dead_tube": 150.0, "tube_repair_days": 2.0})
    made = await make(tmp_path, dying, seed=6, vials=4)  # there it dies after 22 hours
    assert fates(made, "dead_tube") == {Fate.HARMLESS: 1}
    measured = made.of(PatternMeasured)
    assert len({e.sample_id for e in measured}) == 5, "four vials and their standard"
    assert len({e.measurement_id for e in measured}) == len(measured)
    unloaded = max(e.ended_at for e in made.of(StepCompleted))
    assert all(e.started_at > unloaded + timedelta(days=1) for e in measured)
    assert not made.of(SampleLost, AgentFaulted)


MISSED = {"misweigh": 4, "dirty_crucible": 1, "swapped_vials": 2, "displaced_holder": 4}
"""Silent fault → how many of a hundred may be missed."""


async def struck_by(folder: Path, fault: str, vials: int) -> dict[Fate, int]:
    """The fates of a fault that strikes every vial that it can."""
    made = await make(folder, CALM.model_copy(update={fault: 1.0}), vials=vials)
    struck = fates(made, fault)
    assert Fate.OPEN not in struck
    return struck


@pytest.mark.slow
@pytest.mark.parametrize("fault", MISSED)
async def test_of_a_few_silent_faults_one_is_missed_at_most(tmp_path: Path, fault: str) -> None:
    """What no log shows is found by scales, bar code or fit, or does no harm."""
    vials = 20 if fault == "dirty_crucible" else 8  # it is dirty from the second firing on
    struck = await struck_by(tmp_path, fault, vials)
    assert sum(struck.values()) >= 6
    assert struck.get(Fate.MISSED, 0) <= 1


@pytest.mark.hours
@pytest.mark.parametrize("fault", MISSED)
async def test_of_a_hundred_silent_faults_few_are_missed(tmp_path: Path, fault: str) -> None:
    """The same with more of them: all but a few in a hundred."""
    struck = await struck_by(tmp_path, fault, 100)
    assert sum(struck.values()) > 80
    assert struck.get(Fate.MISSED, 0) <= MISSED[fault]


@pytest.mark.hours
async def test_chaos_at_five_times_the_rates(tmp_path: Path) -> None:
    """A quarter of a year of everything at once, five times as often: all vials accounted for, 95 in 100 faults caught.

    What drifts thermocouples is left out: nobody in this lab looks after them yet.
    """
    rates = FaultRates().times(5).model_copy(update={"thermocouple_drift": 0.0, "schema_change_week": 5})
    made = await make(tmp_path, rates, vials=160, over=timedelta(weeks=13))
    assert not made.of(AgentFaulted)
    kinds = made.reckoning.table()
    assert set(kinds) >= set(STRIKING) - {"empty_holder"}
    total = sum((fates.total() for fates in kinds.values()), 0)
    vials_struck = [j for j in made.reckoning.judged if j.fault.thing in made.heard.made or j.fate is Fate.CAUGHT]
    missed = [j for j in vials_struck if j.fate is Fate.MISSED]
    assert total > 100
    assert len(missed) <= 0.05 * len(vials_struck), [str(j) for j in missed]
    assert not [j for j in made.reckoning.judged if j.fate is Fate.OPEN]
    ends = made.of(ObservationRecorded, ObservationWithheld, SampleLost)
    assert len(ends) == len({e.sample_id for e in ends})
