"""`[instruments]`: what there is to work with, and who plays each of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from contracts.campaigns import Furnace, ScanSettings, Standard
from ops.questions.pages import Page, as_number, brief

STATIONS = {
    "furnace": ("capacity", "calibration_interval_days", "max_deviation"),
    "diffractometer": ("scan", "standard", "standard_interval_days", "library", "elements"),
    "meter": ("minutes", "reference", "reference_interval_days"),
    "bench": (),
    "reviewer": (),
}
"""Kind of instrument → what a campaign says of it, whoever plays it."""
NUMBERS = ("calibration_interval_days", "max_deviation", "standard_interval_days", "minutes", "reference_interval_days")
"""What of it is a number that is not negative."""
DRIVERS = {
    "simulated": ("table", "column"),
    "mqtt": ("broker", "broker_port"),
    "file-drop": ("folder",),
    "person": (),
}
"""Driver of the house → the keys that it takes."""
GROUP = "athanor.drivers"
"""Entry points under which packages bring drivers."""
_PYTHON = re.compile(r"python:[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Player:
    """An instrument, and who plays it."""

    name: str
    kind: str
    driver: str
    station: dict[str, Any]
    """What a campaign says of it, whoever plays it."""
    keys: dict[str, Any]
    """What its driver is told."""

    @property
    def simulated(self) -> bool:
        """Whether it is known to be played by a simulation."""
        return self.driver == "simulated"


def players_in(page: Page) -> list[Player]:
    """The instruments of a file."""
    found = [p for name in page.names() if (p := _player(page.page(name), name)) is not None]
    if not found:
        page.wrong("", "expected at least one instrument, got none")
    return found


def _player(page: Page, name: str) -> Player | None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        page.wrong("", "expected a name of 1 to 64 letters, digits, - and _")
    kind, driver = page.text("kind"), page.text("driver", "simulated")
    if kind not in STATIONS:
        page.wrong("kind", f"expected one of {', '.join(STATIONS)}, got {kind!r}")
        return None
    known = {**DRIVERS, **{point.name: None for point in metadata.entry_points(group=GROUP)}}
    if driver not in known and not _PYTHON.fullmatch(driver):
        page.wrong("driver", f"expected one of {', '.join(known)}, or python:module:Class, got {driver!r}")
        return None
    station = {key: value for key in STATIONS[kind] if (value := page.take(key)) is not None}
    _check(page, kind, station)
    takes = known.get(driver)
    keys = dict(page.rest()) if takes is None else {k: v for k in takes if (v := page.take(k)) is not None}
    page.done()
    return Player(name, kind, driver, station, keys)


def _check(page: Page, kind: str, station: dict[str, Any]) -> None:
    """What is said of a station is what can be said of it."""
    for key in NUMBERS:
        if key in station and ((number := as_number(station[key])) is None or number < 0):
            page.wrong(key, f"expected a number that is not negative, got {brief(station[key])}")
    if kind == "furnace":
        page.made("", lambda: Furnace.model_validate({"name": "furnace", "capacity": station.get("capacity", 1)}))
    elif kind == "diffractometer":
        if "scan" in station:
            page.made("scan", lambda: ScanSettings.model_validate(station["scan"]))
        standards = [standard.value for standard in Standard]
        if station.get("standard", "") not in standards:
            known = ", ".join(repr(standard) for standard in standards)
            page.wrong("standard", f"expected one of {known}, got {brief(station['standard'])}")
