"""A moment of a sample's life: what happened, when, for how long and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from contracts.event import Event
from ops.asking.wording import span


class Tone(StrEnum):
    """How a moment stands to what was hoped for."""

    PLAIN = "plain"
    GOOD = "good"
    DOUBT = "doubt"
    BAD = "bad"


@dataclass(frozen=True)
class Heard:
    """An event of a life, with its place.

    Attributes:
        seq: place in the log.
        time: on the lab's clock.
        event: what it says.
    """

    seq: int
    time: datetime
    event: Event


@dataclass(frozen=True)
class Moment:
    """Something that happened to a sample.

    Attributes:
        seq: where it stands in the log.
        began: when, on the lab's clock.
        ended: when it was over, if it took time.
        what: in a word: ``proposed``, ``fire``.
        told: what was done, in a line.
        details: numbers and reasons behind it.
        tone: how it stands to what was hoped for.
        step: whether it is one step of making or measuring rather than a turn of its life.
    """

    seq: int
    began: datetime
    ended: datetime | None
    what: str
    told: str
    details: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN
    step: bool = False

    @property
    def took(self) -> timedelta | None:
        """How long it took."""
        return self.ended - self.began if self.ended is not None else None

    def document(self) -> dict[str, Any]:
        """The moment as JSON."""
        return {
            "seq": self.seq,
            "time": self.began.isoformat().replace("+00:00", "Z"),
            "ended": self.ended.isoformat().replace("+00:00", "Z") if self.ended is not None else None,
            "hours": round(self.took.total_seconds() / 3600, 4) if self.took is not None else None,
            "what": self.what,
            "told": self.told,
            "details": list(self.details),
            "tone": self.tone.value,
        }


def lasted(told: list[Moment]) -> str:
    """From the first moment to the last."""
    return span(max(m.ended or m.began for m in told) - min(m.began for m in told)) if told else ""
