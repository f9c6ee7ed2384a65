"""A campaign is read and told before anything runs, whichever form its file has."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.checking import tell
from ops.cli import app
from ops.exits import FOUND_WANTING, UNUSABLE
from ops.settings import load_campaign, shipped
from science.constraints.checks import Limits, feasible
from science.designs import Design
from tests.ops.questions.files import ALLOY, PEROVSKITE, TABLE, written


def test_the_share_that_is_allowed_is_that_of_the_whole_space() -> None:
    """Within three standard errors of what the planner's own constraints say of every composition there is."""
    campaign = load_campaign("quick")
    space, told = campaign.space, tell(campaign)
    limits = Limits(space.divisor, space.max_species, dict(space.max_fraction), space.tolerance_factor)
    recipe = (1300.0, 12.0, 5.0, 1, 0.0, 6.0, "alumina", "air", "bare", "pellet", "furnace")
    sites = []
    for elements in (space.a_site, space.b_site):
        counts = itertools.product(range(space.divisor + 1), repeat=len(elements))
        shares = [
            tuple((e, n) for e, n in zip(elements, c, strict=True) if n) for c in counts if sum(c) == space.divisor
        ]
        sites.append([share for share in shares if len(share) <= space.max_species])
    answers = [feasible(Design(a, b, *recipe), limits) for a, b in itertools.product(*sites)]
    assert told.space.compositions == len(answers)
    share = sum(answers) / len(answers)
    assert abs(told.space.allowed - share) < 3 * (share * (1 - share) / told.space.drawn) ** 0.5


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_campaign_is_told(name: str) -> None:
    """What it looks for, who plays what, how much there is, and what it will take; as text and as JSON."""
    told = CliRunner().invoke(app, ["check", name])
    assert told.exit_code == 0, told.output
    for words in ("26,390 compositions", "xrd-1", "lattice 4.116 ± 0.003", "not looked at: rule vessel chemistry"):
        assert words in told.output
    document = json.loads(CliRunner().invoke(app, ["check", name, "--json"]).output)
    assert document["name"] == name
    assert document["samples"] == load_campaign(name).budget.max_samples


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PEROVSKITE, ("26,390 compositions, 18 ways", "lattice near 4.116", "48 samples at most")),
        (TABLE, ("3 candidates", "the most toughness", "60 samples in 55 batches at most", "meter, simulated")),
        (ALLOY, ("5,151 compositions", "2,500 euro at most", "360 of them for the samples", "bench, person")),
    ],
)
def test_a_question_is_told(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    """And it is said that nobody runs it yet; `athanor run` refuses it with a sentence that leads here."""
    path = written(tmp_path, text)
    told = CliRunner().invoke(app, ["check", str(path)])
    assert told.exit_code == 0, told.output
    output = " ".join(told.output.split())
    assert all(" ".join(w.split()) in output for w in (*words, "this Athanor runs files with a [goal]"))
    refused = CliRunner().invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert refused.exit_code == UNUSABLE
    assert "athanor check reads such files" in refused.output
    assert not (tmp_path / "out").exists()


def test_names_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    """A chemistry, a descriptor: exit 2, with the known ones."""
    for change, told in (
        (('"perovskite"', '"alchemy"'), "Expected a chemistry (none, perovskite), got 'alchemy'"),
        (('"tolerance factor"', '"hull distance"'), "expected a descriptor of perovskite (tolerance factor)"),
    ):
        answer = CliRunner().invoke(app, ["check", str(written(tmp_path, PEROVSKITE, change))])
        assert answer.exit_code == UNUSABLE
        assert told in answer.output


def test_an_empty_space_is_found_wanting_with_what_stands_in_the_way(tmp_path: Path) -> None:
    """Exit 1 before anything has run: each constraint with the share of designs that break it."""
    path = tmp_path / "mine.toml"
    path.write_text(shipped()["quick"].replace("[0.96, 1.04]", "[1.4, 1.45]"))
    told = CliRunner().invoke(app, ["check", str(path)])
    assert told.exit_code == FOUND_WANTING
    assert "none of 2,000 drawn at random" in told.output
    assert "100% break tolerance factor from 1.4 to 1.45" in told.output


def test_a_file_with_mistakes_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """The sentence is that of `athanor run`."""
    path = tmp_path / "mine.toml"
    path.write_text(shipped()["quick"].replace("alpha", "alfa"))
    told = CliRunner().invoke(app, ["check", str(path)])
    assert told.exit_code == UNUSABLE
    assert "did you mean alpha?" in told.output


def test_shipped_campaigns_are_listed() -> None:
    """Each with what it looks for."""
    told = CliRunner().invoke(app, ["campaigns"]).output
    lines = CliRunner().invoke(app, ["campaigns", "--json"]).output.splitlines()
    assert [json.loads(line)["name"] for line in lines] == sorted(shipped())
    assert all(name in told for name in shipped())
