"""NATS subjects: ``lab.<campaign>.<topic>.<fact>``, and where dead letters go."""

from __future__ import annotations

from collections.abc import Collection

from contracts.event import Event
from contracts.presence import SpeakersListed

ROOT = "lab"
ALL = f"{ROOT}.>"
EVERY_ROLL = f"{ROOT}.*.{SpeakersListed.kind}"
"""Where the rolls of all campaigns are published."""


def subject_of(campaign: str, kind: str) -> str:
    """Where events of that kind are published."""
    return f"{ROOT}.{campaign}.{kind}"


def filters(campaign: str, kinds: Collection[type[Event]]) -> list[str]:
    """Subjects of these kinds, sorted."""
    return sorted(subject_of(campaign, kind.kind) for kind in kinds)


def campaign_filter(campaign: str) -> str:
    """Everything of one campaign."""
    return f"{ROOT}.{campaign}.>"


def dead_letters(campaign: str, durable: str) -> str:
    """Where messages go that a durable consumer could not work on."""
    return f"{ROOT}.{campaign}.dead.{durable}"


def is_dead_letter(subject: str) -> bool:
    """Whether a subject holds dead letters."""
    parts = subject.split(".")
    return len(parts) > 2 and parts[2] == "dead"
