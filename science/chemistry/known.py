"""The chemistries that are known, by name: those of the house, and those that installed packages bring.

Names are told without loading anything; a chemistry is loaded when it is asked for. A package brings one by an entry
point of the group ``athanor.chemistries``: its name, and where its `Chemistry` lies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

from science.chemistry.errors import UnknownChemistryError

if TYPE_CHECKING:
    from science.chemistry.chemistry import Chemistry

GROUP = "athanor.chemistries"
"""Entry points under which packages bring chemistries."""
ASSUMED = "perovskite"
"""What all campaigns are about, as long as plans name no chemistry."""


def _perovskite() -> Chemistry:
    from science.chemistry.perovskite.chemistry import PEROVSKITE

    return PEROVSKITE


def _nothing() -> Chemistry:
    from science.chemistry.nothing import NOTHING

    return NOTHING


CHEMISTRIES: Mapping[str, Callable[[], Chemistry]] = {"perovskite": _perovskite, "none": _nothing}
"""Those of the house, and how each is loaded."""


def names() -> tuple[str, ...]:
    """All that can be asked for.

    Raises:
        UnknownChemistryError: a package brings a name that is taken.
    """
    return tuple(sorted({*CHEMISTRIES, *_brought()}))


@cache
def chemistry(name: str) -> Chemistry:
    """The chemistry of that name.

    Raises:
        UnknownChemistryError: there is none, or what a package brings under it is none.
    """
    if name in CHEMISTRIES:
        return CHEMISTRIES[name]()
    if (point := _brought().get(name)) is None:
        raise UnknownChemistryError(f"Expected a chemistry ({', '.join(names())}), got {name!r}.")
    return _loaded(point)


def _loaded(point: metadata.EntryPoint) -> Chemistry:
    from science.chemistry.chemistry import Chemistry

    try:
        found = point.load()
    except Exception as error:  # whatever the code of others trips over
        raise UnknownChemistryError(
            f"Expected the chemistry {point.name!r} at {point.value}, got: {error!r}."
        ) from error
    if not isinstance(found, Chemistry) or found.name != point.name:
        what = f"one named {found.name!r}" if isinstance(found, Chemistry) else type(found).__name__
        raise UnknownChemistryError(f"Expected the chemistry {point.name!r} at {point.value}, got {what}.")
    return found


def _brought() -> dict[str, metadata.EntryPoint]:
    """Name → entry point of what installed packages bring."""
    found: dict[str, metadata.EntryPoint] = {}
    for point in metadata.entry_points(group=GROUP):
        if point.name in CHEMISTRIES or found.setdefault(point.name, point) != point:
            raise UnknownChemistryError(
                f"Expected chemistries of different names from installed packages, got {point.name!r} at "
                f"{point.value} though that name is taken. Uninstall one of them."
            )
    return found
