"""The retrainer: what is doubtful teaches nothing, data sets are frozen, and only a sound model is released."""

from __future__ import annotations

import hashlib

import pytest

from agents.designs import design_of
from agents.labels import MASS_TOLERANCE, SURE, wanted_phase
from agents.retrainer import Retrainer
from contracts.diffraction import AnalysisFlagged, MeasurementFailed
from contracts.learning import (
    ModelRejected,
    ModelReleased,
    ObservationRecorded,
    ObservationRetracted,
    ObservationWithheld,
)
from science.surrogate.dataset import Dataset
from tests.agents.lab import House, started
from tests.agents.said import (
    COMPOSITION,
    analysis,
    calibrated,
    candidate,
    closed,
    identified,
    made,
    observed,
    phase,
    proposed,
    rescanned,
    scan_of,
    scanning,
    scheduled,
    vial,
)
from tests.agents.world import Dice, World
from tests.contracts.examples import plan, recipe

CUBIC = phase()
WIDEST = plan().trust.max_width_lattice
FAILED = MeasurementFailed(
    measurement_id=scan_of(1), sample_id=vial(1), instrument="xrd-1", reason="no file", retryable=False
)
FLAGGED = AnalysisFlagged(
    measurement_id=scan_of(1), sample_id=vial(1), reason="clear lines remain", analysis=analysis(CUBIC)
)


def house(world: World | None = None) -> House:
    return House(lambda _: [Retrainer()], started(), workers=(world or World()).workers)


def story(n: int, *phases, **changes) -> list:
    """A vial from its proposal to its analysis."""
    return [proposed(n, size=9), made(n), scanning(n), identified(n, *(phases or (CUBIC,)), **changes)]


# labels -----------------------------------------------------------------------------------------------------


async def test_a_sound_measurement_becomes_a_label() -> None:
    """Lattice, share, cubicity and evenness as measured; the goal decides what it is worth."""
    [label] = await house().hear(*story(1))
    assert isinstance(label, ObservationRecorded)
    assert (label.sample_id, label.candidate_id, label.batch_id) == (vial(1), candidate(1), "b-0001")
    assert (label.measurement_id, label.composition) == (scan_of(1), COMPOSITION)
    assert label.family == design_of(COMPOSITION, recipe()).family
    assert (label.lattice, label.phase_fraction, label.cubicity, label.heterogeneity) == (4.116, 0.97, 1.0, 0.0)
    assert label.utility == pytest.approx(0.94)
    assert label.success


@pytest.mark.parametrize(
    ("change", "success"),
    [
        ({}, True),
        ({"pseudo_cubic": 4.120}, False),
        ({"weight_fraction": 0.94}, False),
        ({"space_group": 140}, False),
    ],
    ids=["as wanted", "another lattice", "too little of it", "not cubic"],
)
async def test_success_needs_lattice_share_and_symmetry(change: dict, success: bool) -> None:  # noqa: FBT001
    """Each of the three alone is not enough."""
    [label] = await house().hear(*story(1, phase(**change)))
    assert label.success == success


async def test_the_largest_perovskite_is_the_wanted_phase() -> None:
    """Among several the largest share is the label; other phases only take their share away."""
    oxide = phase(name="BaO", pseudo_cubic=None, weight_fraction=0.5)
    small, large = phase(weight_fraction=0.1, pseudo_cubic=4.0), phase(weight_fraction=0.4)
    assert wanted_phase(analysis(oxide, small, large)) == large
    assert wanted_phase(analysis(oxide)) is None
    [label] = await house().hear(*story(1, oxide, small, large))
    assert (label.lattice, label.phase_fraction) == (4.116, 0.4)


async def test_no_perovskite_at_all_is_a_lesson_too() -> None:
    """When the pattern is accounted for without one, the label says so, and there is no lattice to learn."""
    [label] = await house().hear(*story(1, phase(name="BaO", pseudo_cubic=None)))
    assert (label.lattice, label.phase_fraction, label.cubicity, label.utility, label.success) == (
        None, 0.0, None, 0.0, False,
    )  # fmt: skip


