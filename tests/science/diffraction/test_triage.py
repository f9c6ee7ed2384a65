"""Triage: time goes where it settles a doubt, and people are asked about nothing else than doubts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.diffraction.triage import (
    LEAST_GAIN,
    LONGER,
    OPEN,
    Answer,
    Claim,
    Scan,
    entropy,
    question,
    rescan,
    stands,
)

FULL = Scan(15, 90, 0.02, 0.5)
NARROW = Scan(20, 50, 0.02, 0.5)
SURE = Claim("BaZrO3", 0.99, 0.95)
WEAK = Claim("BaCO3", 0.5, 0.03)


def ambiguous(*claims: Claim, **more) -> Answer:
    return Answer("ambiguous", claims, **more)


DOUBTS = {
    "low counts": ambiguous(Claim("BaZrO3", 0.6, 0.95), flags=frozenset({"low-counts"})),
    "a weak phase near the threshold": ambiguous(SURE, WEAK),
    "a weak phase just below it": Answer("identified", (SURE,), unclaimed=(("BaCO3 (62)", 0.38),)),
    "a phase may be missing, and shows no clear line": ambiguous(SURE, missing=0.5),
    "clear lines that a phase just below the threshold may have": Answer(
        "unknown", (SURE,), missing=0.8, unclaimed=(("HfO2 (14)", 0.38),), lines=(28.3, 31.7)
    ),
    "two substances fit alike": ambiguous(Claim("ZrO2", 0.6, 0.5, rivals=("HfO2 (14)",))),
}


@pytest.mark.parametrize("what", DOUBTS)
def test_more_counts_are_asked_for_where_counts_are_short(what: str) -> None:
    """Each of these is measured again, four times as long over the same range, with the doubt as the reason."""
    again = rescan(DOUBTS[what], FULL)
    assert again is not None
    assert (again.scan.seconds, again.scan.start, again.scan.stop) == (4 * FULL.seconds, FULL.start, FULL.stop)
    assert again.gain >= LEAST_GAIN
    assert "4 times as long" in again.reason


NO_USE = {
    "sure": Answer("identified", (SURE,), missing=0.02),
    "sure in few counts": Answer("identified", (SURE,), missing=0.02, flags=frozenset({"low-counts"})),
    "clear lines of something unknown": Answer("unknown", (SURE,), missing=0.8, lines=(33.9, 29.9)),
    "nothing seen": Answer("unknown", flags=frozenset({"no-peaks", "low-counts"}), missing=1.0),
    "another tube": Answer("unknown", flags=frozenset({"wrong-wavelength"}), missing=0.8),
    "an isostructural class": ambiguous(Claim("NiO", 0.95, 0.9, members=("MgO (225)",))),
    "coarse grains": ambiguous(Claim("BaCO3", 0.6, 0.5), missing=0.5, flags=frozenset({"graininess"})),
    "texture": ambiguous(Claim("BaCO3", 0.6, 0.5), missing=0.5, flags=frozenset({"texture"})),
    "a strong phase that overlaps": ambiguous(Claim("A", 0.6, 0.5), Claim("B", 0.99, 0.5)),
}


@pytest.mark.parametrize("what", NO_USE)
def test_no_time_is_spent_where_another_scan_tells_nothing_more(what: str) -> None:
    """Lines that belong to nothing, structures of one pattern, texture and empty holders are no matter of counts."""
    assert rescan(NO_USE[what], FULL) is None


def test_a_short_range_is_widened() -> None:
    """Too few lines tell two strong phases apart: the range grows, and not the counting time where it is enough."""
    again = rescan(ambiguous(Claim("A", 0.5, 0.5), Claim("B", 0.99, 0.5)), NARROW)
    assert again is not None
    assert again.scan == Scan(15, 100, 0.02, 0.5)
    assert "from 15 to 100 degrees" in again.reason


def test_a_scan_fits_into_what_is_left_of_the_day() -> None:
    """Twice as long where four times is too long, and nothing where even that is."""
    doubt, hours = ambiguous(SURE, WEAK), FULL.hours
    assert rescan(doubt, FULL, 4.01 * hours).scan.seconds == 4 * FULL.seconds
    assert rescan(doubt, FULL, 3.99 * hours).scan.seconds == 2 * FULL.seconds
    assert rescan(doubt, FULL, 1.99 * hours) is None


@given(
    chance=st.floats(0, 1),
    share=st.floats(0, 1),
    missing=st.floats(0, 1),
    hours=st.floats(0, 10),
    flags=st.frozensets(
        st.sampled_from(["low-counts", "texture", "graininess", "short-range", "weak-phase", "overlap"])
    ),
    verdict=st.sampled_from(["identified", "ambiguous", "unknown"]),
)
def test_no_scan_is_shorter_or_narrower_or_beyond_the_budget(
    chance: float, share: float, missing: float, hours: float, flags: frozenset[str], verdict: str
) -> None:
    """Whatever the answer: what is asked for tells more than what was there, fits, and says how much it is worth."""
    found = rescan(Answer(verdict, (Claim("A", chance, share),), missing, flags=flags), FULL, hours)
    if found is not None:
        assert found.scan.hours <= hours
        assert found.scan.seconds in {FULL.seconds * factor for factor in (1.0, *LONGER)}
        assert found.scan.start <= FULL.start < FULL.stop <= found.scan.stop
        assert (found.scan.seconds, found.scan.stop) != (FULL.seconds, FULL.stop)
        assert found.gain >= LEAST_GAIN
        assert found.reason


def test_entropy_is_that_of_a_coin() -> None:
    """One bit for a fair coin, none for what is certain, the same for yes and no."""
    assert entropy(0.5) == pytest.approx(1.0)
    assert entropy(0.0) == pytest.approx(0.0, abs=1e-9)
    assert entropy(0.25) == pytest.approx(entropy(0.75))
    assert entropy(0.25) == pytest.approx(2 - 0.75 * math.log2(3))


def test_people_are_asked_about_doubts_only() -> None:
    """A sure answer raises no question; all others raise one that names what is in doubt."""
    assert question(NO_USE["sure"]) is None
    assert "33.90" in question(NO_USE["clear lines of something unknown"]).text
    assert "holder" in question(NO_USE["nothing seen"]).text
    assert "Which tube" in question(NO_USE["another tube"]).text
    assert "ZrO2 or HfO2 (14)" in question(DOUBTS["two substances fit alike"]).text
    assert "BaCO3" in question(DOUBTS["a weak phase near the threshold"]).text
    assert "missing (0.50)" in question(DOUBTS["a phase may be missing, and shows no clear line"]).text
    assert "not tried" in question(Answer("unknown", (SURE,), missing=0.8)).text


def test_the_unknown_is_more_urgent_than_the_ambiguous() -> None:
    """Many lines of something unknown come first, then an empty holder, a poor fit, two readings, a weak phase."""
    in_order = [
        Answer("unknown", (SURE,), 0.9, lines=(20.0, 30.0, 40.0)),
        Answer("unknown", (SURE,), 0.9, lines=(20.0,)),
        NO_USE["nothing seen"],
        Answer("unknown", (SURE,), 0.8),
        DOUBTS["two substances fit alike"],
        DOUBTS["a weak phase near the threshold"],
        ambiguous(SURE, missing=0.4),
    ]
    told = [question(answer).priority for answer in in_order]
    assert told == sorted(told, reverse=True)
    assert len(set(told)) == len(told)
    assert 0 <= min(told) < max(told) <= 1


def test_a_rescan_that_shows_nothing_takes_no_answers_place() -> None:
    """An unreadable file and an empty holder leave the answer before as it was; anything else supersedes it."""
    assert not stands(None)
    assert not stands(NO_USE["nothing seen"])
    assert stands(NO_USE["clear lines of something unknown"])
    assert OPEN[0] < OPEN[1]
