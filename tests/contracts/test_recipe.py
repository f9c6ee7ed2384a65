"""A recipe that leaves something out cannot be built."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from contracts.recipe import Cooling, Recipe, Segment, ThermalProfile
from tests.contracts.examples import recipe


@pytest.mark.parametrize("field", sorted(Recipe.model_fields))
def test_every_field_of_a_recipe_is_required(field: str) -> None:
    """Ramp profile, atmosphere, vessel, contact and the rest: none may be missing."""
    fields = recipe().model_dump()
    del fields[field]
    with pytest.raises(ValidationError, match=f"{field}\n  Field required"):
        Recipe.model_validate(fields)


@pytest.mark.parametrize("field", sorted(Segment.model_fields))
def test_every_field_of_a_segment_is_required(field: str) -> None:
    """A dwell without its ramp, or a ramp without its dwell, is no thermal profile."""
    fields = {"rate": 5.0, "target": 1700.0, "dwell": 3600.0}
    del fields[field]
    with pytest.raises(ValidationError, match="Field required"):
        Segment.model_validate(fields)


def test_unknown_fields_are_refused() -> None:
    """A misspelt field is an error and not a silent default."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Recipe.model_validate(recipe().model_dump() | {"atmosfere": "air"})


def test_bounds_hold() -> None:
    """A furnace at 5000 K and an infinite dwell are refused."""
    with pytest.raises(ValidationError):
        Segment(rate=5, target=5000, dwell=10)
    with pytest.raises(ValidationError):
        Segment(rate=5, target=1500, dwell=float("inf"))


def test_duration_adds_ramps_dwells_and_cooling() -> None:
    """Ten K/min to 1298.15 K is 100 min, plus a dwell of an hour, plus ten minutes of quench."""
    profile = ThermalProfile(segments=(Segment(rate=10, target=1298.15, dwell=3600),), cooling=Cooling.QUENCH)
    assert profile.duration() == pytest.approx(6000 + 3600 + 600)
    assert profile.peak == 1298.15
