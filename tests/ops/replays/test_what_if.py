"""Another plan: how it is asked for, which decisions it changes, and which it leads elsewhere."""

from __future__ import annotations

import json

import pytest

from agents.runtime.past import Past
from contracts.campaigns import Strategy
from ops.errors import CampaignFileError, ResumeError
from ops.replays.living import Look
from ops.replays.what_if import Fork, Outcome, fork, outcomes, tell_fork
from tests.agents.lab import started
from tests.ops.replays.world import again, lived_through, past_of

PAST = Past(started=started())


# asking -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("trust.alpha=0.05", "trust.alpha", 0.05),
        ("trust = 0.05", "trust.alpha", 0.05),
        ("planner=random", "planner.strategy", Strategy.RANDOM),
        ('planner.strategy="random"', "planner.strategy", Strategy.RANDOM),
        ("budget=7", "budget.max_samples", 7),
        ("space.dwells_h=[4, 8]", "space.dwells_h", (4, 8)),
        ("goal=4.2", "goal.lattice", 4.2),
    ],
)
def test_a_change_is_written_as_in_a_campaign_file(text: str, key: str, value: object) -> None:
    """Dotted keys and TOML values; a section by itself stands for its best known key, a bare word for itself."""
    made = fork(PAST, [text], since=3)
    section, name = key.split(".")
    assert getattr(getattr(made.change.plan, section), name) == value
    assert made.change.since == 3
    assert made.values[0][0] == key


def test_everything_else_of_the_plan_stays() -> None:
    """Two changes change two values."""
    made = fork(PAST, ["trust.alpha=0.05", "trust.ood_percentile=90"], since=1)
    back = made.change.plan.model_copy(update={"trust": PAST.started.plan.trust})
    assert back == PAST.started.plan
    assert made.values == (("trust.alpha", 0.1, 0.05), ("trust.ood_percentile", 95.0, 90))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("trust.alpha", "Expected --what-if section.key=value"),
        ("alpha=0.05", "Expected --what-if section.key=value"),
        ("trust.alfa=0.05", "unknown key trust.alfa"),
        ("trust.alpha=2", "trust.alpha = 2"),
        ("trust.alpha=much", "trust.alpha = 'much'"),
        ("justice.alpha=1", r"Expected a section of the plan \(.*trust.*\)"),
        ("trust.alpha.beta=1", "Expected a section of the plan"),
    ],
)
def test_a_change_that_makes_no_plan_is_refused(text: str, why: str) -> None:
    """The sentence names the key, and what could be asked instead."""
    with pytest.raises(CampaignFileError, match=why):
        fork(PAST, [text], since=1)


def test_a_past_without_a_plan_cannot_be_changed() -> None:
    """A log in which no campaign has started has no plan."""
    with pytest.raises(ResumeError, match="without a plan"):
        fork(Past(), ["trust.alpha=0.05"], since=1)


# what it changes --------------------------------------------------------------------------------------------


async def forked(*changes: str, since: int = 1) -> tuple[list, Fork, object]:
    """Outcomes of a fork."""
    world, lab = await lived_through()
    made = fork(await past_of(lab), changes, since)
    lived = await again(world, lab, Look(change=made.change))
    return list(outcomes(lived)), made, lived


async def test_a_plan_that_is_the_same_changes_nothing() -> None:
    """All decisions are made again, and all are the same."""
    told, _, lived = await forked("trust.alpha=0.1")
    assert {outcome for _, outcome in told} == {Outcome.SAME}
    assert len(told) == lived.replayed.decisions


async def test_a_number_in_the_record_alone_changes_no_decision() -> None:
    """In this world the verdict is drawn without alpha: its records differ in that number, and nothing is led away."""
    told, _, _ = await forked("trust.alpha=0.05")
    assert {outcome for _, outcome in told} == {Outcome.SAME, Outcome.DETAIL}
    assert {judged.agent for judged, outcome in told if outcome is Outcome.DETAIL} == {"trust_auditor"}


async def test_what_follows_a_change_is_marked_as_led_there() -> None:
    """With a smaller budget the planner ends the campaign where it went on: what went on is led there by a change."""
    told, _, _ = await forked("budget=6")
    changed = [judged for judged, outcome in told if outcome is Outcome.CHANGED]
    assert changed[0].agent == "planner"
    assert {judged.remade.type for judged in changed if judged.remade} >= {"campaign.finished"}
    place = changed[0].cause.sequence
    for judged, outcome in told:
        if judged.cause.sequence < place:
            assert outcome in (Outcome.SAME, Outcome.DETAIL)
    led = [judged for judged, outcome in told if outcome in (Outcome.LED_SAME, Outcome.LED_OTHER)]
    assert {judged.agent for judged in led} >= {"trust_auditor", "scheduler", "synthesis_robot", "planner"}


async def test_a_fork_leaves_the_past_before_it() -> None:
    """The same change from the middle on."""
    _, lab = await lived_through()
    middle = len(lab.past()) // 2
    told, _, _ = await forked("trust.alpha=0.05", since=middle)
    other = [judged for judged, outcome in told if outcome is not Outcome.SAME]
    assert other
    assert min(judged.cause.sequence for judged in other) >= middle


async def test_a_fork_is_told_in_numbers_and_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON every decision is counted once; for people the first changes are told, then and now."""
    told, made, lived = await forked("budget=6")
    tell_fork(lived, made, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["what_if"] == {"budget.max_samples": {"from": 12, "to": 6}}
    assert sum(document[outcome.name.lower()] for outcome in Outcome) == document["decisions"] == len(told)
    assert sum(row["changed"] for row in document["by_kind"]) == document["changed"] > 0
    assert any("budget of 6 samples" in first["now"] for first in document["first"])
    tell_fork(lived, made, as_json=False)
    shown = capsys.readouterr().out
    assert "what if budget.max_samples = 6 instead of 12" in shown
    assert "finished with" in shown
