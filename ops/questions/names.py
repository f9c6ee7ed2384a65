"""Names that a question leaves to others: what its chemistry and its route know, and what they do not."""

from __future__ import annotations

from contracts.constraints import Between
from contracts.properties import FromPhases
from contracts.questions import Question
from contracts.recipe import Atmosphere, Contact, Cooling, Form, Vessel
from contracts.spaces import Choice
from science.chemistry.chemistry import Chemistry

SOLID_STATE: dict[str, str | tuple[str, ...]] = {
    "temperature": "Cel", "dwell": "h", "ramp": "K/min", "regrinds": "1", "a_site_excess": "1", "milling": "h",
    "atmosphere": tuple(a.value for a in Atmosphere),
    "cooling": tuple(c.value for c in Cooling),
    "vessel": tuple(v.value for v in Vessel),
    "contact": tuple(c.value for c in Contact),
    "form": tuple(f.value for f in Form),
}  # fmt: skip
"""Setting of a solid-state synthesis → its unit, or the words that it may be."""
ROUTES: dict[str, dict[str, str | tuple[str, ...]] | None] = {"none": None, "solid-state": SOLID_STATE}
"""Route → the settings that it knows; `none` takes any."""


def unknown_names(question: Question, chemistry: Chemistry) -> list[str]:
    """What nobody knows, a sentence each, with what is known.

    Args:
        question: what is asked.
        chemistry: the one that it names.
    """
    told = []
    if question.family not in chemistry.families and question.family not in _groups(question):
        known = ", ".join(sorted({*chemistry.families, *_groups(question)}))
        told.append(f"family: expected one that {chemistry.name} knows ({known}), got {question.family!r}")
    descriptors = [d.name for d in chemistry.descriptors]
    for constraint in question.constraints:
        if isinstance(constraint, Between) and constraint.quantity not in descriptors:
            known = ", ".join(descriptors) or "it knows none"
            told.append(
                f"constraints.between: expected a descriptor of {chemistry.name} ({known}), got {constraint.quantity!r}"
            )
    for measured in question.properties:
        source = measured.source
        if isinstance(source, FromPhases) and source.reading not in chemistry.readings:
            known = ", ".join(chemistry.readings)
            told.append(
                f"properties.{measured.name}.read: expected a reading of {chemistry.name} ({known}), got "
                f"{source.reading!r}"
            )
    return told + _unknown_settings(question)


def _groups(question: Question) -> list[str]:
    """What in the space itself can group candidates: a setting of words, a column of words, the majority of a site."""
    words = [s.name for s in question.space.settings if isinstance(s, Choice)]
    composition = question.space.composition
    if composition is None:
        return words
    if composition.kind == "sites":
        return [*words, *(f"majority {s.label}" for s in composition.sites if len(s.ions) > 1)]
    return [*words, *(composition.columns if composition.kind == "table" else ["majority"])]


def _unknown_settings(question: Question) -> list[str]:
    if question.route not in ROUTES:
        return [f"route: expected one of {', '.join(ROUTES)}, got {question.route!r}"]
    known = ROUTES[question.route]
    if known is None:
        return []
    told = []
    for setting in question.space.settings:
        where, expected = f"space.settings.{setting.name}", known.get(setting.name)
        if expected is None:
            told.append(f"{where}: expected a setting of {question.route} ({', '.join(known)})")
        elif isinstance(expected, str):
            if isinstance(setting, Choice) or setting.unit != expected:
                got = "words" if isinstance(setting, Choice) else repr(setting.unit)
                told.append(f"{where}: expected numbers in {expected!r}, got {got}")
        elif not isinstance(setting, Choice):
            told.append(f"{where}: expected a choice of {', '.join(expected)}, got numbers")
        elif stray := [option for option in setting.options if option not in expected]:
            told.append(f"{where}: expected some of {', '.join(expected)}, got {', '.join(stray)}")
    return told
