"""Reads a campaign file of names and keys into the question that it asks; every mistake is told at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.questions import Question
from ops.errors import CampaignFileError
from ops.questions.compositions import KINDS, composition_in
from ops.questions.pages import Mistakes, Page
from ops.questions.parts import constraints_in, objective_in, properties_in, settings_in
from ops.questions.players import Player, players_in
from simulators.rates import FaultRates

SECTIONS = {
    "planner": ("strategy", "initial", "batch", "pool", "known", "replicates"),
    "trust": ("alpha", "ood_percentile", "random_share"),
    "budget": ("max_samples", "max_weeks", "euro"),
    "laboratory": ("sample_mass",),
    "triage": ("rescans_per_sample", "rescan_hours_per_day", "reviews_per_day"),
}
"""Section → its keys; each is a number, but for `strategy` and `known`."""
WHOLE = {
    "initial": 1, "batch": 1, "pool": 1, "replicates": 0, "max_samples": 0, "rescans_per_sample": 0,
    "reviews_per_day": 0,
}  # fmt: skip
"""What is counted → the least of it."""
STRATEGIES = ("composite", "random", "greedy")
MERGED = {
    "", "space", "space.settings", "constraints", "properties", "objective", "planner", "trust", "budget", "laboratory",
    "triage", "simulation", "prices", "instruments", "powders",
}  # fmt: skip
"""Tables that a file takes key by key from the file that it is based on; what stands below is replaced whole."""
DEEPEST = 8
"""Files that may be based on each other in a row."""


@dataclass(frozen=True)
class Campaign:
    """What a file says.

    Attributes:
        name: of the campaign.
        title: what it is about, in one line.
        question: what it asks.
        players: the instruments, and who plays them.
        sections: what it says of planner, trust, budget, laboratory and triage.
        prices: euro for a sample, for an hour of an instrument, for a query.
        people: names that may answer; empty for any.
        powders: element → the powder that brings it.
    """

    name: str
    title: str
    question: Question
    players: tuple[Player, ...]
    sections: Mapping[str, Mapping[str, Any]]
    prices: Mapping[str, Any]
    people: tuple[str, ...] = ()
    powders: Mapping[str, str] | None = None


def asks_a_question(document: Mapping[str, Any]) -> bool:
    """Whether a file is of this form; the one of before said what it looks for in ``[goal]``."""
    return "goal" not in document and bool({"objective", "properties", "base"} & document.keys())


def read_campaign(path: Path) -> Campaign:
    """The campaign in a file.

    Raises:
        CampaignFileError: it cannot be read, or asks nothing that makes sense; every mistake is named.
    """
    return campaign_in(_document(path, ()), path)


def _document(path: Path, before: tuple[Path, ...]) -> dict[str, Any]:
    """What a file says, together with what it is based on."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CampaignFileError(f"Expected a readable campaign file at {path}, got: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CampaignFileError(f"Expected TOML in {path}, got a mistake: {error}.") from error
    base = document.pop("base", None)
    if base is None:
        return document
    chain = (*before, path.resolve())
    other = (path.parent / str(base)).resolve()
    if other in chain or len(chain) > DEEPEST:
        raise CampaignFileError(f"Expected {path} to be based on another file, got {base}, which is based on itself.")
    return _merged(_document(other, chain), document)


def _merged(below: dict[str, Any], above: dict[str, Any], where: str = "") -> dict[str, Any]:
    """One table over another: key by key where that is meant, whole otherwise."""
    merged = dict(below)
    for key, value in above.items():
        place, there = f"{where}.{key}".strip("."), below.get(key)
        if isinstance(value, dict) and isinstance(there, dict) and _by_key(place, value):
            merged[key] = _merged(there, value, place)
        else:
            merged[key] = value
    return merged


def _by_key(place: str, above: dict[str, Any]) -> bool:
    if place == "space.composition":  # another kind of composition has nothing to take from the one below
        return not set(KINDS) & above.keys()
    return place in MERGED or place.startswith(("properties.", "objective.", "simulation."))


