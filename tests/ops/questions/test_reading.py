"""Files of names and keys become questions, and every mistake in one is told with what was expected and is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.constraints import Between, Cap, Linear, Neutral, Rule
from contracts.objectives import AtLeast, Combine, More, Peak, Ramp, Within
from contracts.properties import FromMeter, FromPhases
from contracts.questions import Question
from contracts.spaces import Choice, Levels, Range, Simplex, Sites, Table
from ops.errors import CampaignFileError
from ops.questions.reading import read_campaign
from tests.ops.questions.files import ALLOY, BARRELS, PEROVSKITE, TABLE, written


def asked(tmp_path: Path, text: str, *changes: tuple[str, str]) -> Question:
    return read_campaign(written(tmp_path, text, *changes)).question


def test_a_formula_with_sites_becomes_a_space_of_ions(tmp_path: Path) -> None:
    """What has a table is a site, what has a number an atom; settings, limits, aims and demands follow their keys."""
    question = asked(tmp_path, PEROVSKITE)
    space = question.space.composition
    assert isinstance(space, Sites)
    assert [(s.label, s.multiplicity, s.max_species) for s in space.sites] == [("A", 1, 3), ("B", 1, 3), ("O", 3, 1)]
    assert (space.sites[0].ions["Ba"], space.sites[2].ions["O"], space.divisor) == ((2,), (-2,), 12)
    assert [type(s) for s in question.space.settings] == [Levels, Levels, Choice]
    assert [s.shared for s in question.space.settings] == [True, True, False]
    assert [type(c) for c in question.constraints] == [Neutral, Between, Cap, Rule]
    lattice, fraction = question.properties
    assert lattice.source == FromPhases(instrument="xrd-1", reading="pseudo-cubic")
    assert (lattice.unit, lattice.symbol, lattice.digits, lattice.max_width) == ("Angstrom", "a", 4, 0.04)
    assert (fraction.unit, fraction.max_width) == ("1", None)
    assert [type(a.worth) for a in question.objective.aims] == [Peak, Ramp]
    assert question.objective.success == (
        Within(property="lattice", at=4.116, by=0.003),
        AtLeast(property="phase_fraction", limit=0.95),
    )
    assert Question.model_validate_json(question.model_dump_json()) == question


def test_a_table_is_kept_by_its_digest(tmp_path: Path) -> None:
    """The planner sees the columns that are named; the number comes from a meter of the property's name."""
    campaign = read_campaign(written(tmp_path, TABLE))
    table = campaign.question.space.composition
    assert isinstance(table, Table)
    assert (table.columns, table.key, table.rows.size) == (("n", "theta"), None, len(BARRELS))
    [toughness] = campaign.question.properties
    assert toughness.source == FromMeter(instrument="meter-1", reading="toughness")
    assert campaign.question.objective.aims[0].worth == More()
    assert campaign.players[0].keys == {"table": "barrels.csv"}
    assert campaign.sections["planner"] == {"strategy": "composite", "initial": 6, "batch": 1}


def test_shares_people_and_prices(tmp_path: Path) -> None:
    """A simplex with a continuous setting, a sum with a bound, who does what by hand, and what it costs."""
    campaign = read_campaign(written(tmp_path, ALLOY))
    space = campaign.question.space
    assert isinstance(space.composition, Simplex)
    assert space.columns == ("Ni", "Co", "Cr", "anneal")
    assert space.settings == (Range(name="anneal", unit="Cel", low=700, high=1200),)
    assert campaign.question.constraints == (Linear(coefficients={"Cr": 1}, high=0.4),)
    assert [(p.name, p.kind, p.driver) for p in campaign.players] == [
        ("bench", "bench", "person"), ("tester", "meter", "file-drop"), ("reviewer", "reviewer", "person"),
    ]  # fmt: skip
    assert campaign.prices == {"sample": 12.0, "hour": {"tester": 18.0}}
    assert campaign.sections["budget"] == {"max_samples": 30, "euro": 2500}


def test_mixed_valence_fractions_and_atoms_of_no_charge(tmp_path: Path) -> None:
    """Counts may be fractions, an element may have several charges, and one without a line has none."""
    formula, mixed = ('"A B O3"', '"A1.2 B0.8 O2 X"'), ("Ti = 4, ", "Mn = [3, 4], ")
    most = ("max_species = 3", "max_species = { B = 2 }")
    space = asked(tmp_path, PEROVSKITE, formula, mixed, most).space.composition
    assert isinstance(space, Sites)
    assert [(s.label, s.multiplicity, s.max_species) for s in space.sites] == [
        ("A", 1.2, 1), ("B", 0.8, 2), ("O", 2, 1), ("X", 1, 1),
    ]  # fmt: skip
    assert (space.sites[1].ions["Mn"], space.sites[3].ions) == ((3, 4), {"X": (0,)})


