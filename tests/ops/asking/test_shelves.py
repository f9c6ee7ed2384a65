"""The views: complete, described, and true to the contracts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from bus.blobs import MemoryBlobs
from contracts.catalogue import CATALOGUE, kinds
from contracts.recipe import Atmosphere, Contact, Cooling, Vessel
from ops.asking.columns import shape_of
from ops.asking.shelves import EVENTS, View, kind_view, views
from ops.wording import recipe as in_words
from tests.agents import said
from tests.contracts.examples import compositions, recipe
from tests.ops.asking.told import Told, asked, chained
from tests.ops.reports.telling import label, pattern, predicted, started

VIEWS = views()


def rows(log: Any, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows by column name."""
    found = log.execute(sql, values)
    names = [c[0] for c in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("view", VIEWS, ids=[v.name for v in VIEWS])
def test_each_view_answers_with_the_columns_that_it_describes(log: Any, view: View) -> None:
    """What is listed is what is there, each column with a sentence that the database itself can tell too."""
    found = log.execute(f"FROM {view.name}")
    assert [c[0] for c in found.description] == [c.name for c in view.columns]
    found.fetchall()
    assert view.about.endswith(".")
    schema, _, name = view.name.rpartition(".")
    told = dict(
        log.execute(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? AND schema_name = ?",
            [name, schema or "main"],
        ).fetchall()
    )
    assert told == {c.name: c.comment for c in view.columns}
    assert all(told.values())


def test_every_kind_has_a_view_of_all_its_fields() -> None:
    """No kind is forgotten, and no field shares its name with a column that every event has."""
    assert set(CATALOGUE) < {view.name for view in VIEWS}
    common = {name for name, _, _ in EVENTS}
    for event in kinds():
        names = [c.name for c in kind_view(event).columns]
        assert names[-len(event.model_fields) :] == list(event.model_fields)
        assert not {"seq", "id", "campaign", "source", "time", "cause", "correlation"} & set(event.model_fields)
        assert len(names) == len(set(names))
    assert "data" in common


def test_fields_come_back_typed(log: Any) -> None:
    """A nested number of an event is the number that was said."""
    (row,) = rows(log, "FROM diffraction.pattern_measured WHERE sample_id = 'c-0001-v1'")
    assert row["radiation"]["k_alpha1"] == 1.540593
    assert row["ended_at"] > row["started_at"]
    assert len(row["pattern"]["sha256"]) == 64
    (plan,) = rows(log, "SELECT plan.space.max_fraction AS most, plan.scan.step AS step FROM campaign.started")
    assert plan["step"] > 0
    assert isinstance(plan["most"], dict)


@settings(max_examples=40, deadline=None)
@given(composition=compositions())
def test_formulas_are_written_as_the_contract_writes_them(log: Any, composition: Any) -> None:
    """The macro and the property of Composition agree on every composition."""
    structure = shape_of(CATALOGUE["planning.candidate_proposed"]).structure
    told = '{"composition":' + composition.model_dump_json() + "}"
    (found,) = log.execute(f"SELECT formula(from_json(?, '{structure}').composition)", [told]).fetchone()
    assert found == composition.formula


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"regrinds": 2, "a_site_excess": 0.015, "vessel": Vessel.PLATINUM},
        {"a_site_excess": -0.02, "atmosphere": Atmosphere.OXYGEN, "contact": Contact.SACRIFICIAL_BED},
    ],
)
def test_recipes_are_told_as_reports_tell_them(log: Any, changes: dict[str, Any]) -> None:
    """One way to write a recipe in a line, in SQL as in pages."""
    one = recipe(**changes)
    quenched = one.model_copy(update={"profile": one.profile.model_copy(update={"cooling": Cooling.QUENCH})})
    for what in (one, quenched):
        structure = shape_of(CATALOGUE["planning.candidate_proposed"]).structure
        told = '{"recipe":' + what.model_dump_json() + "}"
        (found,) = log.execute(f"SELECT recipe_words(from_json(?, '{structure}').recipe)", [told]).fetchone()
        assert found == in_words(what)


def test_samples_tell_what_became_of_each_vial(log: Any) -> None:
    """Each fate and its reason, from the events of all agents."""
    told = {r["sample_id"]: r for r in rows(log, "FROM samples")}
    assert {name: r["fate"] for name, r in told.items()} == {
        "c-0001-v1": "success", "c-0002-v1": "learnt", "c-0003-v1": "withheld", "c-0004-v1": "lost",
        "c-0008-v1": "retracted",
    }  # fmt: skip
    assert told["c-0001-v1"]["why"] is None
    assert told["c-0001-v1"]["lattice"] == 4.1161
    assert told["c-0001-v1"]["phases"] == ["BaZr0.583Ti0.417O3 (Pm-3m) 100.0 %"]
    assert told["c-0003-v1"]["flag"] == "1 clear line belongs to no known phase"
    assert told["c-0004-v1"]["why"]
    assert told["c-0008-v1"]["why"]
    assert told["c-0008-v1"]["retracted_at"] > told["c-0008-v1"]["learnt_at"]
    assert told["c-0002-v1"]["measured_at"] is not None