HEAVY = made(1).expected_mass * (1 + 1.5 * MASS_TOLERANCE)
DOUBTS = {
    "a step is doubtful": ([made(1, steps_ok=False, doubts=("fire: too hot",))], identified(1, CUBIC), "fire: too hot"),
    "mass is not conserved": ([made(1, product_mass=HEAVY)], identified(1, CUBIC), "conservation of mass expects"),
    "nothing was weighed": ([made(1, product_mass=0.0)], identified(1, CUBIC), "the product weighs 0.000 g"),
    "no file came": ([made(1)], FAILED, "it could not be measured: no file"),
    "lines remain": ([made(1)], FLAGGED, "its pattern is not accounted for: clear lines remain"),
    "confidence is low": ([made(1)], identified(1, phase(confidence=SURE - 0.01)), "is only 0.49"),
    "others fit as well": ([made(1)], identified(1, phase(alternatives=("SrTiO3", "CaO"))), "SrTiO3, CaO would fit"),
    "the lattice is hardly known": (
        [made(1)],
        identified(1, phase(pseudo_cubic_su=1.01 * WIDEST)),
        "is known within 0.051 angstrom only",
    ),
    "nothing certain was found": (
        [made(1)],
        identified(1, phase(pseudo_cubic=None), verdict="ambiguous"),
        "can be read in more than one way",
    ),
}


@pytest.mark.parametrize("doubt", DOUBTS)
async def test_what_is_doubtful_teaches_nothing(doubt: str) -> None:
    """Every path of doubt ends in a withheld observation that says why, and in no label."""
    before, event, reason = DOUBTS[doubt]
    lab = house()
    [said] = await lab.hear(proposed(1), *before, scanning(1), event)
    assert isinstance(said, ObservationWithheld)
    assert reason in said.reason
    assert (said.sample_id, said.candidate_id) == (vial(1), candidate(1))
    life = await lab.live()
    assert life.runtime.seats[0].agent.memory.labels == []


async def test_a_mass_within_the_tolerance_is_believed() -> None:
    """What balances scatter is no doubt."""
    near = made(1).expected_mass * (1 - 0.9 * MASS_TOLERANCE)
    [said] = await house().hear(proposed(1), made(1, product_mass=near), scanning(1), identified(1, CUBIC))
    assert isinstance(said, ObservationRecorded)


async def test_a_lattice_that_is_known_well_enough_is_believed() -> None:
    """The uncertainty of a good fit is no doubt, and neither is one that an older log does not tell."""
    for su in (None, 3e-4, 0.99 * WIDEST):
        [said] = await house().hear(proposed(1), made(1), scanning(1), identified(1, phase(pseudo_cubic_su=su)))
        assert isinstance(said, ObservationRecorded)


async def test_files_of_strangers_teach_nothing() -> None:
    """A sample that nobody here made names no candidate."""
    [said] = await house().hear(identified(7, CUBIC, measurement="file/1"))
    assert (said.candidate_id, said.reason) == (None, "nobody here made a sample of that name")


async def test_only_the_measurement_that_was_asked_for_teaches() -> None:
    """A file dropped under a vial's name, before or after, is no second label and takes the vial nothing away."""
    stranger = identified(1, phase(pseudo_cubic=3.9), measurement="file/1")
    said = await house().hear(proposed(1), made(1), stranger, scanning(1), stranger, identified(1, CUBIC), stranger)
    assert [type(e) for e in said] == [
        ObservationWithheld, ObservationWithheld, ObservationRecorded, ObservationWithheld,
    ]  # fmt: skip
    assert {(e.candidate_id, e.reason) for e in said if isinstance(e, ObservationWithheld)} == {
        (None, "nobody asked for this measurement of the sample")
    }
    assert said[2].lattice == 4.116


async def test_a_scan_of_a_standard_teaches_nothing_and_is_nobodys_sample() -> None:
    """Whether it fails or is flagged: it judges the diffractometer, and nothing is said of it here."""
    failed = MeasurementFailed(
        measurement_id="standard/xrd-1/1", sample_id="standard-Si-0001", instrument="xrd-1", reason="no file",
        retryable=False,
    )  # fmt: skip
    flagged = AnalysisFlagged(
        measurement_id="standard/xrd-1/2", sample_id="standard-Si-0002", reason="no lines", analysis=None
    )
    assert await house().hear(failed, flagged) == []


