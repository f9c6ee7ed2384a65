"""Tasks that are begun before they are asked for, and found again by what exactly they are."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from itertools import islice
from typing import Any

from science.pieces import Piece

Begin = Callable[[Piece], "Future[Any]"]


class Forethought:
    """What was begun ahead of its turn.

    A task is known by the bytes of its arguments: one that is asked for with anything else, be it a last digit, is
    another task and is done as if nobody had thought of it.
    """

    def __init__(self, most: int) -> None:
        """Args: how many tasks may be under way that nobody has asked for."""
        self.most = most
        self.found = 0
        """How many were asked for in the end."""
        self.begun = 0
        """How many were begun."""
        self._ahead: dict[bytes, Future[Any]] = {}

    def taken(self, piece: Piece) -> Future[Any] | None:
        """A task that is asked for now, if it was begun."""
        if not self._ahead:
            return None
        begun = self._ahead.pop(_name(piece), None)
        if begun is None or begun.cancelled():
            return None
        self.found += 1
        return begun

    def begin(self, coming: Iterable[Piece], begin: Begin) -> None:
        """Begins what is coming, as far as there is room; what is not coming any more is given up.

        Args:
            coming: what will probably be asked for, soonest first.
            begin: hands a task to a worker.
        """
        named = {_name(piece): piece for piece in islice(coming, self.most)}
        for name in self._ahead.keys() - named.keys():
            self._ahead.pop(name).cancel()  # one that runs goes on in vain
        for name, piece in named.items():
            if name not in self._ahead:
                self._ahead[name] = begin(piece)
                self.begun += 1

    def forget(self) -> None:
        """Lets go of everything that was begun."""
        for begun in self._ahead.values():
            begun.cancel()
        self._ahead.clear()


def _name(piece: Piece) -> bytes:
    """What a task is: function and arguments, to the last bit."""
    written = io.BytesIO()
    pickler = pickle.Pickler(written, pickle.HIGHEST_PROTOCOL)
    pickler.fast = True  # equal things are written alike, whether or not they are one object
    pickler.dump((piece.fn, piece.args, sorted(piece.kwargs.items())))
    return hashlib.sha256(written.getvalue()).digest()
