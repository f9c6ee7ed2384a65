"""Events of a life as moments in the order of time."""

from __future__ import annotations

from datetime import timedelta

from contracts.diffraction import MeasurementFailed
from contracts.event import Event
from contracts.instruments import SampleTrouble, StepKind
from ops.asking.life import moments
from ops.asking.moment import Heard, Tone, lasted
from tests.agents import said
from tests.ops.asking.told import begun, done, failed
from tests.ops.reports.telling import BEGUN, pattern


def heard(*events: Event) -> list[Heard]:
    """Events an hour apart."""
    return [Heard(n, BEGUN + timedelta(hours=n), event) for n, event in enumerate(events, 1)]


def test_a_step_is_one_moment_from_start_to_end() -> None:
    """Its intent and its end make one line, with what the instrument logged and who else was there."""
    (fire,) = moments(heard(begun(1, StepKind.FIRE, 2), done(1, StepKind.FIRE, 2)), ["c-0001-v1"])
    assert (fire.what, fire.took, fire.tone, fire.step) == ("fire", timedelta(hours=5), Tone.PLAIN, True)
    assert fire.told == "on furnace-1 with c-0002-v1, peak temperature 1449.5 °C"
    assert fire.document()["hours"] == 5


def test_only_its_own_troubles_are_told() -> None:
    """What happened to the neighbour in the furnace is another life."""
    of_two = SampleTrouble(sample_id=said.vial(2), reason="vial dropped", lost=True)
    events = heard(begun(1, StepKind.FIRE, 2), done(1, StepKind.FIRE, 2, trouble=of_two))
    assert moments(events, [said.vial(1)])[0].details == ()
    (mine,) = moments(events, [said.vial(2)])
    assert (mine.details, mine.tone) == (("vial dropped (lost)",), Tone.BAD)


def test_a_failed_step_says_why_and_whether_it_may_be_tried_again() -> None:
    """A failure lasts from its intent to its report."""
    (load,) = moments(heard(begun(4, StepKind.LOAD), failed(4, StepKind.LOAD)), [said.vial(4)])
    assert (load.tone, load.took) == (Tone.BAD, timedelta(hours=1))
    assert load.details == ("gripper open", "it may not be tried again")
    lost = MeasurementFailed(
        measurement_id=said.scan_of(4), sample_id=said.vial(4), instrument="xrd-1", reason="no file", retryable=True
    )
    (scan,) = moments(heard(said.scanning(4), lost), [said.vial(4)])
    assert (scan.what, scan.details[1]) == ("scan", "it may be tried again")


def test_what_has_not_ended_is_under_way() -> None:
    """An intent without an end is told as such."""
    fire, scan = moments(heard(begun(1, StepKind.FIRE), said.scanning(1)), [said.vial(1)])
    assert (fire.told, scan.told, fire.ended) == ("under way", "under way", None)
    assert (fire.what, scan.what) == ("fire", "scan")


def test_a_file_that_nobody_asked_for_says_so(tmp_path: object) -> None:
    """Handed in, and not measured by the lab."""
    from bus.blobs import MemoryBlobs

    handed_in = pattern(1, MemoryBlobs()).model_copy(update={"asked": False})
    (scan,) = moments(heard(handed_in), [said.vial(1)])
    assert (scan.tone, scan.took) == (Tone.DOUBT, timedelta(hours=1))
    assert "nobody asked" in scan.details[0]


def test_moments_stand_in_the_order_of_time() -> None:
    """A firing of five days began before what the log tells in between."""
    events = heard(said.proposed(1), begun(1, StepKind.FIRE), said.made(1), done(1, StepKind.FIRE, hours=1))
    told = moments(events, [said.vial(1)])
    assert [m.what for m in told] == ["proposed", "made", "fire"]
    assert lasted(told) == "4 d 4 h"
    assert lasted([]) == ""
