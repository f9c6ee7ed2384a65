"""Spaces are counted as if everything in them were written down, and drawn from evenly."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from contracts.spaces import Simplex, Site
from ops.questions.counting import DRAWN, Counted, _mixture, _site, count, shares_of
from ops.questions.reading import read_campaign
from science.chemistry.known import chemistry
from tests.ops.questions.files import ALLOY, PEROVSKITE, TABLE, written


def every(elements: int, parts: int, most: int) -> list[tuple[int, ...]]:
    """All ways to share parts among at most so many elements, written down one by one."""
    shares = itertools.product(range(parts + 1), repeat=elements)
    return [counts for counts in shares if sum(counts) == parts and sum(n > 0 for n in counts) <= most]


@pytest.mark.parametrize(("elements", "parts", "most"), [(3, 12, 3), (4, 6, 3), (1, 5, 4), (5, 4, 2), (3, 1, 3)])
def test_shares_of_a_site_are_counted_and_drawn_evenly(elements: int, parts: int, most: int) -> None:
    """The sum of binomials is the length of the list; and each is drawn as often as any other."""
    whole = every(elements, parts, most)
    assert shares_of(elements, parts, most) == len(whole)
    site, dice = (
        Site(label="A", ions=dict.fromkeys(("Ca", "Sr", "Ba", "La", "Ti")[:elements], (2,)), max_species=most),
        random.Random(1),
    )
    drawn = Counter(tuple(_site(site, parts, dice).items()) for _ in range(200 * len(whole)))
    assert len(drawn) == len(whole)
    assert all(100 < n < 320 for n in drawn.values())


@pytest.mark.parametrize("sums", [True, False])
def test_shares_of_a_mixture_are_drawn_evenly(*, sums: bool) -> None:
    """On a grid each point is as likely as any other, the empty ones too."""
    simplex, dice = Simplex(components=("Ni", "Co", "Cr"), divisor=4, sum_to_one=sums), random.Random(1)
    points = [p for p in itertools.product(range(5), repeat=3) if (sum(p) == 4 if sums else sum(p) <= 4)]
    drawn = Counter(tuple(_mixture(simplex, dice).values()) for _ in range(200 * len(points)))
    assert set(drawn) == {tuple(n / 4 for n in point) for point in points}
    assert all(100 < n < 320 for n in drawn.values())


def counted(folder: Path, text: str, *changes: tuple[str, str], rows: int = 0) -> Counted:
    question = read_campaign(written(folder, text, *changes)).question
    return count(question, chemistry(question.chemistry), rows)


def test_a_perovskite_is_counted(tmp_path: Path) -> None:
    """Compositions times ways to make them; the shares that break a constraint, and the rule that is not looked at."""
    found = counted(tmp_path, PEROVSKITE)
    assert (found.compositions, found.settings, found.drawn) == (26_390, 18, DRAWN)
    assert 0.2 < found.allowed < 0.4
    assert set(found.broken) == {"Sn at most 0.1", "tolerance factor from 0.96 to 1.04"}
    assert found.unseen == ("rule vessel chemistry",)


def test_charges_cancel_where_some_choice_of_them_does(tmp_path: Path) -> None:
    """Lanthanum balances manganese that may have a charge of 3, and never titanium."""
    lanthanum = ("A = { Ca = 2, Sr = 2, Ba = 2 }", "A = { La = 3 }")
    free = ('between = { "tolerance factor" = [0.96, 1.04] }\nmost = { Sn = 0.10 }', "")
    for ions, allowed in (("Mn = [3, 4]", 1.0), ("Ti = 4", 0.0), ("Mn = 3", 1.0)):
        b_site = ("B = { Ti = 4, Zr = 4, Sn = 4, Hf = 4 }", f"B = {{ {ions} }}")
        found = counted(tmp_path, PEROVSKITE, lanthanum, free, b_site)
        assert found.allowed == allowed, ions
        assert found.broken == ({} if allowed else {"charges that cancel": 1.0})


def test_a_mixture_and_a_sum(tmp_path: Path) -> None:
    """Of all points of the grid, those with little chromium: 5 151, of which 3 321 hold; a range is a continuum."""
    found = counted(tmp_path, ALLOY)
    assert (found.compositions, found.settings) == (5151, None)
    share = sum(1 for c in range(41) for _ in range(101 - c)) / 5151
    assert abs(found.allowed - share) < 3 * (share * (1 - share) / DRAWN) ** 0.5
    assert counted(tmp_path, ALLOY, ("parts = 100", "")).compositions is None
    assert counted(tmp_path, ALLOY, ("parts = 100", "parts = 4\nsum_to_one = false")).compositions == 35


def test_a_table_has_its_rows(tmp_path: Path) -> None:
    """Nothing is forbidden in it."""
    found = counted(tmp_path, TABLE, rows=3)
    assert (found.compositions, found.settings, found.allowed) == (3, 1, 1.0)
