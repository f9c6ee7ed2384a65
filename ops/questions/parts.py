"""Settings, constraints, properties and the objective, from the tables that people write."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from contracts.constraints import Constraint
from contracts.objectives import Objective
from contracts.properties import Property
from contracts.spaces import Setting
from ops.questions.pages import Page, as_number, brief


def settings_in(page: Page) -> list[Setting]:
    """What is chosen beside a composition."""
    shape: TypeAdapter[Setting] = TypeAdapter(Setting)
    found = []
    for name in page.names():
        inner = page.page(name)
        document: dict[str, Any] = {"name": name, "shared": inner.flag("shared")}
        kinds = [kind for kind in ("levels", "range", "choice") if kind in inner]
        if kinds != ["choice"]:
            document |= {"unit": inner.text("unit", "1"), "scale": inner.text("scale", "linear")}
        if len(kinds) != 1:
            inner.wrong("", f"expected one of levels, range and choice, got {' and '.join(kinds) or 'none of them'}")
            continue
        value = inner.take(kinds[0])
        inner.done()
        document["kind"] = kinds[0]
        if kinds == ["range"]:
            if not (isinstance(value, list) and len(value) == 2):
                inner.wrong("range", f"expected two numbers, such as [700, 1200], got {brief(value)}")
                continue
            document |= {"low": value[0], "high": value[1]}
        else:
            document["values" if kinds == ["levels"] else "options"] = value
        made = inner.built("", shape, document)
        found += [made] if made is not None else []
    return found


def constraints_in(page: Page) -> list[Constraint]:
    """What must not be broken."""
    shape: TypeAdapter[Constraint] = TypeAdapter(Constraint)
    documents: list[tuple[str, dict[str, Any]]] = []
    if page.flag("neutral"):
        documents.append(("neutral", {"kind": "neutral"}))
    between = page.page("between")
    for name, bounds in between.rest():
        if not (isinstance(bounds, list) and len(bounds) == 2):
            between.wrong(name, f"expected two numbers, such as [0.96, 1.04], got {brief(bounds)}")
            continue
        low, high = bounds
        documents.append((f"between.{name}", {"kind": "between", "quantity": name, "low": low, "high": high}))
    for bound in ("most", "least"):
        for name, share in page.page(bound).rest():
            site, _, species = name.rpartition(".")
            cap = {"kind": "cap", "species": species, "on": site or None, bound: share}
            documents.append((f"{bound}.{name}", cap))
    documents += [("rules", {"kind": "rule", "name": name}) for name in page.words("rules")]
    if (group := page.take("hosted")) is not None:
        documents.append(("hosted", {"kind": "hosted", "space_group": group}))
    documents += _linear(page)
    page.done()
    made = [page.built(key, shape, document) for key, document in documents]
    return [constraint for constraint in made if constraint is not None]


def _linear(page: Page) -> list[tuple[str, dict[str, Any]]]:
    told = page.take("linear", [])
    if not isinstance(told, list):
        page.wrong("linear", f"expected a list such as [{{ of = {{ Cr = 1 }}, at_most = 0.4 }}], got {brief(told)}")
        return []
    found = []
    for n, entry in enumerate(told):
        inner = Page(entry, page.at(f"linear.{n}"), page.mistakes)
        of, most, least, equal = inner.take("of"), *(inner.number(k) for k in ("at_most", "at_least", "equals"))
        inner.done()
        low, high = (equal, equal) if equal is not None else (least, most)
        found.append((f"linear.{n}", {"kind": "linear", "coefficients": of, "low": low, "high": high}))
    return found


def properties_in(page: Page, kinds: dict[str, str]) -> list[Property]:
    """What is measured.

    Args:
        page: the table.
        kinds: instrument → its kind.
    """
    return [p for name in page.names() if (p := _property(page.page(name), name, kinds)) is not None]


RESERVED = ("sample", "design")
"""Names that stand beside the properties of a sample where its values are kept."""


def _property(page: Page, name: str, kinds: dict[str, str]) -> Property | None:
    instrument, phase = page.text("from"), page.text("phase")
    reading = page.text("read", name)
    if name in RESERVED:
        page.wrong("", f"expected another name for a property than {' and '.join(RESERVED)}")
    if page.take("estimates") is not None:
        page.wrong("estimates", "expected none: cheaper estimates cannot be used yet, leave them out")
    document: dict[str, Any] = {"name": name, "unit": page.text("unit", "1"), "symbol": page.text("symbol")}
    document |= {"digits": page.whole("digits", 3), "repeats": page.whole("repeats", 1)}
    document |= {key: page.number(key) for key in ("low", "high", "max_su", "max_width")}
    page.done()
    kind = kinds.get(instrument)
    if kind not in ("meter", "diffractometer"):
        able = [name for name, kind in kinds.items() if kind in ("meter", "diffractometer")]
        page.wrong(
            "from", f"expected an instrument that measures ({', '.join(able) or 'none is listed'}), got {instrument!r}"
        )
        return None
    document["source"] = {"kind": "meter", "instrument": instrument, "reading": reading}
    if kind == "diffractometer":
        document["source"] |= {"kind": "phases", "phase": phase}
    elif phase:
        page.wrong("phase", f"expected no phase beside a meter, got {phase!r}")
    return page.made("", lambda: Property.model_validate(document))


SHAPES = {"target": ("at", "width"), "ramp": ("zero", "one"), "decay": ("rate",)}
"""How a property is aimed at → the numbers that this needs."""


def objective_in(page: Page) -> Objective | None:
    """What is good."""
    aims, success = [], []
    for shape, numbers in SHAPES.items():
        group = page.page(shape)
        for name in group.names():
            inner = group.page(name)
            told = {key: inner.number(key) for key in numbers}
            aims.append(_aim(inner, name, "peak" if shape == "target" else shape, told))
            success += _demands(inner, name, told.get("at"))
            inner.done()
    for key, shape in (("maximise", "more"), ("minimise", "less")):
        if name := page.text(key):
            aims.append({"property": name, "worth": {"shape": shape}})
    combine, reference = page.text("combine", "product"), {}
    if "pareto" in page:
        front = page.page("pareto")
        for key, shape in (("maximise", "more"), ("minimise", "less")):
            aims += [{"property": name, "worth": {"shape": shape}} for name in front.words(key)]
        combine, reference = "front", front.take("reference", {})
        front.done()
    for key, kind in (("at_least", "at-least"), ("at_most", "at-most")):
        success += [{"kind": kind, "property": name, "limit": limit} for name, limit in page.page(key).rest()]
    page.done()
    if not aims:
        page.wrong(
            "", f"expected something to look for ({', '.join(SHAPES)}, maximise, minimise or pareto), got nothing"
        )
        return None
    document = {"aims": aims, "combine": combine, "success": success, "reference": reference}
    return page.made("", lambda: Objective.model_validate(document))


def _aim(page: Page, name: str, shape: str, numbers: dict[str, float | None]) -> dict[str, Any]:
    for key, value in numbers.items():
        if value is None:
            page.wrong(key, "expected a number, got none (add it)")
    worth = {"shape": shape, **{key: 1.0 if value is None else value for key, value in numbers.items()}}
    if shape == "ramp" and None in numbers.values():
        worth |= {"zero": 0.0, "one": 1.0}
    return {"property": name, "worth": worth, "weight": page.of("weight", as_number, "a number", 1.0)}


def _demands(page: Page, name: str, at: float | None) -> list[dict[str, Any]]:
    """What a success needs of a property that is aimed at."""
    within = page.number("within") if at is not None else None
    found: list[dict[str, Any]] = []
    if within is not None:
        found.append({"kind": "within", "property": name, "at": at, "by": within})
    for key, kind in (("at_least", "at-least"), ("at_most", "at-most")):
        if (limit := page.number(key)) is not None:
            found.append({"kind": kind, "property": name, "limit": limit})
    return found
