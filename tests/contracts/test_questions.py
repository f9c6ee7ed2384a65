"""A question speaks only of what there is, whoever builds it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.questions import Question

SITE_A = {"label": "A", "ions": {"Ca": [2], "La": [3]}, "max_species": 2}
SITE_B = {"label": "B", "ions": {"Mn": [3, 4]}}
METER = {"kind": "meter", "instrument": "meter-1", "reading": "HV"}


def question(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "space": {"composition": {"kind": "sites", "sites": [SITE_A, SITE_B], "divisor": 12}, "settings": []},
        "properties": [{"name": "hardness", "unit": "HV", "source": METER}],
        "objective": {"aims": [{"property": "hardness", "worth": {"shape": "more"}}]},
    }
    return document | changes


def test_a_question_is_what_its_json_says() -> None:
    """Written and read again it is the same; without a chemistry nobody is asked to know anything."""
    asked = Question.model_validate(question())
    assert Question.model_validate_json(asked.model_dump_json()) == asked
    assert (asked.chemistry, asked.family, asked.route) == ("none", "all", "none")
    assert asked.space.columns == ("A.Ca", "A.La"), "a site with one ion leaves nothing to choose"


SETTING = {"kind": "levels", "name": "anneal", "values": [1, 2]}
RAMP = {"property": "hardness", "worth": {"shape": "ramp", "zero": 0, "one": 1}}
MORE = {"property": "hardness", "worth": {"shape": "more"}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"space": {}}, "expected something to choose"),
        ({"space": {"settings": [SETTING, SETTING]}}, "expected each setting once, got anneal again"),
        (
            {"space": {"composition": {"kind": "sites", "sites": [SITE_A, SITE_A], "divisor": 2}}},
            "expected each site once",
        ),
        ({"properties": []}, "at least 1 item"),
        ({"objective": {"aims": []}}, "at least 1 item"),
        ({"objective": {"aims": [RAMP, RAMP]}}, "expected one aim for each property, got several for hardness"),
        ({"objective": {"aims": [RAMP], "combine": "front"}}, "expected a front of two properties or more"),
        ({"objective": {"aims": [MORE], "reference": {"size": 1}}}, "that are measured .hardness., got size"),
        ({"objective": {"aims": [MORE], "success": [{"kind": "at-most", "property": "a", "limit": 1}]}}, "got a"),
        (
            {"constraints": [{"kind": "cap", "species": "Mn", "on": "A", "most": 0.5}]},
            "Mn on A .* got it on none",
        ),
        (
            {"constraints": [{"kind": "linear", "coefficients": {"B.Mn": 1}, "low": 0}]},
            "columns of the space .*, got B",
        ),
        ({"constraints": [{"kind": "hosted", "space_group": 231}]}, "less than or equal to 230"),
        ({"constraints": [{"kind": "between", "quantity": "t"}]}, "expected a bound for t, got none"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], told: str) -> None:
    """Names that are not there, nothing to choose, aims that do not go together."""
    with pytest.raises(ValidationError, match=told):
        Question.model_validate(question(**changes))