def test_two_aims_in_conflict_are_a_front(tmp_path: Path) -> None:
    """What is maximised and minimised at once is ranked by no single number."""
    front = '[objective.pareto]\nmaximise = ["hardness"]\nminimise = ["loss"]\nreference = { loss = 3 }'
    loss = ("[objective]", '[properties.loss]\nfrom = "tester"')
    objective = asked(tmp_path, ALLOY, loss, ('maximise = "hardness"', front)).objective
    assert objective.combine is Combine.FRONT
    assert [a.property for a in objective.aims] == ["hardness", "loss"]
    assert objective.reference == {"loss": 3}


def test_a_file_may_be_based_on_another(tmp_path: Path) -> None:
    """Tables merge key by key, values replace; another kind of composition takes nothing from the one below."""
    written(tmp_path, ALLOY)
    (tmp_path / "mine.toml").rename(tmp_path / "below.toml")
    above = tmp_path / "above.toml"
    tester = '[instruments]\ntester = { kind = "meter", driver = "person" }'
    above.write_text(f'base = "below.toml"\nname = "above"\n[budget]\nmax_samples = 5\n{tester}\n')
    campaign = read_campaign(above)
    assert (campaign.name, campaign.sections["budget"]) == ("above", {"max_samples": 5, "euro": 2500})
    assert [(p.name, p.driver) for p in campaign.players][1] == ("tester", "person")
    above.write_text('base = "below.toml"\n[space.composition]\nsimplex = ["Fe", "Co", "Cr"]\n')
    assert read_campaign(above).question.space.composition == Simplex(components=("Fe", "Co", "Cr"))
    above.write_text('base = "above.toml"\n')
    with pytest.raises(CampaignFileError, match="based on itself"):
        read_campaign(above)


