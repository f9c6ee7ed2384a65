"""A task in pieces comes to the same, whoever does the pieces."""

from __future__ import annotations

import pickle

import pytest

from science.pieces import Divisible, Piece, Rounds, whole


def half(n: int) -> int:
    """A piece; odd numbers have no half."""
    if n % 2:
        raise ValueError(f"Expected an even number, got {n}.")
    return n // 2


@Divisible
def halves(*numbers: int) -> Rounds[int]:
    """Adds up halves, and halves the sum."""
    found = whole((yield tuple(Piece(half, (n,)) for n in numbers)))
    (result,) = whole((yield (Piece(half, kwargs={"n": sum(found)}),)))
    return int(result)


def test_a_task_that_is_called_does_its_pieces_round_by_round() -> None:
    """Results of one round are there in the next, in the order of the pieces."""
    assert halves(4, 8) == 3
    assert (halves.__name__, halves.__doc__) == ("halves", "Adds up halves, and halves the sum.")


def test_the_first_error_in_order_ends_the_task() -> None:
    """Whichever piece failed first in time, the one that stands first is told."""
    with pytest.raises(ValueError, match="got 3"):
        halves(2, 3, 5)
    with pytest.raises(ValueError, match="got 3"):
        halves(2, 4)


def test_a_task_in_pieces_travels_by_its_name() -> None:
    """It can be handed to another process whole, as a plain function can."""
    assert pickle.loads(pickle.dumps(halves)) is halves  # noqa: S301  our own bytes