async def test_nothing_is_said_of_an_answer_in_doubt_until_its_rescan_is_there() -> None:
    """The vial is not forgotten: what came of the rescan teaches, and a file of its name in between changes nothing."""
    lab = house()
    assert await lab.hear(proposed(1), made(1), scanning(1), rescanned(1), identified(1, phase(confidence=0.4))) == []
    [stranger] = await lab.hear(identified(1, CUBIC, measurement="file/1"))
    assert stranger.candidate_id is None
    again = scanning(1).model_copy(update={"measurement_id": rescanned(1).measurement_id})
    [said] = await lab.hear(again, identified(1, CUBIC, measurement=again.measurement_id))
    assert isinstance(said, ObservationRecorded)
    assert said.measurement_id == again.measurement_id
    life = await lab.live()
    assert life.runtime.seats[0].agent.memory.held == {}


# models -----------------------------------------------------------------------------------------------------


def labelled(*numbers: int) -> list:
    """Vials and their labels, as the log would bring them."""
    return [event for n in numbers for event in (proposed(n, size=9), made(n), observed(n))]


async def test_a_batch_of_labels_becomes_a_model_with_digests_of_everything() -> None:
    """Snapshot, component models and trust model are artefacts; the event names each by the hash of its bytes."""
    lab = house()
    [said] = await lab.hear(*labelled(1, 2, 3, 4), closed(observed=4))
    assert isinstance(said, ModelReleased)
    for ref in (said.artifact, said.trust_artifact, said.dataset):
        content = lab.bus.blobs.get(ref)
        assert hashlib.sha256(content).hexdigest() == ref.sha256
    assert (said.model.model_id, said.model.sha256) == ("m-0001", said.artifact.sha256)
    assert (said.trust_model.model_id, said.trust_model.sha256) == ("t-0001", said.trust_artifact.sha256)
    assert said.n_observations == 4
    assert {m.name: (m.value, m.unit) for m in said.metrics} == {
        "mae lattice": (0.01, "Angstrom"), "mae phase_fraction": (0.1, "1"),
    }  # fmt: skip


async def test_the_snapshot_holds_the_labels_in_order_and_later_labels_leave_it_alone() -> None:
    """What a model was trained on can be read again for ever, whatever is learnt afterwards."""
    lab = house()
    [first] = await lab.hear(*labelled(1, 2, 3, 4), closed(observed=4))
    content = lab.bus.blobs.get(first.dataset)
    [second] = await lab.hear(*labelled(5), closed(batch=2, observed=1))
    assert lab.bus.blobs.get(first.dataset) == content
    rows, more = Dataset.from_bytes(content).rows, Dataset.from_bytes(lab.bus.blobs.get(second.dataset)).rows
    assert [r.sample for r in rows] == [vial(n) for n in (1, 2, 3, 4)]
    assert rows == more[:4]
    assert second.dataset.sha256 != first.dataset.sha256
    assert (second.model.model_id, second.n_observations) == ("m-0002", 5)
    assert rows[0].design == design_of(COMPOSITION, recipe())


async def test_too_few_labels_make_no_model() -> None:
    """The rejection names what was there and what it takes; the numbers go on."""
    lab = house()
    [said] = await lab.hear(*labelled(1, 2), closed(observed=2))
    assert isinstance(said, ModelRejected)
    assert (said.model_id, said.n_observations) == ("m-0001", 2)
    assert said.reason.startswith("Expected 4 observations")
    [released] = await lab.hear(*labelled(3, 4), closed(batch=2, observed=2))
    assert released.model.model_id == "m-0002"


async def test_a_model_whose_errors_are_no_numbers_is_rejected() -> None:
    """It is a fact with the metrics that could be computed, and no mistake of the program."""
    lab = house(World(Dice(fixed={"train": "nan"})))
    [said] = await lab.hear(*labelled(1, 2, 3, 4), closed(observed=4))
    assert isinstance(said, ModelRejected)
    assert said.reason == "its leave-one-out errors are not finite"
    assert [m.name for m in said.metrics] == ["mae phase_fraction"]
    assert await lab.faults() == []


async def test_a_batch_without_labels_makes_no_model() -> None:
    """Nothing new was learnt, so nothing is fitted."""
    world = World()
    assert await house(world).hear(*labelled(1, 2, 3, 4), closed(refused=3)) == []
    assert world.workers.ran == {}


