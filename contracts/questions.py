"""What a campaign asks, whatever it is about: everything in it goes by name."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.constraints import Cap, Constraint, Linear
from contracts.event import Words
from contracts.objectives import Objective
from contracts.properties import Property
from contracts.spaces import Named, Simplex, Sites, Space


class Question(Words):
    """Where to look, what not to break, what to measure, what is good, and by whose knowledge."""

    chemistry: Named = "none"
    """Who knows the class of materials; `none` knows nothing."""
    family: Named = "all"
    """How candidates are grouped for trust."""
    route: Named = "none"
    """How samples are made."""
    space: Space
    """Where to look."""
    constraints: tuple[Constraint, ...] = ()
    """What not to break."""
    properties: Annotated[tuple[Property, ...], Field(min_length=1)]
    """What is measured."""
    objective: Objective
    """What is good."""

    @model_validator(mode="after")
    def _speaks_of_what_there_is(self) -> Self:
        known = [p.name for p in self.properties]
        told = {a.property for a in self.objective.aims} | {d.property for d in self.objective.success}
        if stray := sorted((told | set(self.objective.reference)) - set(known)):
            raise ValueError(f"expected properties that are measured ({', '.join(known)}), got {', '.join(stray)}")
        columns = self.space.columns
        for constraint in self.constraints:
            if isinstance(constraint, Linear) and (stray := sorted(set(constraint.coefficients) - set(columns))):
                raise ValueError(f"expected columns of the space ({', '.join(columns)}), got {', '.join(stray)}")
            if isinstance(constraint, Cap):
                self._on_its_site(constraint)
        return self

    def _on_its_site(self, cap: Cap) -> None:
        """A limit is that of a species which may be there, on one site."""
        composition = self.space.composition
        if isinstance(composition, Sites):
            places = [s.label for s in composition.sites if cap.species in s.ions and cap.on in (None, s.label)]
            if len(places) != 1:
                where = f"on {cap.on}" if cap.on else "on one site"
                got = " and ".join(places) or "none"
                raise ValueError(f"expected {cap.species} {where} to limit it there, got it on {got}")
        elif not isinstance(composition, Simplex) or cap.species not in composition.components:
            raise ValueError(f"expected a component of the space to limit, got {cap.species}")