@pytest.mark.parametrize(
    ("text", "old", "new", "told"),
    [
        (PEROVSKITE, '"A B O3"', '"A B O3-x"', r"composition\.formula: expected names and counts apart .* got 'O3-x'"),
        (PEROVSKITE, '"A B O3"', '"A O3"', r"composition\.B: an unknown key \(known here: the names in the formula"),
        (PEROVSKITE, "Ti = 4, ", 'Ti = "four", ', r"composition\.B\.Ti: expected a charge such as 2, or several"),
        (PEROVSKITE, "A = { Ca = 2, Sr = 2, Ba = 2 }", "A = {}", r"composition\.A: expected ions and their charges"),
        (PEROVSKITE, "parts = 12", "parts = 0", r"composition\.divisor: .*greater than or equal to 1"),
        (PEROVSKITE, "levels = [1000, 1050, 1100]", "step = 3", r"temperature: expected one of levels, range"),
        (PEROVSKITE, "levels = [4, 8, 12]", "levels = [0, 8]", r"expected values of dwell above zero on a"),
        (PEROVSKITE, "levels = [4, 8, 12]", 'levels = ["a"]', r"dwell\.levels\.values\.0: .*valid number"),
        (PEROVSKITE, "[0.96, 1.04]", "[1.04, 0.96]", r"expected bounds of tolerance factor that rise, got 1\.04"),
        (PEROVSKITE, "most = { Sn = 0.10 }", "most = { Pb = 0.10 }", r"expected Pb on one site .* got it on none"),
        (PEROVSKITE, "neutral = true", 'neutral = "yes"', r"constraints\.neutral: expected true or false, got 'yes'"),
        (PEROVSKITE, 'from = "xrd-1"\nread = "share"', 'from = "x"', r"that measures \(xrd-1\), got 'x'"),
        (PEROVSKITE, "digits = 4", "digit = 4", r"lattice\.digit: an unknown key \(did you mean digits\?\)"),
        (PEROVSKITE, "width = 0.010, ", "", r"objective\.target\.lattice\.width: expected a number, got none"),
        (PEROVSKITE, "ramp.phase_fraction", "ramp.colour", r"measured \(lattice, phase_fraction\), got colour"),
        (PEROVSKITE, "max_samples = 48", "max_samples = -1", r"budget\.max_samples: .* that is not negative"),
        (PEROVSKITE, "max_samples = 48", "samples = 48", r"budget\.samples: .* \(did you mean max_samples\?\)"),
        (PEROVSKITE, 'kind = "furnace"', 'kind = "oven"', r"furnace-1\.kind: expected one of furnace, .* got 'oven'"),
        (PEROVSKITE, "capacity = 4", "capacity = 0", r"instruments\.furnace-1\.capacity: .*greater than or equal to 1"),
        (PEROVSKITE, 'capacity = 4, driver = "simulated"', 'driver = "magic"', r"simulated, .*:Class, got 'magic'"),
        (PEROVSKITE, 'capacity = 4, driver = "simulated"', 'driver = "person", port = 3', r"port: an unknown key"),
        (PEROVSKITE, "capacity = 4", 'capacity = 4, max_deviation = "x"', r"max_deviation: expected a number .*, got"),
        (PEROVSKITE, "stop = 90", "stop = 16", r"xrd-1\.scan: expected a scan over 10 degrees"),
        (TABLE, '"barrels.csv"\ncolumns', '"no.csv"\ncolumns', r"composition\.table: expected a file at .*no\.csv"),
        (TABLE, '["n", "theta"]', '["n", "r"]', r"expected columns of barrels\.csv \(n, theta, toughness\), got r"),
        (TABLE, '["n", "theta"]', "[]", r"composition\.columns: expected 1 or more, got none"),
        (TABLE, 'maximise = "toughness"', "", r"objective: expected something to look for .* got nothing"),
        (TABLE, 'maximise = "toughness"', 'maximise = "toughness"\nminimise = "n"', r"expected toughness alone"),
        (TABLE, "batch = 1", 'batch = "one"', r"planner\.batch: expected a number, got 'one'"),
        (TABLE, "batch = 1", "batch = 0", r"planner\.batch: expected a whole number from 1 on, got 0"),
        (TABLE, "batch = 1", "batch = 1.5", r"planner\.batch: expected a whole number from 1 on, got 1\.5"),
        (TABLE, "batch = 1", 'strategy = "magic"', r"expected one of composite, random, greedy, got 'magic'"),
        (TABLE, "batch = 1", 'known = "before.csv"', r"planner\.known: expected a file at .*before\.csv, got none"),
        (ALLOY, 'simplex = ["Ni", "Co", "Cr"]', "", r"expected one of formula, simplex, table, got none of them"),
        (ALLOY, '"Ni", "Co", "Cr"', '"Ni", "Ni"', r"expected each component once, got Ni again"),
        (ALLOY, "{ of = { Cr = 1 }", "{ of = { Mn = 1 }", r"columns of the space \(Ni, Co, Cr, anneal\), got Mn"),
        (ALLOY, ", at_most = 0.4", "", r"constraints\.linear\.0\.linear: expected a bound for Cr, got none"),
        (ALLOY, "range = [700, 1200]", "range = [1200, 700]", r"expected a range of anneal that rises, got 1200"),
        (ALLOY, "hour = { tester = 18.0 }", "hour = { xrd = 18.0 }", r"hour\.xrd: expected an instrument \(bench, "),
        (ALLOY, "[objective]", '[properties.sample]\nfrom = "tester"\n[objective]', r"sample: expected another name"),
        (ALLOY, "repeats = 5", "estimates = { dft = {} }", r"hardness\.estimates: expected none"),
        (ALLOY, "euro = 2500", "euro = 5\n[simulation.faults]\nrain = 1", r"simulation\.faults: .* got rain"),
        (ALLOY, "euro = 2500", "euro = 5\n[simulation.faults]\nmisweigh = 5", r"faults\.misweigh: .*or equal to 1"),
        (ALLOY, "euro = 2500", "euro = true", r"budget\.euro: expected a number, got true"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, old: str, new: str, told: str) -> None:
    """What was expected, what came, and what is known."""
    with pytest.raises(CampaignFileError, match=told):
        read_campaign(written(tmp_path, text, (old, new)))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Whoever has made three does not have to come three times."""
    path = written(tmp_path, PEROVSKITE, ("digits = 4", "digit = 4"), ("parts = 12", "parts = 0"), ("title", "tilte"))
    with pytest.raises(CampaignFileError) as error:
        read_campaign(path)
    assert all(word in str(error.value) for word in ("digit:", "divisor:", "tilte:"))


@pytest.mark.parametrize("content", [b"name = \n", b"\xff\xfe\x00", None])
def test_what_cannot_be_read_is_said(tmp_path: Path, content: bytes | None) -> None:
    """No TOML, no text, no file."""
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CampaignFileError, match="Expected (TOML|a readable campaign file)"):
        read_campaign(path)
