"""`athanor check` and `athanor campaigns`: a campaign is read and told, and nothing is run."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.objectives import Decay, Less, Objective, Peak, Ramp, Within
from contracts.questions import Question
from ops.errors import CampaignFileError
from ops.exits import FOUND_WANTING
from ops.questions.before import question_of
from ops.questions.counting import Counted, count
from ops.questions.names import unknown_names
from ops.questions.reading import Campaign, read_campaign
from ops.questions.tables import candidates, read_sheet
from ops.settings import CampaignFile, load_campaign, shipped, states_a_question
from science.chemistry.errors import ChemistryError
from science.chemistry.known import chemistry


@dataclass(frozen=True)
class Told:
    """What is told of a campaign.

    Attributes:
        name: its name.
        title: what it is about.
        looks_for: each aim in words.
        success: each demand in words.
        space: what there is to choose from.
        candidates: what there is so many of.
        instruments: instrument → who plays it.
        samples: how many are made at most; none where nothing says so.
        batches: how many times the planner is asked, if every sample is made.
        weeks: on the lab's clock at most.
        euro: what may be spent at most.
        euro_for_samples: what they cost, but for hours of instruments.
    """

    name: str
    title: str
    looks_for: tuple[str, ...]
    success: tuple[str, ...]
    space: Counted
    candidates: str
    instruments: dict[str, str]
    samples: int | None
    batches: int | None
    weeks: float | None
    euro: float | None
    euro_for_samples: float | None


def tell(campaign: CampaignFile) -> Told:
    """What is told of a campaign that this Athanor runs."""
    planner, budget = campaign.planner, campaign.budget
    return _told(
        (campaign.name, campaign.title),
        question_of(campaign.plan),
        0,
        _players(campaign),
        {"initial": planner.initial, "batch": planner.batch, "max_samples": budget.max_samples,
         "max_weeks": budget.max_weeks},
    )  # fmt: skip


def tell_question(campaign: Campaign, folder: Path) -> Told:
    """What is told of a campaign that states its question.

    Args:
        campaign: as it was read.
        folder: where its file lies.

    Raises:
        CampaignFileError: nobody knows a name in it.
    """
    players = {p.name: f"{p.kind}, {'simulated' if p.simulated else p.driver}" for p in campaign.players}
    sections = campaign.sections
    numbers = {**sections["planner"], **sections["budget"], **campaign.prices}
    return _told((campaign.name, campaign.title), campaign.question, _rows(campaign.question, folder), players, numbers)


def _rows(question: Question, folder: Path) -> int:
    """Candidates of a question's table."""
    table = question.space.composition
    if table is None or table.kind != "table":
        return 0
    _, sheet = read_sheet(folder / table.rows.name)
    return len(candidates(sheet, table.columns, table.key))


def _told(
    name: tuple[str, str], question: Question, rows: int, players: dict[str, str], numbers: Mapping[str, Any]
) -> Told:
    try:
        known = chemistry(question.chemistry)
        if unknown := unknown_names(question, known):
            raise CampaignFileError(f"Expected known names in {name[0]}, got mistakes: {'; '.join(unknown)}.")
        space = count(question, known, rows)
    except ChemistryError as error:
        raise CampaignFileError(f"In {name[0]}: {error}") from error
    samples, sample = numbers.get("max_samples"), numbers.get("sample")
    batches = None
    if samples is not None and "batch" in numbers:
        rest = max(samples - numbers.get("initial", 0), 0)
        batches = bool(samples) * (1 + math.ceil(rest / numbers["batch"]))
    return Told(
        name=name[0],
        title=name[1],
        looks_for=tuple(_aims(question.objective)),
        success=tuple(_demands(question.objective)),
        space=space,
        candidates="candidates" if rows else "compositions",
        instruments=players,
        samples=None if samples is None else int(samples),
        batches=batches,
        weeks=numbers.get("max_weeks"),
        euro=numbers.get("euro"),
        euro_for_samples=None if sample is None or samples is None else sample * samples,
    )


