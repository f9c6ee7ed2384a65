"""Progress: every sample once, the best so far, and another run only if it is really there."""

from __future__ import annotations

import re

from bus.blobs import MemoryBlobs
from contracts.campaigns import Strategy
from ops.reports.progress import best_so_far, caption, naming, progress, samples_until
from ops.reports.story import Story, tell
from tests.agents import said
from tests.ops.reports.telling import PLAN, every_fate, label, recorded, started, tree, words


def _run(*utilities: float | None, strategy: Strategy = Strategy.COMPOSITE, seed: int = 1) -> Story:
    """Samples of these utilities one after the other; none is a sample that was lost."""
    plan = PLAN.model_copy(update={"planner": PLAN.planner.model_copy(update={"strategy": strategy})})
    events = [started(plan=plan, seed=seed)]
    for n, utility in enumerate(utilities, 1):
        fate = [said.gone(n)] if utility is None else [said.made(n), label(n, utility)]
        events += [said.proposed(n), said.cleared(n), *fate]
    return tell(recorded(events), "here")


def test_the_best_so_far_never_falls() -> None:
    """A lost sample costs a place and brings nothing."""
    run = _run(0.2, None, 0.1, 0.7, 0.3)
    assert best_so_far(run) == [0.2, 0.2, 0.2, 0.7, 0.7]
    assert (samples_until(run, 0.2), samples_until(run, 0.5), samples_until(run, 0.9)) == (1, 4, None)


def test_every_sample_is_drawn_where_its_numbers_are() -> None:
    """One link for each vial, its mark at the height of its utility; what taught nothing lies on the axis."""
    run = tell(recorded(every_fate(MemoryBlobs())), "here")
    drawn = tree(progress(run))
    links = {a.attrib["href"]: a for a in drawn.iter("a")}
    assert list(links) == ["#c-0004", "#c-0001", "#c-0002", "#c-0003"]
    heights = {name: [float(c.attrib["cy"]) for c in links[f"#{name}"].iter("circle")] for name in ("c-0001", "c-0002")}
    assert heights["c-0001"][0] < heights["c-0002"][0]  # utility 0.9 is above 0.4
    assert len(heights["c-0001"]) == 3
    assert not list(links["#c-0003"].iter("circle"))
    text = words(drawn)
    assert "(a − goal) / mÅ" in text
    assert "phase fraction" in text
    assert "goal 4.116 ± 0.003 Å" in text


def test_no_random_search_is_made_up() -> None:
    """Without another run there is one line and a caption that says so."""
    run = _run(0.2, 0.7)
    assert len(re.findall(r'class="trace', progress(run).render())) == 1
    assert "No random search was given" in caption(run, None)


def test_another_run_is_drawn_by_its_own_numbers() -> None:
    """A second line with its name, and the numbers of both runs in the caption."""
    run, other = _run(0.2, 0.7), _run(0.1, 0.3, 0.4, strategy=Strategy.RANDOM, seed=9)
    drawn = progress(run, other)
    assert len(re.findall(r'class="trace', drawn.render())) == 2
    assert naming(other) == "random search (bso-match-1, seed 9)"
    assert naming(other) in words(drawn)
    told = caption(run, other)
    assert "best 0.400 after 3 samples, against 0.700 after 2 here" in told
    assert "after 2 samples here and never in 3 there" in told


def test_a_run_that_is_not_random_is_not_called_random() -> None:
    """Two runs of the same strategy may be compared, by its name."""
    assert naming(_run(0.1)) == "composite strategy (bso-match-1, seed 1)"


def test_a_campaign_without_samples_can_be_drawn() -> None:
    """Empty frames, and no line that climbs."""
    drawn = tree(progress(_run()))
    assert not list(drawn.iter("a"))
