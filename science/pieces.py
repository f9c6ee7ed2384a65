"""A heavy task told as rounds of pieces, so that several processors can share it: no piece needs another of its round.

Who runs a task need not know: called, it does its pieces one after another. The numbers are the same to the last bit
either way, because the pieces are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Piece:
    """A call: what, and of what."""

    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def outcome(self) -> Any:
        """Its result, or the error that it ended in."""
        try:
            return self.fn(*self.args, **self.kwargs)
        except Exception as error:  # noqa: BLE001  the round is told, and raises it in its own order
            return error


Rounds = Generator[tuple[Piece, ...], tuple[Any, ...], R]
"""Yields the pieces of each round, is sent their outcomes in that order, and returns the result of the task."""


def whole(outcomes: Sequence[Any]) -> tuple[Any, ...]:
    """Outcomes of which none is an error; the first that is one is raised."""
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return tuple(outcomes)


class Divisible(Generic[P, R]):
    """A task that can be shared; called, it is done in one place."""

    __name__: str

    def __init__(self, rounds: Callable[P, Rounds[R]]) -> None:
        """Args: what makes the rounds; quick, because it is not among what is shared."""
        self.rounds = rounds
        update_wrapper(self, rounds)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Does all pieces, one after another."""
        rounds = self.rounds(*args, **kwargs)
        try:
            pieces = next(rounds)
            while True:
                pieces = rounds.send(tuple(piece.outcome() for piece in pieces))
        except StopIteration as done:
            result: R = done.value
            return result

    def __reduce__(self) -> str:
        """Pickled by name, as a function is."""
        return self.__name__