def _aims(objective: Objective) -> list[str]:
    told = []
    for aim in objective.aims:
        worth = aim.worth
        if isinstance(worth, Peak):
            told.append(f"{aim.property} near {worth.at:g}, within about {worth.width:g}")
        elif isinstance(worth, Ramp):
            told.append(f"{aim.property} from {worth.zero:g} (worth nothing) to {worth.one:g}")
        elif isinstance(worth, Decay):
            told.append(f"little {aim.property} (a rate of {worth.rate:g})")
        else:
            told.append(f"{'the least' if isinstance(worth, Less) else 'the most'} {aim.property}")
    return told


def _demands(objective: Objective) -> list[str]:
    return [
        f"{d.property} {d.at:g} ± {d.by:g}" if isinstance(d, Within)
        else f"{d.property} {'≥' if d.kind == 'at-least' else '≤'} {d.limit:g}"
        for d in objective.success
    ]  # fmt: skip


def _players(campaign: CampaignFile) -> dict[str, str]:
    instruments, laboratory = campaign.instruments, campaign.laboratory
    furnace = f"{instruments.synthesis.value}{', simulated behind it' if instruments.simulate_furnace else ''}"
    return {
        **{f.name: f"furnace for {f.capacity} vials, {furnace}" for f in laboratory.furnaces},
        laboratory.diffractometer: f"diffractometer, {instruments.diffraction.value}",
        "reviews": "a simulated policy",
    }


def check_campaign(name: str, *, as_json: bool) -> int:
    """Prints what is told of a campaign; 1 where nothing in its space may be made.

    Raises:
        CampaignFileError: it cannot be read; every mistake is named.
    """
    path = Path(name)
    asks = name not in shipped() and path.is_file() and states_a_question(path)
    told = tell_question(read_campaign(path), path.parent) if asks else tell(load_campaign(name))
    if as_json:
        sys.stdout.write(json.dumps(asdict(told), ensure_ascii=False) + "\n")
    else:
        _print(told)
        if asks:
            words = "It is read and checked only: this Athanor runs files with a [goal] (see athanor campaigns)."
            Console().print(words, markup=False)
    return 0 if told.space.allowed else FOUND_WANTING


def _print(told: Told) -> None:
    console, table = Console(), Table(box=None, show_header=False, pad_edge=False)
    table.add_row("campaign", f"{told.name}: {told.title}")
    table.add_row("looks for", "; ".join(told.looks_for))
    if told.success:
        table.add_row("success", "; ".join(told.success))
    space = told.space
    ways = f", {_many(space.settings)} ways to make each" if space.settings != 1 else ""
    table.add_row("space", f"{_many(space.compositions)} {told.candidates}{ways}")
    share = f"{space.allowed:.0%}" if space.allowed else "none"
    table.add_row("allowed", f"{share} of {space.drawn:,} drawn at random")
    for name, broken in space.broken.items():
        table.add_row("", f"{broken:.0%} break {name}")
    for name in space.unseen:
        table.add_row("", f"not looked at: {name}")
    for name, player in told.instruments.items():
        table.add_row(name, player)
    table.add_row("takes", "; ".join(_takes(told)))
    console.print(table, highlight=False)


def _takes(told: Told) -> list[str]:
    if told.samples == 0:
        return ["no samples: it only listens"]
    batches = "" if told.batches is None else f" in {told.batches} batches"
    takes = [] if told.samples is None else [f"{told.samples} samples{batches} at most"]
    takes += [] if told.weeks is None else [f"{told.weeks:g} weeks on the lab's clock at most"]
    takes += [] if told.euro is None else [f"{told.euro:,.0f} euro at most"]
    takes += [] if told.euro_for_samples is None else [f"{told.euro_for_samples:,.0f} of them for the samples"]
    return takes or ["as long as it is let: no budget is written"]


def _many(n: int | None) -> str:
    return "a continuum of" if n is None else f"{n:,}"


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
