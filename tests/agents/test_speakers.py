"""What agents may say is what their code says: the grants of the broker follow from it."""

from __future__ import annotations

import ast
from pathlib import Path

import agents
from agents.crew import CREW
from agents.speakers import AGENTS, OTHERS
from contracts.catalogue import kinds

ROOT = Path(agents.__file__).parent
NAMES = {kind.__name__: kind for kind in kinds()}
FILES = {
    "synthesis_robot": ("synthesis_robot", "calibrating"),
    "xrd_analyser": ("xrd_analyser", "measuring", "triaging", "instrument_check"),
    "retrainer": ("retrainer", "labels"),
}
"""Agents whose events are made in more than one file."""


def made_in(*paths: Path) -> set[type]:
    """Kinds of events that are made in these files."""
    calls = [n for p in paths for n in ast.walk(ast.parse(p.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    return {NAMES[c.func.id] for c in calls if isinstance(c.func, ast.Name) and c.func.id in NAMES}


def test_every_agent_may_say_what_its_code_says_and_no_more() -> None:
    """A kind that an agent's code makes and may not say, or may say and never makes, is a mistake here."""
    for name, says in AGENTS.items():
        files = [ROOT / f"{stem}.py" for stem in FILES.get(name, (name,))]
        assert set(says) == made_in(*files), name
        assert len(set(says)) == len(says)


def test_no_agent_is_forgotten() -> None:
    """Every agent of the crew has its grants, and nothing else in this folder makes events."""
    assert tuple(AGENTS) == tuple(agent.name for agent in CREW)
    known = {stem for name in AGENTS for stem in FILES.get(name, (name,))}
    assert not {p.stem for p in ROOT.glob("*.py") if made_in(p)} - known


def test_no_kind_belongs_to_nobody() -> None:
    """Every kind of the catalogue can be said by somebody, or the lab would have words that nobody may use."""
    from agents.speakers import EVERYBODY

    said = {kind for says in (*AGENTS.values(), *OTHERS.values(), EVERYBODY) for kind in says}
    assert said == set(NAMES.values())