async def test_killed_anywhere_the_same_model_is_released_once() -> None:
    """A crash before or after the release leaves one release of one number."""
    for n in range(1, 12):
        lab = house()
        lab.then = [*labelled(1, 2, 3), *story(4), closed(observed=4)]
        await lab.live(dies_at=10 + n)
        await lab.live()
        [said] = await lab.events(ModelReleased)
        assert (said.model.model_id, said.n_observations) == ("m-0001", 4)


# calibrations -----------------------------------------------------------------------------------------------

RIGHT, WRONG = calibrated(4.9), calibrated(-5.1, run="r-0002")


def withdrawn(said: list) -> list[str]:
    return [e.sample_id for e in said if isinstance(e, ObservationRetracted)]


async def test_labels_of_a_furnace_that_is_found_too_far_off_are_taken_back_once() -> None:
    """Too hot or too cold by more than the plan allows; a second bad calibration takes nothing back again."""
    lab = house()
    await lab.hear(RIGHT, scheduled(1, 2), *story(1), *story(2))
    said = await lab.hear(WRONG)
    assert withdrawn(said) == [vial(1), vial(2)]
    assert said[0].reason == (
        "furnace-1, where it was fired, was found 5.1 K (within 1 K) colder than it said when it was calibrated on "
        "2026-01-05"
    )
    assert (said[0].candidate_id, said[0].measurement_id) == (candidate(1), scan_of(1))
    assert await lab.hear(calibrated(9.0, run="r-0003")) == []
    life = await lab.live()
    assert life.runtime.seats[0].agent.memory.labels == []


async def test_a_furnace_that_is_found_right_confirms_what_it_made() -> None:
    """Within the tolerance nothing is taken back, and nothing is later: what came before is out of doubt."""
    lab = house()
    assert withdrawn(await lab.hear(scheduled(1), *story(1), RIGHT, WRONG)) == []


async def test_only_what_that_furnace_made_since_is_doubtful() -> None:
    """Vials of another furnace, and those of before the last good calibration, are left alone."""
    lab = house()
    await lab.hear(scheduled(1), *story(1), RIGHT)
    await lab.hear(
        scheduled(2, run=2), proposed(2, size=9), made(2, run_id="r-0002"), scanning(2), identified(2, CUBIC)
    )
    await lab.hear(scheduled(3, run=3, furnace="furnace-2"))
    await lab.hear(proposed(3, size=9), made(3, run_id="r-0003"), scanning(3), identified(3, CUBIC))
    assert withdrawn(await lab.hear(WRONG)) == [vial(2)]


async def test_what_is_measured_after_the_bad_calibration_is_withheld() -> None:
    """Its powder is on its way to the diffractometer when its furnace is found off: it never becomes a label."""
    lab = house()
    before, analysed = story(1)[:-1], story(1)[-1]
    [said] = await lab.hear(scheduled(1), *before, WRONG, analysed)
    assert isinstance(said, ObservationWithheld)
    assert "5.1 K" in said.reason


async def test_a_label_that_crosses_the_bad_calibration_is_taken_back() -> None:
    """Said but not yet heard when the calibration comes: the label is known to be doubtful as soon as it is heard."""
    lab = house()
    said = await lab.hear(scheduled(1), *story(1), WRONG, at_once=True)
    assert [type(e) for e in said] == [ObservationRecorded, ObservationRetracted]
    assert withdrawn(said) == [vial(1)]
    life = await lab.live()
    assert life.runtime.seats[0].agent.memory.labels == []


async def test_the_next_model_is_fitted_without_what_was_taken_back() -> None:
    """The data set of the model after a retraction holds the other labels only."""
    lab = house()
    for n in range(1, 7):
        await lab.hear(scheduled(n, run=n, furnace=f"furnace-{1 + n % 2}"))
        await lab.hear(proposed(n, size=9), made(n, run_id=f"r-{n:04d}"), scanning(n), identified(n, CUBIC))
    [first] = await lab.hear(closed(observed=6))
    await lab.hear(calibrated(20.0, "furnace-2"))
    [second] = await lab.hear(closed(2, observed=1))
    rows = [[r.sample for r in Dataset.from_bytes(lab.bus.blobs.get(m.dataset)).rows] for m in (first,)]
    assert rows == [[vial(n) for n in range(1, 7)]]
    assert second.n_observations == 3
    assert isinstance(second, ModelRejected), "three are too few"
