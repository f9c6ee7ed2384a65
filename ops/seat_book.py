"""The book of seats, ``DIR/keys/seats.json``: who may speak beside the lab's own people, and what.

It lies where the keys lie, so that the next start of the lab lets them in with the same rights, and the roll in the
log lists them. Public keys stand in it for those whose private ones are kept elsewhere.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from agents.speakers import AGENTS, EVERYBODY, OTHERS
from bus.accounts import FURNACE, NOBODY
from bus.identities import PROVISIONER, READER
from contracts.catalogue import CATALOGUE
from contracts.event import Event, Words
from contracts.identifiers import AgentName
from ops.errors import SeatError

BOOK = "seats.json"
"""File in the folder of keys."""
_RESERVED = frozenset({PROVISIONER, READER, FURNACE, NOBODY, *OTHERS, "voice"})
_HOUSE = frozenset(kind.kind for says in (EVERYBODY, *OTHERS.values()) for kind in says)
"""Kinds that a new seat need not, or must not, ask for: everybody's own presence, and the words of the console."""

_NAME: TypeAdapter[str] = TypeAdapter(AgentName)


class Seat(Words):
    """Somebody who takes part and is not one of the lab's own agents."""

    name: AgentName
    """Who."""
    says: tuple[str, ...]
    """Kinds that may be said, beside everybody's own presence."""
    hears: tuple[str, ...] = ()
    """Kinds that are listened to; anybody may read everything, so this gives no right and takes none."""
    public_key: Annotated[str, StringConstraints(pattern=r"^(U[A-Z2-7]{55})?$")] = ""
    """Where the private key is kept elsewhere; otherwise it lies beside this book."""

    @property
    def kinds(self) -> tuple[type[Event], ...]:
        """The classes of what may be said."""
        return tuple(CATALOGUE[kind] for kind in self.says)


class _Book(Words):
    format: Literal[1] = 1
    seats: tuple[Seat, ...] = Field(default=())


def read_seats(keys: Path) -> tuple[Seat, ...]:
    """The seats in a folder of keys; none without a book.

    Raises:
        SeatError: the book cannot be used.
    """
    path = keys / BOOK
    try:
        seats = _Book.model_validate_json(path.read_bytes()).seats
        for seat in seats:
            checked_name(seat.name)
            checked_kinds(seat.says)
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError, SeatError) as error:
        words = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise SeatError(
            f"Expected a book of seats in {path}, got: {words} Mend it, or move it away and make the seats anew with "
            "athanor agent new; a seat that is not in it is not let in."
        ) from error
    return seats


def keep_seat(keys: Path, seat: Seat) -> None:
    """Writes a seat into the book of a folder of keys, in place of any of its name.

    Raises:
        SeatError: the book cannot be used, or not written.
    """
    seats = sorted([*(s for s in read_seats(keys) if s.name != seat.name), seat], key=lambda s: s.name)
    part = keys / f"{BOOK}.part"
    try:
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        with part.open("wb") as file:
            file.write(_Book(seats=tuple(seats)).model_dump_json(indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.rename(keys / BOOK)
    except OSError as error:
        raise SeatError(f"Expected to write the book of seats in {keys}, got: {error}. Make room, or leave.") from error


def checked_name(name: str) -> str:
    """A name that an agent may have.

    Raises:
        SeatError: it is none.
    """
    try:
        _NAME.validate_python(name)
    except ValidationError:
        raise SeatError(
            f"Expected a name of 1 to 64 letters, digits, _ and - that begins with a letter or digit, got {name!r}."
        ) from None
    if name in _RESERVED:
        raise SeatError(
            f"Expected a name that the house does not use itself, got {name!r}. Taken are "
            f"{', '.join(sorted(_RESERVED))}; the agents' own ({', '.join(AGENTS)}) may be taken over."
        )
    return name


def checked_kinds(names: Collection[str], *, free: bool = False) -> tuple[str, ...]:
    """Kinds of the catalogue, each once, in the order given.

    Args:
        names: what was asked for.
        free: whether kinds of the house may be among them, as with what is only heard.

    Raises:
        SeatError: one is none, or not to be said by strangers.
    """
    for name in names:
        if name not in CATALOGUE:
            near = difflib.get_close_matches(name, CATALOGUE, n=3, cutoff=0.5)
            hint = f"Did you mean {', '.join(near)}?" if near else "athanor catalogue lists all of them."
            raise SeatError(f"Expected a kind of the catalogue, got {name!r}. {hint}")
        if name in _HOUSE and not free:
            raise SeatError(
                f"Expected kinds that an agent decides on, got {name}. Everybody may tell of his own presence, and the "
                "console's words are the operator's. Leave it out."
            )
    return tuple(dict.fromkeys(names))
