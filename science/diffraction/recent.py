"""Answers that were worked out a moment ago, kept so that the same question is not worked out again.

A search comes back to the same phases in the same instrument over and over: each candidate is tried beside those that
are there already, each of which is then left out in turn. Nothing that is asked here is ever changed in place, so an
answer is known again by the very objects and the exact numbers that it was worked out of.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Recent(Generic[Answer]):
    """The latest answers to questions about one pattern."""

    def __init__(self, most: int) -> None:
        """Args: how many answers are kept."""
        self.most = most
        self._kept: dict[Hashable, tuple[tuple[object, ...], Answer]] = {}

    def __len__(self) -> int:
        """How many answers are kept now."""
        return len(self._kept)

    def answer(self, of: tuple[object, ...], numbers: Hashable, work_out: Callable[[], Answer]) -> Answer:
        """The answer, worked out only if it is not among the latest.

        Args:
            of: what the question is about; known by being the same objects, which are kept as long as the answer is.
            numbers: the rest of the question; known by being equal.
            work_out: finds the answer.
        """
        question = (*map(id, of), numbers)
        known = self._kept.pop(question, None)
        if known is None:
            known = of, work_out()
        self._kept[question] = known  # as the latest
        if len(self._kept) > self.most:
            del self._kept[next(iter(self._kept))]
        return known[1]
