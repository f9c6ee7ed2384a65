"""Answers that people should look at: the most urgent first, so many a day, and none forgotten."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field


class Doubt(BaseModel):
    """One question about an answer."""

    measurement_id: str
    sample_id: str
    priority: float
    question: str


class ReviewQueue(BaseModel):
    """What is asked today and what waits.

    Whether a question is asked is decided when what raised it is folded, so that two that come together cannot both
    take the day's last place.
    """

    day: date | None = None
    """The day that is counted."""
    asked: int = 0
    """Questions asked on that day."""
    waiting: list[Doubt] = Field(default_factory=list)
    """Questions that wait, in the order in which they came."""
    calls: list[Doubt] = Field(default_factory=list)
    """What the latest fold has asked."""
    put_off: list[Doubt] = Field(default_factory=list)
    """What the latest fold has put off."""
    held: dict[str, Doubt] = Field(default_factory=dict)
    """Vial → the question about its last answer, which is asked only if the scan to come shows nothing."""
    waker: str = ""
    """The measurement whose deferral waits for the next day in the name of all; empty where another one does."""
    wakes_on: date | None = None
    """The day that is waited for."""

    def turn(self, day: date, cap: int, doubt: Doubt | None = None) -> None:
        """Takes in a question or a new day, and says what is asked now and what is put off.

        Args:
            day: today.
            cap: questions a day.
            doubt: what has come up, if anything has.
        """
        new_day = self.day is None or day > self.day
        before = list(self.waiting)
        if new_day:
            self.day, self.asked = day, 0
        if doubt is not None:
            self.waiting.append(doubt)
        ranked = sorted(self.waiting, key=lambda d: -d.priority)  # of equals the one that has waited longest
        self.calls = ranked[: max(cap - self.asked, 0)]
        self.asked += len(self.calls)
        self.waiting = [d for d in self.waiting if d not in self.calls]
        self.put_off = [d for d in self.waiting if new_day or d not in before]

    def keep_quiet(self) -> None:
        """The latest fold neither asks nor puts off anything."""
        self.calls, self.put_off = [], []

    def wake(self, measurement: str, day: date) -> None:
        """Of all that wait for a day, the first keeps watch."""
        first = self.wakes_on is None or day > self.wakes_on
        self.waker = measurement if first else ""
        if first:
            self.wakes_on = day
