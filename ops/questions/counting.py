"""How much there is to choose from, and which share of it breaks no constraint."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from contracts.constraints import Between, Cap, Constraint, Linear, Neutral
from contracts.questions import Question
from contracts.spaces import Range, Setting, Simplex, Site, Sites, Space
from science.chemistry.chemistry import Chemistry, Descriptor

DRAWN = 2000
"""Points that are drawn to tell the share; it is known within 2 % then."""

Shares = dict[str, float]
NEAR = 1e-9
"""What rounding adds to a sum of shares."""


@dataclass(frozen=True)
class Drawn:
    """A point of a space.

    Attributes:
        sites: site → species → share; a mixture has one site without a name.
        settings: number or word of each setting.
    """

    sites: dict[str, Shares]
    settings: dict[str, float | str]

    def column(self, name: str) -> float:
        """A share or a setting, by the name of its column."""
        site, _, species = name.rpartition(".")
        if site in self.sites and species in self.sites[site]:
            return self.sites[site][species]
        value = self.settings.get(name, 0.0)
        return value if isinstance(value, float) else 0.0


@dataclass(frozen=True)
class Counted:
    """What there is.

    Attributes:
        compositions: how many; none for a continuum.
        settings: ways to make each; none for a continuum.
        allowed: share of what was drawn that breaks nothing.
        drawn: how many were drawn.
        broken: constraint in words → share that breaks it.
        unseen: constraints that were not looked at.
    """

    compositions: int | None
    settings: int | None
    allowed: float
    drawn: int
    broken: dict[str, float]
    unseen: tuple[str, ...]


def shares_of(elements: int, parts: int, most: int) -> int:
    """Ways to share whole parts among at most so many of the elements: which, and where to cut."""
    return sum(math.comb(elements, k) * math.comb(parts - 1, k - 1) for k in range(1, min(elements, most, parts) + 1))


def count(question: Question, chemistry: Chemistry, rows: int) -> Counted:
    """Counts a space, and draws from it.

    Args:
        question: what is asked.
        chemistry: the one that it names.
        rows: candidates of its table, if it has one.

    Raises:
        ChemistryError: a descriptor cannot be told of what may be drawn.
    """
    space, dice = question.space, random.Random(0)
    descriptors = {d.name: d for d in chemistry.descriptors}
    seen = [c for c in question.constraints if isinstance(c, Neutral | Between | Cap | Linear)]
    broken: Counter[str] = Counter()
    allowed = 0
    for _ in range(DRAWN):
        point = _draw(space, dice)
        wrong = [words(c) for c in seen if not _holds(c, point, space, descriptors)]
        broken.update(wrong)
        allowed += not wrong
    return Counted(
        compositions=_compositions(space, rows),
        settings=_ways(space.settings),
        allowed=allowed / DRAWN,
        drawn=DRAWN,
        broken={name: n / DRAWN for name, n in broken.most_common()},
        unseen=tuple(words(c) for c in question.constraints if c not in seen),
    )


def words(constraint: Constraint) -> str:
    """A constraint, in a few words."""
    if isinstance(constraint, Between):
        return f"{constraint.quantity}{_bounds(constraint.low, constraint.high)}"
    if isinstance(constraint, Cap):
        return f"{constraint.species}{f' on {constraint.on}' if constraint.on else ''}" + _bounds(
            constraint.least, constraint.most
        )
    if isinstance(constraint, Linear):
        terms = " + ".join(n if w == 1 else f"{w:g} {n}" for n, w in constraint.coefficients.items())
        return terms + _bounds(constraint.low, constraint.high)
    if isinstance(constraint, Neutral):
        return "charges that cancel"
    return f"rule {constraint.name}" if constraint.kind == "rule" else f"sites of space group {constraint.space_group}"


def _bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return f" at most {high:g}"
    if high is None:
        return f" at least {low:g}"
    return f" equal to {low:g}" if low == high else f" from {low:g} to {high:g}"


def _compositions(space: Space, rows: int) -> int | None:
    composition = space.composition
    if composition is None:
        return 1
    if isinstance(composition, Sites):
        return math.prod(shares_of(len(s.ions), composition.divisor, s.max_species) for s in composition.sites)
    if isinstance(composition, Simplex):
        divisor, n = composition.divisor, len(composition.components) + (not composition.sum_to_one)
        return None if divisor is None else math.comb(divisor + n - 1, n - 1)
    return rows


def _ways(settings: tuple[Setting, ...]) -> int | None:
    if any(isinstance(s, Range) for s in settings):
        return None
    return math.prod(len(s.values if s.kind == "levels" else s.options) for s in settings if not isinstance(s, Range))


# drawing, each as likely as any other ---------------------------------------------------------------


def _draw(space: Space, dice: random.Random) -> Drawn:
    composition, sites = space.composition, dict[str, Shares]()
    if isinstance(composition, Sites):
        sites = {s.label: _site(s, composition.divisor, dice) for s in composition.sites}
    elif isinstance(composition, Simplex):
        sites = {"": _mixture(composition, dice)}
    return Drawn(sites, {s.name: _setting(s, dice) for s in space.settings})


def _site(site: Site, parts: int, dice: random.Random) -> Shares:
    elements = list(site.ions)
    numbers = range(1, min(len(elements), site.max_species, parts) + 1)
    weights = [math.comb(len(elements), k) * math.comb(parts - 1, k - 1) for k in numbers]
    [k] = dice.choices(numbers, weights)
    who = sorted(dice.sample(range(len(elements)), k))
    cuts = [0, *sorted(dice.sample(range(1, parts), k - 1)), parts]
    return {elements[i]: (end - start) / parts for i, (start, end) in zip(who, pairwise(cuts), strict=True)}


def _mixture(simplex: Simplex, dice: random.Random) -> Shares:
    """Stars and bars on a grid, a flat Dirichlet distribution without one."""
    n = len(simplex.components) + (not simplex.sum_to_one)
    if simplex.divisor is not None:
        bars = [-1, *sorted(dice.sample(range(simplex.divisor + n - 1), n - 1)), simplex.divisor + n - 1]
        shares = [(end - start - 1) / simplex.divisor for start, end in pairwise(bars)]
    else:
        lengths = [dice.expovariate(1.0) for _ in range(n)]
        shares = [length / sum(lengths) for length in lengths]
    return dict(zip(simplex.components, shares, strict=False))


def _setting(setting: Setting, dice: random.Random) -> float | str:
    if setting.kind == "choice":
        return dice.choice(setting.options)
    if setting.kind == "levels":
        return dice.choice(setting.values)
    if setting.scale == "log":
        return math.exp(dice.uniform(math.log(setting.low), math.log(setting.high)))
    return dice.uniform(setting.low, setting.high)


# constraints ----------------------------------------------------------------------------------------


def _holds(constraint: Constraint, point: Drawn, space: Space, descriptors: dict[str, Descriptor]) -> bool:
    if isinstance(constraint, Neutral):
        return isinstance(space.composition, Sites) and _neutral(space.composition, point)
    if isinstance(constraint, Cap):
        there = [s for name, s in point.sites.items() if constraint.on in (None, name)]
        shares = [s[constraint.species] for s in there if constraint.species in s]
        return all(_inside(share, constraint.least, constraint.most) for share in shares or [0.0])
    if isinstance(constraint, Between):
        return _inside(descriptors[constraint.quantity].of(point.sites), constraint.low, constraint.high)
    if isinstance(constraint, Linear):
        total = sum(weight * point.column(name) for name, weight in constraint.coefficients.items())
        return _inside(total, constraint.low, constraint.high)
    return True


def _inside(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low - NEAR) and (high is None or value <= high + NEAR)


def _neutral(composition: Sites, point: Drawn) -> bool:
    """Whether some choice of charges cancels: zero lies between the least and the largest sum."""
    least = most = 0.0
    for site in composition.sites:
        for element, share in point.sites[site.label].items():
            least += share * site.multiplicity * min(site.ions[element])
            most += share * site.multiplicity * max(site.ions[element])
    return least <= NEAR and most >= -NEAR
