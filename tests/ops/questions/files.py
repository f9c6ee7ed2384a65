"""Campaign files as people write them."""

from __future__ import annotations

from pathlib import Path

PEROVSKITE = """
name = "bso-match"
title = "A cubic perovskite with the lattice of BaSnO3"
chemistry = "perovskite"
family = "b-site majority"
route = "solid-state"

[space.composition]
formula = "A B O3"
A = { Ca = 2, Sr = 2, Ba = 2 }
B = { Ti = 4, Zr = 4, Sn = 4, Hf = 4 }
O = -2
parts = 12
max_species = 3
[space.settings]
temperature = { levels = [1000, 1050, 1100], unit = "Cel", shared = true }
dwell = { levels = [4, 8, 12], unit = "h", scale = "log", shared = true }
vessel = { choice = ["alumina", "Pt"] }
[constraints]
neutral = true
between = { "tolerance factor" = [0.96, 1.04] }
most = { Sn = 0.10 }
rules = ["vessel chemistry"]
[properties.lattice]
unit = "Angstrom"
symbol = "a"
digits = 4
from = "xrd-1"
read = "pseudo-cubic"
max_width = 0.04
[properties.phase_fraction]
from = "xrd-1"
read = "share"
[objective]
target.lattice = { at = 4.116, width = 0.010, within = 0.003 }
ramp.phase_fraction = { zero = 0.5, one = 1.0, at_least = 0.95 }
[budget]
max_samples = 48
[instruments]
furnace-1 = { kind = "furnace", capacity = 4, driver = "simulated" }
xrd-1 = { kind = "diffractometer", driver = "simulated", scan = { start = 15, stop = 90, step = 0.02, seconds_per_step = 0.5 } }
"""  # noqa: E501  as somebody wrote it
TABLE = """
name = "barrel"
title = "The toughest barrel"
[space.composition]
table = "barrels.csv"
columns = ["n", "theta"]
[properties.toughness]
unit = "J"
from = "meter-1"
[objective]
maximise = "toughness"
[planner]
initial = 6
batch = 1
[budget]
max_samples = 60
[instruments]
meter-1 = { kind = "meter", driver = "simulated", table = "barrels.csv" }
"""
BARRELS = "n,theta,toughness\n6,0,1.1\n6,0,1.2\n8,25,3.5\n8,50,4.5\n"
ALLOY = """
name = "ni-co-cr"
chemistry = "none"
[space.composition]
simplex = ["Ni", "Co", "Cr"]
parts = 100
[space.settings]
anneal = { range = [700, 1200], unit = "Cel" }
[constraints]
linear = [{ of = { Cr = 1 }, at_most = 0.4 }]
[properties.hardness]
unit = "HV"
from = "tester"
repeats = 5
max_width = 60
[objective]
maximise = "hardness"
[budget]
max_samples = 30
euro = 2500
[prices]
sample = 12.0
hour = { tester = 18.0 }
[instruments]
bench = { kind = "bench", driver = "person" }
tester = { kind = "meter", driver = "file-drop", folder = "inbox" }
reviewer = { kind = "reviewer", driver = "person" }
"""


def written(folder: Path, text: str = PEROVSKITE, *changes: tuple[str, str]) -> Path:
    """A file with these changes, and the table beside it."""
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "barrels.csv").write_text(BARRELS, encoding="utf-8")
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path
