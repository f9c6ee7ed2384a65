"""A campaign is read and told before anything runs: counts are those of whoever writes all compositions down."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.checking import _site, compositions_of_site, tell
from ops.cli import app
from ops.exits import FOUND_WANTING, UNUSABLE
from ops.settings import load_campaign, shipped
from science.constraints.checks import Limits, feasible
from science.designs import Design


def every(elements: tuple[str, ...], parts: int, most: int) -> list[tuple[tuple[str, int], ...]]:
    """All ways to share parts among at most so many elements, written down one by one."""
    shares = itertools.product(range(parts + 1), repeat=len(elements))
    return [
        tuple((e, n) for e, n in zip(elements, counts, strict=True) if n)
        for counts in shares
        if sum(counts) == parts and sum(n > 0 for n in counts) <= most
    ]


@pytest.mark.parametrize(("elements", "parts", "most"), [(3, 12, 3), (4, 12, 3), (1, 5, 4), (5, 4, 2), (3, 1, 3)])
def test_compositions_are_counted_as_if_they_were_written_down(elements: int, parts: int, most: int) -> None:
    """The sum of binomials is the length of the list; and each is drawn as often as any other."""
    names = tuple("ABCDE"[:elements])
    written = every(names, parts, most)
    assert compositions_of_site(elements, parts, most) == len(written)
    dice = random.Random(1)
    drawn = Counter(_site(names, parts, most, dice) for _ in range(200 * len(written)))
    assert set(drawn) == set(written)
    assert all(100 < n < 320 for n in drawn.values())


def test_the_share_that_is_allowed_is_that_of_the_whole_space() -> None:
    """Within three standard errors of what it is when every composition of a shipped campaign is asked."""
    campaign = load_campaign("quick")
    space, told = campaign.space, tell(campaign)
    limits = Limits(space.divisor, space.max_species, dict(space.max_fraction), space.tolerance_factor)
    recipe = (1300.0, 12.0, 5.0, 1, 0.0, 6.0, "alumina", "air", "bare", "pellet", "furnace")
    sites = [every(site, space.divisor, space.max_species) for site in (space.a_site, space.b_site)]
    answers = [feasible(Design(a, b, *recipe), limits) for a, b in itertools.product(*sites)]
    assert told.compositions == len(answers)
    share = sum(answers) / len(answers)
    assert abs(told.allowed - share) < 3 * (share * (1 - share) / told.drawn) ** 0.5


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_campaign_is_told(name: str) -> None:
    """Who plays what, how much there is, and what it will take; as text and as JSON."""
    told = CliRunner().invoke(app, ["check", name])
    assert told.exit_code == 0, told.output
    assert "26,390 compositions" in told.output
    assert "xrd-1" in told.output
    document = json.loads(CliRunner().invoke(app, ["check", name, "--json"]).output)
    assert document["name"] == name
    assert document["samples"] == load_campaign(name).budget.max_samples
    assert (document["days"] > 1) is (document["samples"] > 0)


def test_an_empty_space_is_found_wanting_with_what_stands_in_the_way(tmp_path: Path) -> None:
    """Exit 1 before anything has run: each constraint with the share of designs that break it."""
    path = tmp_path / "mine.toml"
    path.write_text(shipped()["quick"].replace("[0.96, 1.04]", "[1.4, 1.45]"))
    told = CliRunner().invoke(app, ["check", str(path)])
    assert told.exit_code == FOUND_WANTING
    assert "none of 2,000 drawn at random" in told.output
    assert "100% break tolerance factor (1.4 to 1.45)" in told.output


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
