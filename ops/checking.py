"""`athanor check` and `athanor campaigns`: a campaign is read and told, and nothing is run."""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from contracts.campaigns import DesignSpace
from contracts.recipe import Cooling, Segment, ThermalProfile
from ops.exits import FOUND_WANTING
from ops.settings import CampaignFile, load_campaign, shipped

if TYPE_CHECKING:
    from science.designs import Design, Parts

DRAWN = 2000
"""Designs that are drawn to tell which share of them may be made; it is known within 2 % then."""
ZERO_CELSIUS = 273.15


@dataclass(frozen=True)
class Told:
    """What is told of a campaign."""

    name: str
    title: str
    compositions: int
    """How many there are, allowed or not."""
    settings: int
    """Ways to make each."""
    allowed: float
    """Share of designs that satisfy every constraint."""
    drawn: int
    """How many were drawn to find that share."""
    broken: dict[str, float]
    """Constraint, with what it allows → share of designs that break it."""
    instruments: dict[str, str]
    """Instrument → who plays it."""
    samples: int
    batches: int
    days: float
    """On the lab's clock, where each batch waits for the one before and nothing goes wrong."""
    max_days: float


def compositions_of_site(elements: int, parts: int, most: int) -> int:
    """Ways to share whole parts among some of the elements: for each number of elements, which, and where to cut."""
    return sum(math.comb(elements, k) * math.comb(parts - 1, k - 1) for k in range(1, min(elements, most, parts) + 1))


def _site(elements: tuple[str, ...], parts: int, most: int, dice: random.Random) -> Parts:
    """One of these, each as likely as any other."""
    numbers = range(1, min(len(elements), most, parts) + 1)
    weights = [math.comb(len(elements), k) * math.comb(parts - 1, k - 1) for k in numbers]
    [k] = dice.choices(numbers, weights)
    who = sorted(dice.sample(range(len(elements)), k))
    cuts = [0, *sorted(dice.sample(range(1, parts), k - 1)), parts]
    return tuple((elements[i], end - start) for i, (start, end) in zip(who, pairwise(cuts), strict=True))


def _drawn(space: DesignSpace, dice: random.Random) -> Design:
    from science.designs import Design

    return Design(
        a_site=_site(space.a_site, space.divisor, space.max_species, dice),
        b_site=_site(space.b_site, space.divisor, space.max_species, dice),
        celsius=dice.choice(space.temperatures_c),
        dwell_h=dice.choice(space.dwells_h),
        ramp=dice.choice(space.ramps),
        regrinds=dice.choice(space.regrinds),
        a_excess=dice.choice(space.a_site_excesses),
        milling_h=dice.choice(space.milling_h),
        vessel=dice.choice(space.vessels).value,
        atmosphere=dice.choice(space.atmospheres).value,
        contact=dice.choice(space.contacts).value,
        form=dice.choice(space.forms).value,
        cooling=dice.choice(space.coolings).value,
    )


def tell(campaign: CampaignFile) -> Told:
    """Counts what may be chosen, and estimates what the campaign will take."""
    from science.constraints.checks import Limits, check

    space, dice = campaign.space, random.Random(0)
    limits = Limits(space.divisor, space.max_species, dict(space.max_fraction), space.tolerance_factor)
    broken: Counter[str] = Counter()
    designs = [_drawn(space, dice) for _ in range(DRAWN)]
    allowed = 0
    for design in designs:
        wrong = [f"{c.name} ({c.limit})" for c in check(design, limits) if not c.satisfied]
        broken.update(wrong)
        allowed += not wrong
    planner, budget = campaign.planner, campaign.budget
    rest = max(budget.max_samples - planner.initial, 0)
    batches = bool(budget.max_samples) * (1 + math.ceil(rest / planner.batch))
    return Told(
        name=campaign.name,
        title=campaign.title,
        compositions=math.prod(
            compositions_of_site(len(site), space.divisor, space.max_species) for site in (space.a_site, space.b_site)
        ),
        settings=math.prod(map(len, _settings(space))),
        allowed=allowed / DRAWN,
        drawn=DRAWN,
        broken={name: n / DRAWN for name, n in broken.most_common()},
        instruments=_players(campaign),
        samples=budget.max_samples,
        batches=batches,
        days=batches * fmean(_days(design) for design in designs),
        max_days=7 * budget.max_weeks,
    )


def _settings(space: DesignSpace) -> tuple[tuple[object, ...], ...]:
    return (
        space.temperatures_c, space.dwells_h, space.ramps, space.regrinds, space.a_site_excesses, space.milling_h,
        space.vessels, space.atmospheres, space.contacts, space.forms, space.coolings,
    )  # fmt: skip


def _days(design: Design) -> float:
    """In the furnace, for one design."""
    segment = Segment(rate=design.ramp, target=design.celsius + ZERO_CELSIUS, dwell=design.dwell_h * 3600)
    firing = ThermalProfile(segments=(segment,), cooling=Cooling(design.cooling)).duration()
    return firing * (1 + design.regrinds) / 86400


def _players(campaign: CampaignFile) -> dict[str, str]:
    instruments, laboratory = campaign.instruments, campaign.laboratory
    furnace = f"{instruments.synthesis.value}{', simulated behind it' if instruments.simulate_furnace else ''}"
    return {
        **{f.name: f"{furnace}, {f.capacity} vials at once" for f in laboratory.furnaces},
        laboratory.diffractometer: instruments.diffraction.value,
        "reviews": "a simulated policy",
    }


def check_campaign(name: str, *, as_json: bool) -> int:
    """Prints what is told of a campaign; 1 where nothing in its space may be made.

    Raises:
        CampaignFileError: it cannot be read; every mistake is named.
    """
    told = tell(load_campaign(name))
    if as_json:
        sys.stdout.write(json.dumps(asdict(told), ensure_ascii=False) + "\n")
    else:
        _print(told)
    return 0 if told.allowed else FOUND_WANTING


def _print(told: Told) -> None:
    console, table = Console(), Table(box=None, show_header=False, pad_edge=False)
    table.add_row("campaign", f"{told.name}: {told.title}")
    table.add_row("space", f"{told.compositions:,} compositions, {told.settings:,} ways to make each")
    share = f"{told.allowed:.0%}" if told.allowed else "none"
    table.add_row("allowed", f"{share} of {told.drawn:,} drawn at random")
    for name, broken in told.broken.items():
        table.add_row("", f"{broken:.0%} break {name}")
    for name, player in told.instruments.items():
        table.add_row(name, player)
    few = f"{told.samples} samples in {told.batches} batches" if told.samples else "no samples: it only listens"
    table.add_row("takes", few)
    if told.samples:
        table.add_row("", f"about {told.days:.0f} days of firing, if each batch waits for the one before")
        table.add_row("", f"{told.max_days:.0f} days on the lab's clock at most")
    console.print(table, highlight=False)


def list_campaigns(*, as_json: bool) -> int:
    """Prints name and title of each shipped campaign."""
    found = {name: load_campaign(name) for name in shipped()}
    if as_json:
        for name, campaign in found.items():
            told = {"name": name, "title": campaign.title, "samples": campaign.budget.max_samples}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return 0
    table = Table("campaign", "samples", "what it looks for", box=None)
    for name, campaign in found.items():
        table.add_row(name, str(campaign.budget.max_samples), campaign.title)
    console = Console()
    console.print(table, highlight=False)
    console.print("athanor check NAME tells more, athanor run NAME runs it; a TOML file of your own works alike.")
    return 0
