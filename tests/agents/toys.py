"""Small agents that show one thing each, over events of the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from pydantic import Field

from agents.agent import Agent, folds, on
from agents.memory import Memory
from contracts.campaigns import CampaignPaused, CampaignResumed
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost

MINUTE = timedelta(minutes=1)


def lost(n: int, reason: str = "dropped") -> SampleLost:
    """The n-th lost sample."""
    return SampleLost(sample_id=f"c-{n}-v1", candidate_id=f"c-{n}", run_id="r-1", reason=reason)


def decided(n: int, reason: str) -> ReviewDecided:
    """The n-th answer."""
    return ReviewDecided(
        review_id=f"q-{n}", candidate_id=f"c-{n}", approved=True, reviewer="toy", simulated=True, reason=reason
    )


class Notes(Memory):
    heard: list[str] = Field(default_factory=list)


class Splitter(Agent[Notes]):
    """Makes three of one, with dice."""

    name = "splitter"

    def __init__(self) -> None:
        super().__init__(Notes())

    @folds(ReviewDecided)
    def note(self, event: ReviewDecided) -> None:
        self.memory.heard.append(event.candidate_id)

    @on(CampaignPaused)
    async def split(self, event):
        for n in range(3):
            yield lost(n, f"{event.reason} {self.rng.integers(1000)} after {len(self.memory.heard)}")


class Waiter(Agent[Notes]):
    """Works for minutes on each, and goes on listening."""

    name = "waiter"

    def __init__(self, minutes: Callable[[int], int] = lambda n: 30 - 10 * n) -> None:
        super().__init__(Notes())
        self.minutes = minutes

    @folds(SampleLost)
    def note(self, event: SampleLost) -> None:
        self.memory.heard.append(event.sample_id)

    @on(SampleLost, long=True)
    async def work(self, event):
        n, begun = int(event.candidate_id.removeprefix("c-")), self.now
        yield decided(10 * n, f"begun with {len(self.memory.heard)} heard")
        await self.bench.wait_until(begun + self.minutes(n) * MINUTE)
        yield decided(10 * n + 1, event.reason)


class Counting(Agent[Notes]):
    """Says how much it has heard, each time."""

    name = "counting"

    def __init__(self) -> None:
        super().__init__(Notes())

    @folds(ReviewDecided)
    def note(self, event: ReviewDecided) -> None:
        self.memory.heard.append(event.reason)

    @on(ReviewDecided)
    async def count(self, event):
        yield CampaignResumed(reason=f"{event.review_id}: {len(self.memory.heard)}")
        yield CampaignResumed(reason=f"{self.rng.integers(1000)} at {self.now}")


class Stumbling(Agent[Notes]):
    """Raises as often as it is told to, after it has said something."""

    name = "stumbling"

    def __init__(self, raises: Counter[str]) -> None:
        super().__init__(Notes())
        self.raises = raises
        self.seen: list[tuple[str, ...]] = []

    @on(SampleLost)
    async def stumble(self, event):
        self.seen.append(tuple(told.reason for told in self.told))
        yield CampaignResumed(reason=f"before {event.sample_id}")
        if self.raises[event.sample_id] > 0:
            self.raises[event.sample_id] -= 1
            raise ValueError(f"no good: {event.sample_id}")
        yield CampaignResumed(reason=f"after {event.sample_id}")


class LateReader(Agent[Notes]):
    """Says what it remembers at first, and what it remembers when it has waited."""

    name = "late_reader"

    def __init__(self) -> None:
        super().__init__(Notes())

    @folds(SampleLost)
    def note(self, event: SampleLost) -> None:
        self.memory.heard.append(event.sample_id)

    @on(SampleLost, long=True)
    async def work(self, event):
        n = int(event.candidate_id.removeprefix("c-"))
        yield decided(10 * n, f"{len(self.memory.heard)} heard")
        await self.bench.wait_until(self.now + 30 * MINUTE)
        yield decided(10 * n + 1, f"{len(self.memory.heard)} heard")
