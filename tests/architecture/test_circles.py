"""The import rules of `make lint` see what they are there for: circles, and agents that reach for the bus.

Each rule is read from where `make lint` reads it, and put to the house as it stands with one import more.
"""

from __future__ import annotations

import tomllib
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from grimp import ImportGraph, build_graph
from importlinter.configuration import configure
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.contract import Contract

ROOT = Path(__file__).parents[2]
KINDS: dict[str, type[Contract]] = {"acyclic_siblings": AcyclicSiblingsContract, "protected": ProtectedContract}
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
ROOMS: list[str] = SETTINGS["root_packages"]


@cache
def _house() -> ImportGraph:
    configure()
    return build_graph(*ROOMS, cache_dir=None)


def house() -> ImportGraph:
    """All our modules and what they import, to be changed at will."""
    return deepcopy(_house())


def broken(graph: ImportGraph, kind: str) -> set[str]:
    """Names of the rules of a kind that a house does not keep."""
    rules = [rule for rule in SETTINGS["contracts"] if rule["type"] == kind]
    assert rules
    return {rule["name"] for rule in rules if not KINDS[kind](rule["name"], SETTINGS, rule).check(graph, False).kept}


def of_itself(graph: ImportGraph) -> set[tuple[str, str]]:
    """Modules that import a package in which they lie: a circle, and not one of siblings."""
    return {
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if module.startswith(f"{imported}.")
    }


def test_the_house_has_no_import_circle() -> None:
    """No module and no room leads back to itself by its imports, those in functions and for types included."""
    assert broken(house(), "acyclic_siblings") == set()
    assert of_itself(house()) == set()


@pytest.mark.parametrize("room", ROOMS)
def test_an_import_that_closes_a_circle_is_noticed_in_each_room(room: str) -> None:
    """The rule fails if one of two modules of a room that import each other one way does so the other way, too."""
    graph = house()
    importer, imported = min(
        (module, other)
        for module in graph.find_descendants(room)
        for other in graph.find_modules_directly_imported_by(module)
        if other.startswith(f"{room}.") and module.rpartition(".")[0] == other.rpartition(".")[0]
    )
    graph.add_import(importer=imported, imported=importer)
    assert len(broken(graph, "acyclic_siblings")) == 1


def test_a_circle_of_rooms_is_noticed_where_no_module_imports_itself() -> None:
    """Two rooms that need each other, each by another of its modules, are a circle, too."""
    graph = house()
    formulas, checks = "science.crystals.formula", "science.constraints.checks"
    assert {formulas, checks} <= graph.modules
    assert not graph.chain_exists(importer=checks, imported=formulas)
    graph.add_import(importer=formulas, imported=checks)
    assert len(broken(graph, "acyclic_siblings")) == 1


def test_a_module_that_imports_its_own_package_is_noticed() -> None:
    """The check can fail."""
    graph = house()
    graph.add_import(importer="agents.runtime.seats", imported="agents.runtime")
    assert of_itself(graph) == {("agents.runtime.seats", "agents.runtime")}


@pytest.mark.parametrize(
    ("importer", "imported"),
    [("agents.forethought", "bus.protocol"), ("agents.newcomer", "bus"), ("agents.newcomer", "agents.runtime.lab")],
)
def test_whoever_is_no_runtime_and_reaches_for_the_bus_is_noticed(importer: str, imported: str) -> None:
    """An agent's module may import neither the bus nor the runtime, though no list names it."""
    graph = house()
    assert broken(graph, "protected") == set()
    graph.add_module(importer)
    graph.add_import(importer=importer, imported=imported)
    assert len(broken(graph, "protected")) == 1
