"""Every kind@version and the class that tells it today."""

from __future__ import annotations

from types import MappingProxyType

from contracts import (
    campaigns,
    diffraction,
    learning,
    planning,
    presence,
    review,
    scheduling,
    synthesis,
    trust,
)
from contracts.errors import CatalogueError, FutureVersionError, UnknownKindError
from contracts.event import Event

CONVERSATIONS = (
    campaigns,
    planning,
    trust,
    review,
    scheduling,
    synthesis,
    diffraction,
    learning,
    presence,
)
"""The modules of events, in the order in which a sample meets them."""


def _gather() -> dict[str, type[Event]]:
    found: dict[str, type[Event]] = {}
    for module in CONVERSATIONS:
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, Event)) or value.__module__ != module.__name__:
                continue
            if value.kind in found:
                first, second = found[value.kind].__name__, value.__name__
                raise CatalogueError(f"Expected one class for {value.kind}, got {first} and {second}.")
            found[value.kind] = value
    return found


CATALOGUE = MappingProxyType(_gather())
"""Kind → the class of its newest version."""


def kinds() -> tuple[type[Event], ...]:
    """The newest version of every kind, in the order of the ring."""
    return tuple(CATALOGUE.values())


def event_class(kind: str, version: int) -> type[Event]:
    """The class that today tells events of that kind; older versions are upcast to it.

    Raises:
        UnknownKindError: no class is filed under `kind`.
        FutureVersionError: `version` is newer than the newest that is known.
    """
    try:
        newest = CATALOGUE[kind]
    except KeyError:
        raise UnknownKindError(kind) from None
    if version > newest.version:
        raise FutureVersionError(kind, version, newest.version)
    return newest
