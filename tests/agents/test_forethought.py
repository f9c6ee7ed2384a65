"""What was begun ahead is found by what exactly it is, and by nothing less."""

from __future__ import annotations

from concurrent.futures import Future

from agents.forethought import Forethought
from science.pieces import Piece


def noted(*_: object, **__: object) -> None:
    """Something to do."""


class Bench:
    """Begins tasks, and keeps them."""

    def __init__(self) -> None:
        self.begun: list[tuple[Piece, Future[None]]] = []

    def begin(self, piece: Piece) -> Future[None]:
        self.begun.append((piece, Future()))
        return self.begun[-1][1]


def test_a_task_is_found_by_its_arguments_to_the_last_bit() -> None:
    """Equal arguments are found whatever objects they are; a last digit, another name or another function is not."""
    ahead, bench = Forethought(2), Bench()
    word = str(b"BaTi", "ascii")
    ahead.begin([Piece(noted, (0.1 + 0.2, (word, word)), {"b": 1, "a": b"x"})], bench.begin)
    for other in (
        Piece(noted, (0.3, ("BaTi", "BaTi")), {"b": 1, "a": b"x"}),
        Piece(noted, (0.1 + 0.2, ("BaTi", "BaZr")), {"b": 1, "a": b"x"}),
        Piece(print, (0.1 + 0.2, ("BaTi", "BaTi")), {"b": 1, "a": b"x"}),
    ):
        assert ahead.taken(other) is None
    same = Piece(noted, (0.30000000000000004, ("BaTi", str(b"BaTi", "ascii"))), {"a": b"x", "b": 1})
    assert ahead.taken(same) is bench.begun[0][1]
    assert ahead.taken(same) is None, "once"
    assert (ahead.begun, ahead.found) == (1, 1)


def test_only_the_soonest_are_begun_and_each_once() -> None:
    """There is room for two; what is under way already is not begun again, and nothing farther off is looked at."""
    ahead, bench = Forethought(2), Bench()

    def endless():
        n = 0
        while True:
            yield Piece(noted, (n := n + 1,))
            assert n <= 2, "the third is not worked out"

    ahead.begin(endless(), bench.begin)
    ahead.begin(endless(), bench.begin)
    assert [piece.args for piece, _ in bench.begun] == [(1,), (2,)]


def test_what_is_not_coming_any_more_is_given_up() -> None:
    """It is cancelled if nobody has begun it, and never handed out."""
    ahead, bench = Forethought(2), Bench()
    first, second = Piece(noted, (1,)), Piece(noted, (2,))
    ahead.begin([first], bench.begin)
    ahead.begin([second], bench.begin)
    assert bench.begun[0][1].cancelled()
    assert ahead.taken(first) is None
    ahead.forget()
    assert bench.begun[1][1].cancelled()
    assert ahead.taken(second) is None
