"""What if the plan had been another? The recorded world is kept, the decisions are made again under the other plan.

A decision that turns out otherwise would have led to another history, which nobody has recorded. So each decision
behind such a one, by cause or by what its agent remembers, is marked as led there by a change: it is made again upon
the recorded events, and whether it then differs is told apart from what differs by itself.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from agents.crew import CREW
from agents.runtime.past import Past
from agents.runtime.verdicts import Change, Judged, Verdict
from contracts.campaigns import CampaignPlan
from ops.errors import CampaignFileError, ResumeError
from ops.mistakes import mistakes
from ops.replays.gist import gist, words
from ops.replays.living import Lived
from ops.replays.telling import as_document, sentence

SHORT_FORMS = {
    "planner": "planner.strategy",
    "trust": "trust.alpha",
    "budget": "budget.max_samples",
    "goal": "goal.lattice",
}
"""What a section by itself stands for."""
SHOWN = 8
"""Changed decisions that are told in words."""


class Outcome(StrEnum):
    """What another plan does to a decision."""

    SAME = "the same"
    DETAIL = "other in detail"
    CHANGED = "changed"
    LED_SAME = "led here by a change, the same"
    LED_OTHER = "led here by a change, other"


@dataclass(frozen=True)
class Fork:
    """Another plan, from some place on."""

    change: Change
    values: tuple[tuple[str, Any, Any], ...]
    """Key, value in the recorded plan, value instead."""


def fork(past: Past, changes: Sequence[str], since: int) -> Fork:
    """The plan of a past with changes.

    Args:
        past: what happened.
        changes: ``section.key=value``, the value as in a campaign file.
        since: place from which the changes hold.

    Raises:
        ResumeError: the past has no plan.
        CampaignFileError: a change is none, or the plan could not be used.
    """
    if past.started is None:
        raise ResumeError("Expected a campaign that has started, got a log without a plan: there is nothing to change.")
    plan = past.started.plan
    document = plan.model_dump(mode="json")
    values = []
    for text in changes:
        key, sign, value = text.partition("=")
        key = SHORT_FORMS.get(key.strip(), key.strip())
        *sections, last = key.split(".")
        if not sign or not sections:
            short = ", ".join(f"{k}=… for {v}" for k, v in SHORT_FORMS.items())
            raise CampaignFileError(f"Expected --what-if section.key=value (or {short}), got {text!r}.")
        place = document
        for section in sections:
            if not isinstance(place.get(section), dict):
                there = ", ".join(name for name, inner in place.items() if isinstance(inner, dict))
                raise CampaignFileError(f"Expected a section of the plan ({there}) in --what-if {text}, got {section}.")
            place = place[section]
        values.append((key, place.get(last), _value(value.strip())))
        place[last] = values[-1][2]
    try:
        other = CampaignPlan.model_validate(document)
    except ValidationError as error:
        raise CampaignFileError(f"Expected a plan after --what-if, got {mistakes(error, CampaignPlan)}.") from error
    return Fork(Change(other, since), tuple(values))


def _value(text: str) -> Any:
    """A value as TOML writes it; a bare word is a word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def outcomes(lived: Lived) -> Iterator[tuple[Judged, Outcome]]:
    """What the other plan does to each decision, in the order in which they are made."""
    past, replayed = lived.past, lived.replayed
    folded_by: dict[str, set[str]] = defaultdict(set)
    for agent in CREW:
        for kind in agent.fold_table:
            folded_by[kind.kind].add(agent.name)
    made: dict[int, list[Judged]] = defaultdict(list)
    for judged in (*replayed.same, *replayed.differences):
        made[judged.cause.sequence if judged.cause else judged.place].append(judged)
    led_to: set[int] = set()
    swayed: set[str] = set()
    for entry in past.entries:
        if entry.sequence in led_to:
            swayed |= folded_by[entry.kind]
        for judged in made.get(entry.sequence, ()):
            outcome = _outcome(judged, led=entry.sequence in led_to or judged.agent in swayed)
            if outcome not in (Outcome.SAME, Outcome.DETAIL) and judged.recorded is not None:
                led_to.add(judged.recorded.sequence)
            yield judged, outcome


def _outcome(judged: Judged, *, led: bool) -> Outcome:
    same = judged.verdict is Verdict.SAME
    if led:
        return Outcome.LED_SAME if same else Outcome.LED_OTHER
    if same:
        return Outcome.SAME
    if judged.verdict is Verdict.OTHER and judged.recorded is not None and judged.remade is not None:
        then, now = judged.recorded.recorded().envelope.data, judged.remade.data
        if gist(then) == gist(now):
            return Outcome.DETAIL
    return Outcome.CHANGED


def _in_words(judged: Judged) -> tuple[str, str]:
    then = words(judged.recorded.recorded().envelope.data) if judged.recorded else "nothing"
    now = words(judged.remade.data) if judged.remade else judged.words or "nothing"
    return then, now


def tell_fork(lived: Lived, made_fork: Fork, *, as_json: bool) -> None:
    """Tells which decisions another plan changes."""
    rows: dict[tuple[str, str], Counter[Outcome]] = defaultdict(Counter)
    first: list[Judged] = []
    for judged, outcome in outcomes(lived):
        told = judged.recorded.kind if judged.recorded else judged.remade.type if judged.remade else "nothing"
        rows[judged.agent, told][outcome] += 1
        if outcome is Outcome.CHANGED and len(first) < SHOWN:
            first.append(judged)
    total: Counter[Outcome] = sum(rows.values(), Counter())
    if as_json:
        document = {
            "campaign": lived.past.campaign,
            "events": lived.replayed.events,
            "what_if": {key: {"from": old, "to": new} for key, old, new in made_fork.values},
            "since": made_fork.change.since,
            "decisions": total.total(),
            **{outcome.name.lower(): total[outcome] for outcome in Outcome},
            "by_kind": [
                {"agent": agent, "kind": kind, **{outcome.name.lower(): row[outcome] for outcome in Outcome}}
                for (agent, kind), row in rows.items()
            ],
            "first": [
                as_document(judged, lived.fetch) | {"then": then, "now": now}
                for judged in first
                for then, now in [_in_words(judged)]
            ],
            "unfinished": len(lived.replayed.unfinished),
            "not_compared": dict(lived.replayed.uncompared),
        }
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    console = Console()
    for key, old, new in made_fork.values:
        console.print(f"what if {key} = {new!r} instead of {old!r}, from #{made_fork.change.since} on", highlight=False)
    table = Table("agent", "decision", *(outcome.value for outcome in Outcome), box=None)
    for (agent, kind), row in rows.items():
        table.add_row(agent, kind, *(str(row[outcome] or "") for outcome in Outcome))
    console.print(table)
    for judged in first:
        then, now = _in_words(judged)
        console.print(sentence(judged), style="yellow", markup=False, soft_wrap=True)
        console.print(f"  then  {then}\n  now   {now}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{total[Outcome.CHANGED]} of {total.total()} decisions change, {total[Outcome.DETAIL]} in detail only; "
        f"{total[Outcome.LED_SAME] + total[Outcome.LED_OTHER]} more were led there by a change, and of those "
        f"{total[Outcome.LED_OTHER]} differ upon the recorded events. Nothing was done, and nothing was written."
    )