def campaign_in(document: Mapping[str, Any], path: Path) -> Campaign:
    """The campaign that a document describes.

    Args:
        document: TOML, read.
        path: the file that it was read from; paths in it begin there.

    Raises:
        CampaignFileError: it asks nothing that makes sense; every mistake is named.
    """
    mistakes = Mistakes()
    top = Page(document, "", mistakes)
    name = top.text("name", path.stem)
    title, chemistry, family, route = (top.text(k) for k in ("title", "chemistry", "family", "route"))
    people, powders = top.words("people"), top.take("powders")
    players = players_in(top.page("instruments"))
    space = _space(top, path.parent)
    properties = properties_in(top.page("properties"), {p.name: p.kind for p in players})
    objective = objective_in(top.page("objective"))
    constraints = constraints_in(top.page("constraints"))
    sections = {section: _section(top.page(section), keys, path.parent) for section, keys in SECTIONS.items()}
    prices = _prices(top.page("prices"), {p.name for p in players})
    _faults(top.page("simulation"))
    top.done()
    question = {
        "chemistry": chemistry or "none", "family": family or "all", "route": route or "none", "space": space,
        "constraints": constraints, "properties": properties, "objective": objective,
    }  # fmt: skip
    made = None if mistakes else top.made("", lambda: Question.model_validate(question))
    if made is None:
        told = mistakes.told
        more = f"; and {len(told) - 8} more" if len(told) > 8 else ""
        raise CampaignFileError(f"Expected a question in {path}, got mistakes: {'; '.join(told[:8])}{more}.")
    return Campaign(name, title or name, made, tuple(players), sections, prices, people, powders)


def _space(top: Page, folder: Path) -> dict[str, Any]:
    page = top.page("space")
    composition = composition_in(page.page("composition"), folder) if "composition" in page else None
    settings = settings_in(page.page("settings"))
    page.done()
    return {"composition": composition, "settings": settings}


def _section(page: Page, keys: tuple[str, ...], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in keys:
        if key == "strategy":
            found[key] = page.of(
                key, lambda v: v if v in STRATEGIES else None, f"one of {', '.join(STRATEGIES)}", STRATEGIES[0]
            )
        elif key == "known":
            if (name := page.text(key)) and not (folder / name).is_file():
                page.wrong(key, f"expected a file at {folder / name}, got none")
            found[key] = name
        elif (number := page.number(key)) is not None:
            if number < 0:
                page.wrong(key, f"expected a number that is not negative, got {number:g}")
            elif key in WHOLE and (number != int(number) or number < WHOLE[key]):
                page.wrong(key, f"expected a whole number from {WHOLE[key]} on, got {number:g}")
            found[key] = number
    page.done()
    return {key: value for key, value in found.items() if value not in (None, "")}


def _faults(page: Page) -> None:
    """How often what goes wrong in a simulated lab is said in numbers that make sense."""
    told = page.take("faults", {})
    page.done()
    if isinstance(told, dict):
        if unknown := sorted(set(told) - set(FaultRates.model_fields)):
            page.wrong(
                "faults", f"expected faults that are known ({', '.join(FaultRates.model_fields)}), got {unknown[0]}"
            )
        else:
            page.made("faults", lambda: FaultRates.model_validate(told))
    else:
        page.wrong("faults", "expected a table of faults and how often they strike")


def _prices(page: Page, instruments: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (sample := page.number("sample")) is not None:
        found["sample"] = sample
    for key in ("hour", "query"):
        inner = page.page(key)
        prices = {}
        for name in inner.names():
            if key == "hour" and name not in instruments:
                inner.wrong(name, f"expected an instrument ({', '.join(sorted(instruments))})")
            prices[name] = inner.number(name)
        if prices:
            found[key] = prices
    page.done()
    return found