def test_scans_of_a_standard_are_no_samples_and_the_label_says_which_scan_counts() -> None:
    """A vial that was measured again is told by the scan that it was learnt from, be it the first or the second."""
    blobs = MemoryBlobs()
    told = [started(), *(predicted(n) for n in (1, 2)), said.cleared(1), said.cleared(2), said.scheduled(1, 2)]
    powder = pattern(9, blobs).model_copy(
        update={"measurement_id": "standard/xrd-1/1", "sample_id": "standard-Si-0001"}
    )
    told.append(powder)
    for n in (1, 2):
        first = pattern(n, blobs)
        again = f"{said.vial(n)}/scan/2"
        intent = said.scanning(n).model_copy(update={"measurement_id": again})
        told += [said.made(n), said.scanning(n), first, said.rescanned(n), said.identified(n, said.phase()), intent]
        told += [first.model_copy(update={"measurement_id": again})]
        told += [label(n, measurement_id=again if n == 1 else first.measurement_id)]
    with asked(Told(chained(told))) as (log, _):
        found = {r["sample_id"]: r["measurement_id"] for r in rows(log, "FROM samples")}
    assert found == {said.vial(1): f"{said.vial(1)}/scan/2", said.vial(2): said.scan_of(2)}


def test_decisions_are_flat(log: Any) -> None:
    """Model, interval, scores, review: every number of the record in a column of its own."""
    told = {r["candidate_id"]: r for r in rows(log, "FROM decisions")}
    nine = told["c-0009"]
    assert (nine["model_id"], nine["n_observations"], nine["ood_votes"]) == ("m-0001", 6, 1)
    assert (nine["lattice_lower"], nine["lattice_upper"], nine["lattice_mean"]) == (4.11, 4.12, 4.115)
    assert nine["ood_scores"] == {"latent distance": 3.0, "design distance": 0.5}
    assert nine["ood_exceeded"] == ["latent distance"]
    assert nine["phase_fraction_lower"] is None
    assert {name: r["may_be_made"] for name, r in told.items()} == {
        **dict.fromkeys(("c-0001", "c-0002", "c-0003", "c-0004", "c-0008", "c-0009"), True),
        **dict.fromkeys(("c-0005", "c-0006", "c-0007"), False),
    }
    assert told["c-0005"]["review_reason"]


def test_lineage_leads_from_samples_to_models_to_decisions(log: Any) -> None:
    """A model knows the labels before it and none that was taken back; what was decided with it is named."""
    told = rows(log, "FROM lineage")
    knows = {(r["sample_id"], r["model_id"]): r for r in told}
    assert set(knows) == {
        ("c-0001-v1", "m-0001"), ("c-0002-v1", "m-0001"), ("c-0008-v1", "m-0001"),
        ("c-0001-v1", "m-0003"), ("c-0002-v1", "m-0003"),
    }  # fmt: skip
    first = knows["c-0001-v1", "m-0001"]
    assert first["first_model"]
    assert not knows["c-0001-v1", "m-0003"]["first_model"]
    assert first["decided"] == ["c-0009"]
    places = [first[n] for n in ("pattern_seq", "identification_seq", "observation_seq", "model_seq")]
    assert places == sorted(places)


def test_models_instruments_and_alarms_count(log: Any) -> None:
    """Decisions of a model, hours of a furnace, and everything that went wrong."""
    models = {r["model_id"]: r for r in rows(log, "FROM models")}
    assert {m: r["released"] for m, r in models.items()} == {"m-0001": True, "m-0002": False, "m-0003": True}
    assert (models["m-0001"]["decisions"], models["m-0003"]["decisions"]) == (1, 0)
    assert models["m-0001"]["metrics"] == {"mae lattice [Angstrom]": 0.01}
    furnace = {r["instrument"]: r for r in rows(log, "FROM instruments")}["furnace-1"]
    assert (furnace["actions"], furnace["done"], furnace["failed"], furnace["under_way"]) == (4, 2, 1, 1)
    assert furnace["vials"] == 5
    assert furnace["busy_hours"] > 5.25
    said_of = {r["kind"] for r in rows(log, "FROM alarms")}
    assert {"synthesis.step_failed", "synthesis.step_completed", "learning.observation_withheld"} < said_of
    (campaign,) = rows(log, "FROM campaigns")
    assert (campaign["vials"], campaign["successes"], campaign["best_utility"]) == (5, 1, 0.9)
