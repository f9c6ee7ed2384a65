"""The folder names are import names: nobody else owns one, and help is printed without a heavy library."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("agents", "bus", "contracts", "science", "simulators", "ops")
DISTRIBUTION = "athanor-lab"
HEAVY = (
    "torch", "pymatgen", "nats", "numpy", "botorch", "gpytorch", "mapie", "sklearn", "scipy", "pandas",
    "opentelemetry", "structlog", "prometheus_client", "starlette",
)  # fmt: skip


def owners(names: tuple[str, ...], installed: dict[str, list[str]]) -> dict[str, set[str]]:
    """Import name → distributions other than ours that own it.

    Args:
        names: the import names to look up.
        installed: top-level import name → distributions that bring it.
    """
    ours = DISTRIBUTION.replace("-", "_")
    return {
        name: strangers
        for name in names
        if (strangers := {d for d in installed.get(name, ()) if d.lower().replace("-", "_") != ours})
    }


def top_levels() -> dict[str, list[str]]:
    """Top-level import name → distributions, read off what each distribution has installed."""
    found: dict[str, list[str]] = {name: list(owner) for name, owner in metadata.packages_distributions().items()}
    for distribution in metadata.distributions():
        for file in distribution.files or ():
            head = file.parts[0].removesuffix(".py")
            if file.suffix == ".py" and head in OURS:
                found.setdefault(head, []).append(distribution.metadata["Name"])
    return found


def test_no_stranger_owns_one_of_our_names() -> None:
    """No installed distribution brings a top-level module of the same name as one of our folders."""
    installed = top_levels()
    assert len(installed) > 50, "what is installed can be read"
    assert owners(OURS, installed) == {}


@pytest.mark.parametrize("name", OURS)
def test_our_names_lead_to_our_folders(name: str) -> None:
    """What is imported under a name of ours lies in this tree."""
    found = util.find_spec(name)
    assert found is not None
    assert [Path(place).resolve() for place in found.submodule_search_locations or ()] == [ROOT / name]


def test_a_stranger_is_noticed() -> None:
    """The check can fail; our own distribution, however it is spelt, is no stranger."""
    installed = {"agents": ["athanor_lab", "openai-agents"], "bus": ["Athanor-Lab"], "numpy": ["numpy"]}
    assert owners(OURS, installed) == {"agents": {"openai-agents"}}


def loaded_by(statement: str) -> set[str]:
    """Heavy libraries that a fresh Python has loaded after a statement."""
    program = (
        f"import contextlib, io, json, sys\n"
        f"with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.suppress(SystemExit):\n"
        f"    {statement}\n"
        f"print(json.dumps([sorted({{m.partition('.')[0] for m in sys.modules}}), told.getvalue()]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    modules, told = json.loads(done.stdout)
    if "--help" in statement:
        assert "Runs an autonomous materials laboratory" in told, "the help was really printed"
    return set(modules) & set(HEAVY)


@pytest.mark.parametrize(
    "statement",
    ["import ops.cli", "sys.argv = ['athanor', '--help']; from ops.cli import main; main()"],
    ids=["import ops.cli", "athanor --help"],
)
def test_help_comes_without_a_heavy_library(statement: str) -> None:
    """Neither importing the command nor asking it for help loads what only a campaign needs."""
    assert loaded_by(statement) == set()


def test_a_heavy_library_is_noticed() -> None:
    """The check can fail."""
    assert "numpy" in loaded_by("import numpy")
