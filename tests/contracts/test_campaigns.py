"""A campaign's plan makes sense, or says in a sentence why it does not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.campaigns import CampaignPlan
from tests.contracts.examples import plan


def changed(section: str, **values: Any) -> dict[str, Any]:
    document = plan().model_dump()
    return document | {section: document[section] | values}


@pytest.mark.parametrize(
    ("section", "values", "told"),
    [
        ("space", {"a_site": ("Ba", "Ti")}, "expected each element on one site, got Ti on both"),
        (
            "space",
            {"tolerance_factor": (1.1, 1.0)},
            "window inside 0.5 to 1.5, got 1.1 to 1",
        ),
        ("space", {"max_fraction": {"Pb": 0.1}}, "expected limits for elements of the design space, got Pb"),
        ("space", {"temperatures_c": ()}, "at least 1 item"),
        ("scan", {"start": 20.0, "stop": 25.0}, "expected a scan over 10 degrees or more, got 20.0 to 25.0"),
        ("laboratory", {"furnaces": ()}, "at least 1 item"),
        ("laboratory", {"standard": "gold"}, "'Si', 'LaB6' or 'Al2O3'"),
        ("trust", {"alpha": 0.6}, "less than 0.5"),
        ("budget", {"max_samples": -1}, "greater than or equal to 0"),
        ("planner", {"batch": 0}, "greater than or equal to 1"),
        ("triage", {"rescans_per_sample": 9}, "less than or equal to 5"),
        ("goal", {"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(section: str, values: dict[str, Any], told: str) -> None:
    """Each part of a plan has its bounds, and parts that contradict each other are named."""
    with pytest.raises(ValidationError, match=told):
        CampaignPlan.model_validate(changed(section, **values))


def test_a_plan_is_what_its_json_says() -> None:
    """Written and read again it is the same; nothing in it can be changed."""
    assert CampaignPlan.model_validate_json(plan().model_dump_json()) == plan()
    with pytest.raises(ValidationError):
        plan().title = "another"
